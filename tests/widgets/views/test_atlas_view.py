"""What Python sends to the view of a counterfactual."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from xai_widgets.errors import PictureError
from xai_widgets.show.images import diverging
from xai_widgets.widgets.views.atlas import LONGEST_TILE, AtlasView

BOX = (-1.0, 1.0, 0.0, 3.0)


@pytest.fixture
def view(opened: Any) -> Any:
    return opened(AtlasView, wait=False, names=["oak", "elm"], colours=["#0072B2", "#E69F00"])


def atlas(grid: int, height: int, width: int, channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (grid * grid, channels, height, width)).astype(np.uint8)
    chances = generator.random((grid * grid, 2))
    return pictures, chances


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


@pytest.mark.parametrize(("height", "width", "channels"), [(8, 8, 3), (7, 5, 1), (4, 32, 3)])
def test_small_tiles_are_exact_and_in_the_order_of_the_map(
    view: AtlasView, height: int, width: int, channels: int
) -> None:
    pictures, chances = atlas(3, height, width, channels)
    view.show_atlas(pictures, chances, BOX)
    sheet = pixels(view.sheet)
    assert (view.grid, view.tile, view.box) == (3, [height, width], list(BOX))
    for place, picture in enumerate(pictures):
        row, column = divmod(place, 3)
        tile = sheet[row * height : (row + 1) * height, column * width : (column + 1) * width]
        assert (tile == picture.transpose(1, 2, 0)).all()


def test_large_pictures_are_averaged_into_tiles(view: AtlasView) -> None:
    pictures = np.repeat(np.linspace(0, 1, 4), 3 * 200 * 100).reshape(4, 3, 200, 100)
    view.show_atlas(pictures, np.full((4, 2), 0.5), BOX)
    assert view.tile == [LONGEST_TILE, LONGEST_TILE // 2]
    assert "image/webp" in view.sheet
    assert pixels(view.sheet).shape == (2 * LONGEST_TILE, LONGEST_TILE, 3)


def test_the_table_is_float32_in_the_order_of_the_map(view: AtlasView) -> None:
    pictures, chances = atlas(2, 4, 4)
    view.show_atlas(pictures, chances, BOX)
    assert np.frombuffer(view.table, "<f4").reshape(4, 2) == pytest.approx(chances)


@pytest.mark.parametrize(
    ("pictures", "table", "message"),
    [(3, (3, 2), "n x n"), (1, (1, 2), "at least 2"), (4, (4, 3), "2 classes"), (260**2, (260**2, 2), "too many")],
)
def test_what_is_no_atlas_is_refused(view: AtlasView, pictures: int, table: tuple[int, int], message: str) -> None:
    with pytest.raises(PictureError, match=message):
        view.show_atlas([None] * pictures, np.zeros(table), BOX)
    assert view.sheet == ""


def test_another_original_drops_what_belonged_to_the_one_before(view: AtlasView) -> None:
    pictures, chances = atlas(2, 4, 4)
    view.show_atlas(pictures, chances, BOX)
    view.show_exact(0.5, 1.0, pictures[0], chances[0])
    view.show_original(np.zeros((3, 80, 80)), "nothing", source=1, target=0)
    assert (view.sheet, view.table, view.exact) == ("", b"", {})
    assert (view.source, view.target, view.original["alt"], view.pixelated) == (1, 0, "nothing", False)


def test_the_exact_picture_carries_its_place(view: AtlasView) -> None:
    view.show_exact(0.5, 1.0, np.zeros((1, 8, 8)), np.array([0.25, 0.75], np.float32))
    assert view.exact["probabilities"] == [0.25, 0.75]
    assert (view.exact["x"], view.exact["y"]) == (0.5, 1.0)


@pytest.mark.parametrize("sent", [2.5, memoryview(np.array([2.5])), 2])
def test_positions_are_never_sent_back(view: AtlasView, sent: object, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[object] = []
    monkeypatch.setattr(view, "send_state", answers.append)
    view.set_state({"x": sent})
    assert view.x == sent
    assert answers == []


def test_what_is_bulky_or_follows_the_hand_is_not_echoed() -> None:
    for name in ("x", "y", "sheet", "table", "exact", "original"):
        assert AtlasView.class_traits()[name].metadata["echo_update"] is False


def test_change_has_the_colours_of_all_signed_maps(view: AtlasView) -> None:
    values = np.linspace(-1, 1, 41)
    channels = [
        np.interp(values, np.linspace(-1, 1, len(view.ramp)), channel) for channel in zip(*view.ramp, strict=True)
    ]
    assert np.abs(np.stack(channels, -1) - diverging(values[None], 1.0)[0]).max() <= 0.5


def test_a_page_gets_all_that_the_view_shows_and_nothing_of_the_host(view: AtlasView) -> None:
    pictures, chances = atlas(2, 4, 4)
    view.show_atlas(pictures, chances, BOX)
    state = json.loads(json.dumps(view.page_state()))
    assert state["sheet"] == view.sheet
    assert base64.b64decode(state["table"]) == view.table
    assert not {"layout", "comm", "_esm", "_css"} & set(state)

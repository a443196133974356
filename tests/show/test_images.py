"""Any picture becomes bytes, or an error that says why not."""

from __future__ import annotations

import base64
import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from xai_widgets.errors import PictureError
from xai_widgets.show.images import data_uri, diverging, enlarge, sequential, to_uint8


@pytest.fixture
def picture() -> np.ndarray:
    """A picture of odd size, (33, 47, 3), uint8."""
    return np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8)


def decode(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


@pytest.mark.parametrize("form", ["bytes", "int64", "float", "float32", "channels first", "tensor", "half", "PIL"])
def test_every_form_gives_the_same_bytes(picture: np.ndarray, form: str) -> None:
    tensor = torch.tensor(picture).permute(2, 0, 1) / 255
    given = {
        "bytes": picture,
        "int64": picture.astype(np.int64),
        "float": picture / 255,
        "float32": (picture / 255).astype(np.float32),
        "channels first": picture.transpose(2, 0, 1),
        "tensor": tensor.clone().requires_grad_(),
        "half": tensor.half(),
        "PIL": Image.fromarray(picture),
    }[form]
    shown = to_uint8(given)
    assert (shown.dtype, shown.shape) == (np.uint8, picture.shape)
    np.testing.assert_array_equal(shown, picture)


@pytest.mark.parametrize("shape", [(5, 7), (1, 5, 7), (5, 7, 1)])
def test_grey_pictures_get_three_channels(shape: tuple[int, ...]) -> None:
    shown = to_uint8(np.full(shape, 0.5))
    assert shown.shape == (5, 7, 3)
    assert (shown == 128).all()


def test_bfloat16_and_booleans() -> None:
    assert (to_uint8(torch.ones(3, 2, 2, dtype=torch.bfloat16)) == 255).all()
    assert (to_uint8(np.eye(2, dtype=bool))[..., 0] == [[255, 0], [0, 255]]).all()


def test_rounding_errors_are_cut_and_the_picture_is_not_changed() -> None:
    given = np.array([[-1e-4, 1 + 1e-4]])
    assert to_uint8(given)[0, :, 0].tolist() == [0, 255]
    assert given.tolist() == [[-1e-4, 1 + 1e-4]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.array([[0.0, -0.5]]), r"from -0.5 to 0"),
        (np.array([[0.0, 7.0]]), r"from 0 to 7"),
        (np.array([[0, 256]]), r"\[0, 255\]"),
        (np.array([[0.0, np.nan]]), r"1 of 2 values"),
        (np.zeros((0, 3, 3)), r"\(0, 3, 3\)"),
        (np.zeros((2, 5, 7)), r"\(2, 5, 7\)"),
        (np.zeros((1, 3, 5, 7)), r"\(1, 3, 5, 7\)"),
        (np.array([["a"]]), r"numbers"),
    ],
)
def test_what_cannot_be_shown_is_named(given: np.ndarray, said: str) -> None:
    with pytest.raises(PictureError, match=said):
        to_uint8(given)


def test_small_pictures_are_enlarged_pixel_by_pixel(picture: np.ndarray) -> None:
    np.testing.assert_array_equal(enlarge(picture, 94), picture.repeat(2, axis=0).repeat(2, axis=1))


def test_scaling_keeps_the_proportions(picture: np.ndarray) -> None:
    assert enlarge(picture, 20).shape == (14, 20, 3)
    assert enlarge(np.zeros((200, 1, 3), np.uint8), 10).shape == (10, 1, 3)


def test_a_png_address_holds_the_exact_picture(picture: np.ndarray) -> None:
    uri = data_uri(picture)
    assert uri.startswith("data:image/png;base64,")
    np.testing.assert_array_equal(np.asarray(decode(uri)), picture)


@pytest.mark.parametrize("form", ["png", "webp", "jpeg"])
def test_formats_and_sizes(picture: np.ndarray, form: str) -> None:
    shown = decode(data_uri(picture, size=96, format=form))
    assert (shown.format, shown.size) == (form.upper(), (96, 67))


def test_signed_maps_are_symmetric_about_white() -> None:
    low, middle, high = diverging(np.array([[-2.0, 0.0, 2.0]]), limit=1)[0].astype(int)
    assert middle.tolist() == [247, 247, 247]
    assert low[2] > low[0], "below zero is blue"
    assert high[0] > high[2], "above zero is orange"
    np.testing.assert_array_equal(diverging(torch.ones(3, 2, 2), 1), diverging(np.full((2, 2), 5.0), 1))


def test_unsigned_maps_run_from_dark_to_light() -> None:
    shown = sequential(np.array([[0.0, 1.0, 2.0, 3.0]]), 0, 2)[0].astype(int).sum(axis=-1)
    assert shown[0] < shown[1] < shown[2] == shown[3]


@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_scales_without_room_are_refused(limit: float) -> None:
    with pytest.raises(PictureError, match="limit"):
        diverging(np.zeros((2, 2)), limit)
    with pytest.raises(PictureError, match="low end"):
        sequential(np.zeros((2, 2)), 0, limit)
    with pytest.raises(PictureError, match="a map is"):
        sequential(np.zeros(3), 0, 1)


def test_no_plotting_window_is_loaded() -> None:
    code = "import sys, xai_widgets.show.images; assert not {'matplotlib.pyplot', 'ipywidgets'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)

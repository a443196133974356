"""One file, complete or absent, that carries text as text and each picture once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.widgets.conftest import data_of
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.widgets.cladec.page import LayerPage, layers_page
from xai_widgets.widgets.views.verdict import verdict_data

NASTY = "</script><script>alert(1)</script><!-- & '\""
STRIP = {
    "layers": [
        {"name": name, "kind": "Conv2d", "shape": [4, 2, 2], "parameters": 3, "status": ""}
        for name in ("a", NASTY, "left out")
    ],
    "value": "left out",
}

LINE = {"cards": [], "indices": [], "chosen": 0, "tile": 64, "pixelated": True}


def page(picture: str) -> LayerPage:
    tiles = [{"src": src, "alt": NASTY, "caption": NASTY} for src in ("data:image/png;base64,SAME", picture, "")]
    rows: Any = [{"label": NASTY, "tiles": tiles}]
    frames: Any = [{"name": NASTY, "tiles": [{**tile, "heading": NASTY, "blink": picture} for tile in tiles]}]
    return {
        "columns": ["Picture", NASTY, "Difference"], "rows": rows, "frames": frames, "sentence": NASTY,
        "verdict": verdict_data(None, NASTY),
    }  # fmt: skip


@pytest.fixture
def written() -> str:
    pages = {"a": page("data:image/png;base64,AAAA"), NASTY: page("data:image/png;base64,BBBB")}
    return layers_page(NASTY, STRIP, LINE, pages, 128).html()


def test_text_cannot_become_markup(written: str) -> None:
    assert written.count("<script>") == written.count("</script>") == 2  # the frame's own
    assert "<!--" not in written
    assert data_of(written)["pages"][NASTY]["sentence"] == NASTY


def test_a_picture_shown_for_every_layer_is_written_once(written: str) -> None:
    assert written.count("base64,SAME") == 1
    data = data_of(written)
    shown = [data["pictures"][tile["src"]] for tile in data["pages"][NASTY]["rows"][0]["tiles"]]
    assert shown == ["data:image/png;base64,SAME", "data:image/png;base64,BBBB", ""]


def test_layers_without_a_page_are_left_out(written: str) -> None:
    data = data_of(written)
    assert [layer["name"] for layer in data["layers"]] == ["a", NASTY]
    assert data["value"] == "a"


def test_no_page_at_all_is_an_error() -> None:
    with pytest.raises(XaiWidgetsError, match="none of the strip's layers"):
        layers_page("", STRIP, LINE, {}, 128)

"""An exported page, opened from the disk with the network off: mouse and keyboard choose a layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xai_widgets.widgets.cladec.page import LayerPage, layers_page

pytestmark = pytest.mark.browser

SCRIPT = "<script>alert(1)</script>"
GREY, BLACK = (
    f"data:image/gif;base64,R0lGODlhAQABAIAAA{pixel}///yH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==" for pixel in "PA"
)


def page_of(layer: str, source: str) -> LayerPage:
    row = {"label": SCRIPT, "tiles": [{"src": source, "alt": f"what {layer} knows", "caption": f"caption of {layer}"}]}
    return LayerPage(columns=["original"], rows=[row], numbers=f"numbers of {layer}", sentence=f"sentence of {layer}")


@pytest.fixture
def opened(tmp_path: Path, offline: Callable[[Path], Any]) -> Any:
    layers = [
        {"name": name, "kind": "Conv2d", "shape": [8, 4, 4], "parameters": 9, "status": "ready"}
        for name in ("conv1", SCRIPT)
    ]
    page = layers_page(
        title=SCRIPT,
        sentence="Choose a layer.",
        strip={"layers": layers, "value": "conv1"},
        pages={"conv1": page_of("conv1", GREY), SCRIPT: page_of("conv2", BLACK)},
    )
    path = tmp_path / "page.html"
    path.write_text(page.html(), encoding="utf-8")
    page = offline(path)
    page.wait_for_selector(".xw-grid img")
    return page


def source(page: Any) -> str:
    found: str = page.locator(".xw-grid img").first.get_attribute("src")
    return found


def test_a_click_on_a_layer_changes_the_pictures(opened: Any) -> None:
    before = source(opened)
    opened.locator(".xw-strip [role=option]").nth(1).click()
    opened.wait_for_selector("text=numbers of conv2")
    assert source(opened) != before
    assert opened.locator(".xw-grid img").first.get_attribute("alt") == "what conv2 knows"


def test_arrow_keys_do_the_same(opened: Any) -> None:
    opened.locator(".xw-strip [role=option]").first.focus()
    opened.keyboard.press("ArrowRight")
    opened.wait_for_selector("text=sentence of conv2")
    opened.keyboard.press("ArrowLeft")
    opened.wait_for_selector("text=sentence of conv1")


def test_names_are_text(opened: Any) -> None:
    assert opened.title() == SCRIPT
    assert "</script>" in opened.locator(".xw-strip").inner_text()  # long names are cut at their beginning
    assert SCRIPT in opened.locator(".xw-grid").inner_text()

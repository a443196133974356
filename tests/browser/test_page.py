"""An exported page, opened from the disk with the network off: mouse and keyboard choose a layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xai_widgets.widgets.cladec.page import LayerPage, layers_page
from xai_widgets.widgets.views.verdict import Verdict, verdict_data

pytestmark = pytest.mark.browser

SCRIPT = "<script>alert(1)</script>"
GREY, BLACK = (
    f"data:image/gif;base64,R0lGODlhAQABAIAAA{pixel}///yH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==" for pixel in "PA"
)


def page_of(layer: str, name: str, source: str) -> LayerPage:
    tile = {"src": source, "alt": f"what {layer} knows", "caption": f"caption of {layer}"}
    rows = [{"label": f"{SCRIPT} {number}", "tiles": [tile]} for number in range(2)]
    frames = [{"name": name, "tiles": [{**tile, "heading": f"{layer}, picture {number}"}]} for number in range(2)]
    verdict = verdict_data(Verdict("careful", f"verdict of {layer}"), SCRIPT)
    return LayerPage(
        frames=frames,
        columns=["original"],
        rows=rows,
        sentence=f"sentence of {layer}",
        verdict=verdict,
        hidden=[""] * len(rows),
    )


@pytest.fixture
def opened(tmp_path: Path, offline: Callable[[Path], Any]) -> Any:
    layers = [
        {"name": name, "kind": "Conv2d", "shape": [8, 4, 4], "parameters": 9, "status": "ready"}
        for name in ("conv1", SCRIPT)
    ]
    cards = [{"tiles": [{"src": GREY, "alt": "", "caption": ""}], "lines": [SCRIPT]}] * 2
    line = {"cards": cards, "indices": [5, 7], "chosen": 0, "tile": 64, "pixelated": True}
    pages = {"conv1": page_of("conv1", "conv1", GREY), SCRIPT: page_of("conv2", SCRIPT, BLACK)}
    page = layers_page(SCRIPT, {"layers": layers, "value": "conv1"}, line, pages, 128)
    path = tmp_path / "page.html"
    path.write_text(page.html(), encoding="utf-8")
    page = offline(path)
    page.wait_for_selector(".xw-stage img")
    return page


def source(page: Any) -> str:
    found: str = page.locator(".xw-stage img").first.get_attribute("src")
    return found


def heading(page: Any) -> str:
    found: str = page.locator(".xw-large-heading").inner_text()
    return found


def test_a_click_on_a_layer_changes_the_pictures(opened: Any) -> None:
    before = source(opened)
    opened.locator(".xw-strip [role=option]").nth(1).click()
    opened.wait_for_selector("text=verdict of conv2")
    assert source(opened) != before
    assert opened.locator(".xw-stage img").first.get_attribute("alt") == "what conv2 knows"
    assert heading(opened) == "conv2, picture 0"


def test_a_click_on_a_picture_keeps_the_layer(opened: Any) -> None:
    opened.locator(".xw-strip [role=option]").nth(1).click()
    opened.locator("#pictures [role=option]").nth(1).click()
    assert heading(opened) == "conv2, picture 1"
    opened.evaluate("window.choosePicture(5)")  # as the page around this one does
    assert heading(opened) == "conv2, picture 0"
    opened.evaluate("window.choosePicture(6)")  # which is not on this page
    assert heading(opened) == "conv2, picture 0"


def test_arrow_keys_do_the_same(opened: Any) -> None:
    opened.locator(".xw-strip [role=option]").first.focus()
    opened.keyboard.press("ArrowRight")
    opened.wait_for_selector("text=sentence of conv2")
    opened.keyboard.press("ArrowLeft")
    opened.wait_for_selector("text=sentence of conv1")


def test_names_are_text(opened: Any) -> None:
    assert opened.title() == SCRIPT
    assert "</script>" in opened.locator(".xw-strip").inner_text()  # long names are cut at their beginning
    opened.locator("summary", has_text="All pictures").click()
    assert SCRIPT in opened.locator(".xw-grid").inner_text()
    opened.locator(".xw-why summary").click()
    assert opened.locator(".xw-numbers").inner_text() == SCRIPT


CONTRAST = """() => {
  const light = (text) => {
    const channels = text.match(/[0-9]+/g).slice(0, 3).map((one) => one / 255);
    const linear = channels.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const word = light(getComputedStyle(document.querySelector(".xw-verdict-word")).color);
  const ground = light(getComputedStyle(document.documentElement).backgroundColor);
  return (Math.max(word, ground) + 0.05) / (Math.min(word, ground) + 0.05);
}"""


@pytest.mark.parametrize("level", ["trust", "careful", "distrust"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_word_of_trust_can_be_read(opened: Any, scheme: str, level: str) -> None:
    opened.emulate_media(color_scheme=scheme)
    opened.locator("#verdict").evaluate("(line, level) => { line.dataset.level = level; }", level)
    assert opened.evaluate(CONTRAST) >= 4.5  # WCAG AA

"""An exported map, opened from the disk with the network off: mouse, finger and keyboard drag its point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.conftest import INNER
from xai_widgets.show.images import data_uri
from xai_widgets.widgets.cae.page import chart_data
from xai_widgets.widgets.pages.frame import Page, shared
from xai_widgets.widgets.views.atlas import AtlasView
from xai_widgets.widgets.views.manifold_map import ManifoldMap
from xai_widgets.widgets.views.verdict import verdict_data

pytestmark = pytest.mark.browser

NAMES = ["<script>alert(1)</script>", "elm", *(f"class {i}" for i in range(2, 20))]
BOX = (-2.0, 2.0, 0.0, 10.0)
GRID = 4
GREY = np.linspace(0.0, 1.0, GRID)[None, :].repeat(GRID, 0)  # dark on the left, bright on the right


@pytest.fixture
def opened(tmp_path: Path, offline: Callable[[Path], Any]) -> Any:
    chart = ManifoldMap(NAMES)
    view = AtlasView(names=NAMES, colours=chart.colours)
    chart.show(np.array([[-1.5, 8.0], [1.5, 2.0]]), np.array([0, 1]), BOX, ("across", "up"))
    chart.picture_at((0.0, 5.0))
    chart.move(0.0, 5.0)
    view.show_original(np.full((3, 9, 7), 0.5), "grey", source=0, target=19)
    pictures = np.broadcast_to(GREY.reshape(-1, 1, 1, 1), (GRID * GRID, 3, 9, 7))
    chances = np.zeros((GRID * GRID, 20))
    chances[:, 19], chances[:, 5] = 0.75 * GREY.ravel(), 1 - 0.75 * GREY.ravel()
    view.show_atlas(pictures, chances, BOX)
    strip = [{"src": data_uri(pictures[0]), "caption": NAMES[0], "alt": "black"}]
    first = {
        "map": chart_data(NAMES, **chart.page_state()), "atlas": view.page_state(), "frames": strip,
        "sentence": "Drag the point.", "verdict": verdict_data(None, "12 of 13 believed."),
    }  # fmt: skip
    chart.move(1.0, 5.0)
    second = first | {"map": chart_data(NAMES, **chart.page_state()), "sentence": "Another map."}
    chip = {"title": NAMES[0], "tiles": [{"src": data_uri(pictures[0]), "alt": "", "caption": ""}]}
    each = [
        {"classes": classes, "chips": [chip] * 2, "chosen": 0, "maps": [first, second]}
        for classes in ([19, 5], [5, 19])
    ]
    cards = [{"tiles": chip["tiles"], "lines": [name]} for name in NAMES[:2]]
    line = {"cards": cards, "indices": [3, 4], "chosen": 0, "tile": 64, "pixelated": True}
    data = {"line": line, "each": each, "chip": 36}
    path = tmp_path / "page.html"
    page = Page("cae/page.html", "A map", "Drag.", shared(data), views=("map", "atlas", "cards"))
    path.write_text(page.html(), encoding="utf-8")
    page = offline(path)
    page.wait_for_selector("[data-state=preview]")
    return page


BRIGHTNESS = """(canvas) => {
  const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, -3, -4);
  return copy.getImageData(0, 0, 1, 1).data[1] / 255;
}"""


def grey(page: Any) -> float:
    """The brightness of the counterfactual, 0 to 1: where the point is on the way from left to right."""
    page.wait_for_timeout(80)
    found: float = page.locator("#view canvas").first.evaluate(BRIGHTNESS)
    return found


def place(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a point of the map is on the screen."""
    shown = page.locator("#map canvas").bounding_box()
    right, up = (x - BOX[0]) / (BOX[1] - BOX[0]), (y - BOX[2]) / (BOX[3] - BOX[2])
    return shown["x"] + 52 + right * INNER[0], shown["y"] + 8 + (1 - up) * INNER[1]


def test_a_mouse_drags_the_point(opened: Any) -> None:
    assert grey(opened) == pytest.approx(0.5, abs=0.01)
    opened.mouse.move(*place(opened, 0, 5))
    opened.mouse.down()
    opened.mouse.move(*place(opened, 1, 8), steps=5)
    assert grey(opened) == pytest.approx(0.75, abs=0.01)
    opened.mouse.move(5, 5)  # off the map: held at its edge
    assert grey(opened) == pytest.approx(0.0, abs=0.01)
    opened.mouse.up()
    opened.mouse.move(*place(opened, 1, 8))
    assert grey(opened) == pytest.approx(0.0, abs=0.01)


def test_a_chip_leads_to_another_class_which_stays_for_the_next_picture(opened: Any) -> None:
    assert opened.locator("#sentence").inner_text() == "Drag the point."
    opened.locator("#chips [role=option]").nth(1).click()
    assert opened.locator("#sentence").inner_text() == "Another map."
    assert grey(opened) == pytest.approx(0.75, abs=0.01)
    assert opened.locator("#map canvas").count() == opened.locator("#view .xw-atlas").count() == 1
    opened.locator("#pictures [role=option]").nth(1).click()  # where class 5 is the first of two
    assert opened.locator("#sentence").inner_text() == "Drag the point."
    opened.mouse.click(*place(opened, -1, 5))
    assert grey(opened) == pytest.approx(0.25, abs=0.01)


def test_a_finger_drags_the_point_and_the_page_stands_still(opened: Any) -> None:
    browser = opened.context.new_cdp_session(opened)
    browser.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    opened.set_viewport_size({"width": 700, "height": 400})
    for kind, at in (("touchStart", (0, 9)), ("touchMove", (0.5, 8)), ("touchMove", (1, 7)), ("touchEnd", None)):
        points = [dict(zip("xy", place(opened, *at), strict=True))] if at else []
        browser.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert grey(opened) == pytest.approx(0.75, abs=0.01)
    assert opened.evaluate("window.scrollY") == 0


def test_keys_move_the_point_and_bring_it_home(opened: Any) -> None:
    canvas = opened.locator("#map canvas")
    canvas.focus()
    opened.keyboard.press("ArrowRight")
    assert grey(opened) == pytest.approx(0.52, abs=0.01)
    opened.keyboard.press("Shift+ArrowLeft")
    assert grey(opened) == pytest.approx(0.42, abs=0.01)
    opened.keyboard.press("Home")
    assert grey(opened) == pytest.approx(0.5, abs=0.01)
    assert "across: across" in canvas.get_attribute("aria-label")


def test_of_many_classes_the_ones_that_matter_have_bars(opened: Any) -> None:
    bars = opened.locator(".xw-bar")
    assert bars.count() == 7
    shown = bars.locator(".xw-bar-class").all_inner_texts()
    assert {NAMES[0], NAMES[5], NAMES[19], "all others"} <= set(shown)
    opened.mouse.click(*place(opened, 2, 5))
    opened.wait_for_timeout(80)
    percents = dict(zip(shown, opened.locator(".xw-bar-percent").all_inner_texts(), strict=True))
    assert (percents[NAMES[19]], percents[NAMES[5]], percents[NAMES[0]]) == ("75 %", "25 %", "0 %")
    assert opened.locator("[data-target] .xw-bar-role").inner_text() == "target"


def test_names_are_text(opened: Any) -> None:
    assert NAMES[0] in opened.locator(".xw-legend").inner_text()
    assert NAMES[0] in opened.locator(".xw-bars").inner_text()
    assert opened.locator(".xw-frames figcaption").inner_text() == NAMES[0]

"""ManifoldExplorer in JupyterLab: a real mouse drags the point, the picture follows, and Python knows of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.conftest import HANDLE, drag, middle, pixels

pytestmark = pytest.mark.browser

STUDY = """
import warnings
import torch, xai_widgets as xw
from torch import nn
from xai_widgets.progress import Progress

class Squares(torch.utils.data.Dataset):
    "The label is the place of a bright square."
    class_names = ["<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "oak", "elm"]
    def __len__(self):
        return 120
    def __getitem__(self, i):
        picture = torch.full((3, 16, 16), 0.1 + i % 7 / 70)
        picture[:, 4:8, 4 * (i % 4) : 4 * (i % 4) + 4] = 0.5 + i % 5 / 10
        return picture, i % 4

reader = nn.Linear(48, 4)
with torch.no_grad():
    reader.bias.zero_()
    reader.weight.zero_()
    for k in range(4):
        reader.weight.view(4, 3, 4, 4)[k, :, 1, k] = 2
study = xw.Study(nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), reader), Squares(), name="Squares")
"""
READY = """
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it is fitted for a moment only
    cae = xw.CAE(study, epochs=12, width=8).fit(progress=Progress())
explorer = xw.ManifoldExplorer(cae)
explorer
"""
UNFITTED = """
warnings.simplefilter("ignore")
explorer = xw.ManifoldExplorer(xw.CAE(study, epochs={epochs}, width=8))
explorer
"""
STATES = """() => {
  const root = document.querySelector(".xw-atlas");
  window.states = [];
  new MutationObserver(() => window.states.push(root.dataset.state)).observe(root, { attributes: true });
}"""


@pytest.fixture
def shown(notebook: Callable[..., Any], complaints: list[str]) -> Any:
    opened = notebook([STUDY, READY])
    # All of it in sight: a mouse does not scroll.
    opened.page.set_viewport_size({"width": 1400, "height": 2200})
    settle(opened)
    return opened


def settle(opened: Any) -> None:
    """Wait until the kernel has nothing to do, and the browser shows what it was sent."""
    opened.until("explorer.wait(0)", True)
    opened.page.wait_for_selector(f"{HANDLE} >> nth=-1")  # it is drawn last
    opened.page.wait_for_selector(".xw-atlas[data-state=exact]")
    assert opened.python("str(explorer.last_error)") == "None"


def choose_a_target(opened: Any) -> int:
    """Choose the class after the one that the classifier sees, and wait for the way there."""
    target: int = (opened.python("explorer.scene.source") + 1) % 4
    opened.page.get_by_label("Target").select_option(index=target + 2)
    opened.until("explorer.scene.target", target)
    opened.until("explorer.explanation is not None", True)
    settle(opened)
    return target


def exact(opened: Any) -> np.ndarray:
    """The counterfactual at the point, as the kernel has it: the end of the path, which has an order, or decoded."""
    scene, point = "explorer.scene", "explorer.point"
    end = f"{scene}.end(explorer.explanation)"
    picture = f"({end} if {end}.point == {point} else {scene}.decode({point})).picture"
    return np.array(opened.python(f"{picture}.mul(255).round().permute(1, 2, 0).tolist()"))


def drag_inwards(page: Any) -> None:
    """Drag the point 100 pixels to the middle of the map, each way."""
    (x, y), box = middle(page), page.locator(".xw-map").bounding_box()
    right, down = x < box["x"] + box["width"] / 2, y < box["y"] + box["height"] / 2
    drag(page, 100 if right else -100, 100 if down else -100)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_dragging_changes_picture_and_state(shown: Any, theme: str) -> None:
    shown.theme(theme)
    before, place = pixels(shown.page), shown.python("explorer.point")
    shown.page.evaluate(STATES)
    drag_inwards(shown.page)
    shown.page.wait_for_function("window.states.at(-1) === 'preview' || window.states.at(-1) === 'exact'")
    while_held = pixels(shown.page)
    shown.page.mouse.up()
    settle(shown)
    assert np.abs(np.subtract(shown.python("explorer.point"), place)).min() > 0.1
    assert np.abs(while_held - before).max() > 10
    assert np.abs(pixels(shown.page) - exact(shown)).max() <= 1
    states = shown.page.evaluate("window.states")
    assert "preview" in states
    assert states[-1] == "exact"
    assert "waiting" not in states
    assert shown.page.locator(".xw-atlas-state").inner_text() == "exact"
    assert shown.python("explorer.state['point'] == explorer.map.point")


# What bqplot lays out in the very frame in which JupyterLab hides itself, as it does at a change of theme.
HIDE_WHILE_LAID_OUT = """() => {
  const shell = window.jupyterapp.shell;
  const frame = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (draw) => frame((time) => { shell.hide(); draw(time); shell.show(); });
}"""


def test_a_map_that_is_laid_out_while_all_is_hidden_is_seen_again(shown: Any) -> None:
    shown.page.evaluate(HIDE_WHILE_LAID_OUT)
    # A little narrower only: bqplot does not draw it anew while it is hidden, and the point must stay inside.
    shown.page.evaluate(
        "(map => map.style.setProperty('width', `${map.offsetWidth - 10}px`, 'important'))"
        "(document.querySelector('.xw-map'))"
    )
    shown.page.wait_for_function("document.querySelector('.xw-map').style.visibility === 'hidden'")
    place = shown.python("explorer.point")
    drag_inwards(shown.page)
    shown.page.mouse.up()
    settle(shown)
    assert shown.python("explorer.point") != place


def test_the_theme_is_followed(shown: Any) -> None:
    ink = "getComputedStyle(document.querySelector('.xw-sentence')).color"
    tick = "getComputedStyle(document.querySelector('.xw-map .axis text')).fill"
    shown.theme("light")
    before = [shown.page.evaluate(colour) for colour in (ink, tick)]
    shown.theme("dark")
    shown.page.wait_for_function(f"{ink} !== {before[0]!r}")
    after = [shown.page.evaluate(colour) for colour in (ink, tick)]
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_a_target_is_chosen(shown: Any) -> None:
    shown.python("setattr(explorer, 'overview', True)")
    settle(shown)
    before = pixels(shown.page)
    assert not shown.page.locator(".xw-grid").first.is_visible()
    shown.page.evaluate(STATES)
    target = choose_a_target(shown)
    assert shown.python("explorer.state['target']") == target
    # The exact picture came with the map: no moment at which the pictures of one map are shown on another.
    assert set(shown.page.evaluate("window.states")) == {"exact"}
    assert shown.page.locator(".xw-grid").first.locator("img").count() == 7
    assert shown.page.locator(".bqplot path.line").last.get_attribute("d")
    assert np.abs(pixels(shown.page) - before).max() > 10
    assert np.abs(pixels(shown.page) - exact(shown)).max() <= 1
    expected = shown.python("explorer.scene.point(explorer.explanation.strip.z[-1])")
    assert shown.python("explorer.point") == pytest.approx(expected)


def test_buttons_lead_the_point(shown: Any) -> None:
    choose_a_target(shown)
    shown.page.get_by_role("button", name="To the border").click()
    shown.until("explorer.goal", "border")
    settle(shown)
    assert np.abs(pixels(shown.page) - exact(shown)).max() <= 1
    shown.page.get_by_role("button", name="Back").click()
    shown.until("explorer.point == explorer.scene.home", True)


def test_arrow_keys_move_the_dial_and_the_point(shown: Any) -> None:
    choose_a_target(shown)
    x, y, dial = shown.page.get_by_role("slider").all()
    dial.focus()
    before = shown.python("explorer.controls.confidence.value")
    key, step = ("ArrowLeft", -0.01) if before > 0.5 else ("ArrowRight", 0.01)
    for _ in range(3):
        shown.page.keyboard.press(key)
    shown.until("round(explorer.controls.confidence.value, 2)", round(before + 3 * step, 2))
    shown.until("explorer.goal == explorer.controls.confidence.value", True)
    settle(shown)
    place, picture = shown.python("explorer.point"), pixels(shown.page)
    for slider, key in ((x, "ArrowLeft"), (y, "ArrowUp")):
        slider.focus()
        for _ in range(10):
            shown.page.keyboard.press(key)
    shown.until(f"explorer.point[0] < {place[0]} and explorer.point[1] > {place[1]}", True)
    settle(shown)
    assert np.abs(pixels(shown.page) - picture).max() > 0
    assert np.abs(pixels(shown.page) - exact(shown)).max() <= 1


def test_a_click_on_the_map_takes_that_picture_and_a_number_another(shown: Any) -> None:
    box = shown.page.locator(HANDLE).last.bounding_box()
    shapes = shown.page.locator(HANDLE)
    dots = range(shown.python("len(explorer.map.page_state()['points'])"))
    far = [dot for dot in dots if abs(shapes.nth(dot).bounding_box()["x"] - box["x"]) > 60]
    original = shown.page.locator(".xw-atlas img")
    before = original.get_attribute("src")
    shapes.nth(far[-1]).click(force=True)
    shown.until("explorer.from_map >= 0", True)
    settle(shown)
    assert original.get_attribute("src") != before
    expected = "study.train[explorer.from_map][0]"
    assert shown.python(f"bool((explorer.scene.encoded.pictures[0] == {expected}).all())")
    number = shown.page.get_by_label("Picture", exact=True)
    number.fill("3")
    number.press("Enter")
    shown.until("explorer.from_map", -1)
    settle(shown)
    expected = "study.test[3][0]"
    assert shown.python(f"bool((explorer.scene.encoded.pictures[0] == {expected}).all())")


def assert_drags(page: Any) -> None:
    """The point can be dragged, and the picture follows; nobody can tell the exact one."""
    before = pixels(page)
    drag_inwards(page)
    page.wait_for_selector(".xw-atlas[data-state=preview]")
    page.mouse.up()
    page.wait_for_timeout(200)
    assert np.abs(pixels(page) - before).max() > 10
    assert page.locator(".xw-atlas-state").inner_text() == "preview"


def test_dragging_goes_on_while_the_kernel_stands_still(shown: Any) -> None:
    kernel = shown.python("__import__('os').getpid()")
    os.kill(kernel, signal.SIGSTOP)
    try:
        assert_drags(shown.page)
    finally:
        os.kill(kernel, signal.SIGCONT)
    settle(shown)
    assert np.abs(pixels(shown.page) - exact(shown)).max() <= 1


@pytest.mark.parametrize("end", ["shutdown", "restartKernel"])
def test_dragging_goes_on_without_a_kernel(shown: Any, end: str) -> None:
    sentence = shown.page.get_by_text("The kernel has stopped. Dragging still works")
    assert not sentence.is_visible()
    shown.page.evaluate(f"() => window.jupyterapp.shell.currentWidget.context.sessionContext.{end}()")
    assert_drags(shown.page)
    assert sentence.is_visible()
    # Nothing else sends to it either, and nothing breaks off: points of the map, sliders, buttons, lists.
    shown.page.locator(HANDLE).first.click(force=True)
    shown.page.get_by_role("slider").first.press("ArrowRight")
    shown.page.get_by_label("Target").select_option(index=1)
    assert_drags(shown.page)


def test_the_exported_page_drags_with_the_network_off(
    shown: Any, offline: Callable[[Path], Any], tmp_path: Path
) -> None:
    choose_a_target(shown)
    end = pixels(shown.page)
    shown.python(f"explorer.to_html({str(tmp_path / 'page.html')!r})")
    page = offline(tmp_path / "page.html")
    page.wait_for_selector(".xw-atlas[data-state=exact]")
    assert (pixels(page) == end).all()
    page.locator("#map canvas").focus()
    page.keyboard.press("Home")
    page.wait_for_selector(".xw-atlas[data-state=preview]")
    box = page.locator("#map canvas").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 300, steps=5)
    page.mouse.up()
    page.wait_for_timeout(100)
    assert np.abs(pixels(page) - end).max() > 10
    assert page.locator("#frames img").count() == 7


def test_names_are_text(shown: Any) -> None:
    assert "<script>alert(1)</script>" in shown.page.locator(".xw-bars").inner_text()
    for place in range(4):
        shown.page.get_by_label("Target").select_option(index=place + 2)
        shown.until("explorer._staged.target", place)
        settle(shown)
    assert shown.page.locator(".jp-OutputArea .xw script, .jp-OutputArea img[src=x]").count() == 0


def test_a_fit_is_cancelled_and_begun_again(notebook: Callable[..., Any], complaints: list[str]) -> None:
    opened = notebook([STUDY, UNFITTED.format(epochs=12)])
    opened.page.get_by_role("button", name="Fit").click()
    opened.page.get_by_role("button", name="Cancel").click()
    opened.until("explorer.task.state", "cancelled")
    assert opened.python("explorer.explainer.fitted") is False
    opened.page.get_by_role("button", name="Fit").click()
    opened.until("explorer.explainer.fitted", True)
    settle(opened)
    assert not opened.page.get_by_role("button", name="Fit").is_visible()

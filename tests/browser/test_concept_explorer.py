"""ConceptExplorer in JupyterLab and as a page: a real mouse and keyboard choose, name, turn, fit and cancel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

SETUP = """
from tests.conftest import Squares, tiny_net
from tests.widgets.conftest import HeldSRAE
from xai_widgets.study import Study
from xai_widgets.widgets.srae.explorer import ConceptExplorer

names = ["<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "c", "d"]
study = Study(tiny_net(), Squares(80), class_names=names, name="Squares")
source = HeldSRAE.of(study, "conv2")
"""
READY = "explorer = ConceptExplorer(source)\nexplorer"
PICTURES = "[aria-label=Pictures] > [role=option]"
FEATURES = "[aria-label=X-features] > [role=option]"


@pytest.fixture
def opened(notebook: Callable[..., Any]) -> Any:
    """A notebook with an explorer that is not fitted."""
    shown = notebook([SETUP, READY])
    shown.page.wait_for_selector(PICTURES)
    return shown


def _fit(shown: Any) -> None:
    shown.python("source.free.set()")
    shown.page.get_by_role("button", name="Fit x-features").click()
    shown.page.wait_for_selector(f"{FEATURES} img")
    shown.until("explorer.task.state", "finished")


def test_a_fit_is_cancelled_and_begun_again_and_pictures_are_compared(opened: Any) -> None:
    page = opened.page
    page.get_by_role("button", name="Fit x-features").click()
    page.get_by_role("button", name="Cancel").click()
    opened.until("explorer.task.state", "cancelled")
    assert opened.python("1 + 1") == 2
    assert page.locator(FEATURES).count() == 0
    _fit(opened)
    page.get_by_role("button", name="Compare with this one").click()
    opened.until("explorer.other == explorer.picture", True)
    opened.until("explorer.task.wait(0)", True)
    page.locator(PICTURES).nth(2).click()
    opened.until("explorer.other == explorer.picture", False)
    page.wait_for_selector("text=Chosen minus kept")
    opened.until("len(explorer.views.bar.other)", 7)
    drawn = page.locator(".bqplot text")
    amounts = opened.python("[step.text for step in explorer.views.bar.steps]")
    assert set(amounts) <= set(drawn.all_text_contents())
    assert "<script>alert(1)</script>" in page.locator(".jp-OutputArea").last.inner_text()  # text, run by nobody


def test_a_mouse_and_keys_choose_name_and_turn(opened: Any) -> None:
    _fit(opened)
    page = opened.page
    page.locator(PICTURES).nth(1).click()
    opened.until("explorer.picture == explorer.strip.pool.indices[explorer.strip.here[1]]", True)
    page.locator(PICTURES).nth(1).press("ArrowRight")
    opened.until("explorer.picture == explorer.strip.pool.indices[explorer.strip.here[2]]", True)
    opened.until("explorer.task.wait(0)", True)  # until then the x-features of the last picture are there
    page.locator(FEATURES).nth(2).click()
    opened.until("explorer.feature == explorer.explanation.order(0)[2]", True)
    opened.until("explorer.task.state", "finished")
    box = page.get_by_label("Name")
    box.fill("<script>alert(3)</script>")
    box.press("Enter")
    opened.until("source.names(0)[explorer.feature]", "<script>alert(3)</script>")
    page.wait_for_selector(f"{FEATURES}:has-text('<script>alert(3)</script>')")
    dial = page.get_by_role("slider")
    dial.focus()
    for _ in range(2):
        dial.press("ArrowRight")
    opened.until("explorer.controls.turn.value", 1.5)
    page.wait_for_selector("text=×1.5: the sum predicts")


def test_the_exported_page_is_chosen_from_without_a_network(
    opened: Any, offline: Callable[[Path], Any], tmp_path: Path
) -> None:
    _fit(opened)
    file = tmp_path / "page.html"
    opened.python(f"explorer.to_html({str(file)!r})")
    page = offline(file)
    page.get_by_label("Class").select_option(index=1)
    page.wait_for_selector("#sentence:has-text('<img src=x onerror=alert(2)>')")
    before = page.locator("#large img").get_attribute("src")
    page.locator(f"{PICTURES}[aria-selected=true]").focus()
    page.keyboard.press(
        "ArrowLeft" if page.locator(f"{PICTURES}:last-child[aria-selected=true]").count() else "ArrowRight"
    )
    assert page.locator("#large img").get_attribute("src") != before
    assert page.locator("#sum > *").count() == 7
    page.locator(FEATURES).nth(1).click()
    chosen = page.locator(".xw-step[data-chosen]")
    assert chosen.count() == 1
    name = page.locator(FEATURES).nth(1).locator(".xw-card-title").inner_text()
    assert name in chosen.inner_text()
    assert name in page.locator("#exemplars-line").inner_text()
    page.get_by_role("button", name="Compare with this one").click()
    page.locator(PICTURES).nth(2).click()
    assert page.locator("#large img").count() == 2
    assert page.locator(".xw-step-fill[data-kept]").count() == 7
    page.get_by_role("button", name="Stop comparing").click()
    assert page.locator(".xw-step-fill[data-kept]").count() == 0
    name = page.locator(FEATURES).first.locator(".xw-card-title").inner_text()
    page.get_by_label("Strength ×").press("Home")
    assert f"{name} removed" in page.locator("#turned").inner_text()
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0 && image.alt)")

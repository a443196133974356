"""InversionExplorer in JupyterLab and as a page: a real mouse and keyboard choose, watch the film, and cancel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

SETUP = """
import threading
from tests.conftest import Squares, tiny_net
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.study import Study
from xai_widgets.widgets.inversion.explorer import InversionExplorer

class Held(GuidedFeatureInversion):
    def explain(self, *given, progress, **options):
        while not free.wait(0.01):
            progress.check()
        return super().explain(*given, progress=progress, **options)

free, seen = threading.Event(), []
names = ["<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "c", "d"]
study = Study(tiny_net(), Squares(40), class_names=names, name="Squares")
source = Held(study, settings=GuidedSettings(steps=8), background="mean")
"""
READY = "explorer = InversionExplorer(source)\nexplorer"
PICTURES = "[aria-label=Pictures] > [role=option]"
GRID = ".xw-grid .xw-row"
# A film of a second may be over before anybody looks.
REMEMBER_LINES = """() => {
  window.lines = [];
  const line = document.getElementById("line");
  new MutationObserver(() => lines.push(line.textContent)).observe(line, { childList: true });
}"""


@pytest.fixture
def opened(notebook: Callable[..., Any]) -> Any:
    """A notebook with an explorer whose search goes on only when it is let."""
    shown = notebook([SETUP, READY])
    shown.page.wait_for_selector(PICTURES)
    return shown


def test_a_search_is_cancelled_another_one_watched_and_layers_chosen(opened: Any) -> None:
    page = opened.page
    page.get_by_role("button", name="Cancel").click()
    opened.until("explorer.task.state", "cancelled")
    assert opened.python("1 + 1") == 2
    page.wait_for_selector("text=The search was stopped")
    opened.python("free.set()")
    page.locator(PICTURES).nth(1).click()
    opened.until("explorer.explanation is not None and explorer.picture == study.pool.indices[1]", True)
    page.get_by_label("Compare with").select_option(label="runner-up")
    page.wait_for_function(f"() => document.querySelectorAll('{GRID} img:not([hidden])').length === 12")
    page.wait_for_selector("text=Step 8 of 8")
    opened.python("explorer.controls.step.observe(lambda change: seen.append(change['new']), 'value')")
    page.locator("button:has(.fa-play)").click()
    opened.until("seen[-1:]", [8])
    seen = opened.python("seen")
    assert seen == sorted(seen)
    assert seen[0] == 0
    dial = page.get_by_role("slider").nth(1)
    dial.focus()
    for _ in range(3):
        dial.press("ArrowLeft")
    page.wait_for_selector("text=The strongest 70% of the mask alone")
    page.locator("[role=option][data-name=conv2]").click()
    opened.until("explorer.explanation is not None and explorer.explanation.origin['base_layers']", ["conv2"])
    opened.until("explorer.controls.stop", 8)
    assert page.evaluate(f"[...document.querySelectorAll('{GRID} img')].every((image) => image.alt)")


def test_the_exported_page_plays_back_without_a_network(
    opened: Any, offline: Callable[[Path], Any], tmp_path: Path
) -> None:
    opened.python("free.set()")
    opened.until("explorer.task.state", "finished")
    file = tmp_path / "page.html"
    opened.python(f"explorer.to_html({str(file)!r})")
    page = offline(file)
    assert page.locator(f"{GRID} img").count() == 6
    assert page.locator(".xw-stage img").count() == 3
    page.evaluate(REMEMBER_LINES)
    page.get_by_role("button", name="Play").click()
    page.wait_for_selector("#line:has-text('Step 8 of 8')")
    page.get_by_role("button", name="Play").wait_for()
    lines = page.evaluate("lines.map((line) => line.split('.')[0])")
    assert lines == [f"Step {step} of 8" for step in (0, 2, 4, 6, 8)]
    page.get_by_label("Only the strongest").press("ArrowLeft")
    page.wait_for_selector("#line:has-text('The strongest 90% of the mask')")
    before = page.locator(f"{GRID} img").first.get_attribute("src")
    page.locator(PICTURES).first.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(f"{GRID} img").first.get_attribute("src") != before
    page.get_by_label("Class").select_option(index=1)
    assert page.locator(f"{GRID} .xw-row-label").first.text_content() == page.get_by_label("Class").evaluate(
        "(choice) => choice.selectedOptions[0].text"
    )
    page.get_by_label("Class").select_option(index=2)  # both
    assert page.locator(f"{GRID} img").count() == 12
    assert page.locator(".xw-stage img").count() == 4
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0 && image.alt)")

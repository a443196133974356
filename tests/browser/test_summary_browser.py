"""SummaryBrowser in JupyterLab and as a page: a real mouse and keyboard choose class, row and member."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

SETUP = """
from tests.conftest import Squares, tiny_net
from tests.widgets.conftest import SummariesByHand
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.widgets.summaries.explorer import SummaryBrowser

names = ["<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "c", "d"]
study = Study(tiny_net(), Squares(), class_names=names, name="Squares")
source = SummariesByHand(study)
source.find(0, progress=Progress())
"""
READY = "browser = SummaryBrowser(source)\nbrowser"
ROWS = "[aria-label=Summaries] > [role=option]"
MEMBERS = "[aria-label=Members] > [role=option]"


@pytest.fixture
def shown(notebook: Callable[..., Any]) -> Any:
    opened = notebook([SETUP, READY])
    opened.page.wait_for_selector(f"{MEMBERS} img")
    return opened


def test_a_mouse_chooses_row_and_member(shown: Any) -> None:
    shown.page.locator(ROWS).nth(1).locator("img").first.click()
    shown.until("browser.row", [0, 1])
    shown.page.wait_for_selector("text=Summary 2: 6 regions in 4 pictures")
    shown.page.locator(MEMBERS).nth(2).click()
    shown.until("browser.chosen.members.selected", 2)
    shown.page.wait_for_selector("text=Picture 102: without this region")
    caption = shown.python("browser.chosen.detail.rows[0]['tiles'][2]['caption']")
    shown.page.wait_for_selector(f".xw-grid [role=gridcell]:has-text({caption!r})")
    expected = shown.python("float(browser.study.predict(browser.explanation.masks.pictures[2]).max())")
    shown.until("float(browser.chosen.bars.heights('picture').max())", expected)
    assert shown.page.locator(".bqplot rect.bar").count() > 0
    text = shown.page.locator(".jp-OutputArea").last.inner_text()
    assert "<script>alert(1)</script>" in text  # drawn as text, run by nobody


def test_keys_choose_too_and_a_name_is_kept(shown: Any) -> None:
    row = shown.page.locator(ROWS)
    row.first.focus()
    shown.page.keyboard.press("ArrowDown")
    shown.until("browser.row", [0, 1])
    assert row.nth(1).get_attribute("aria-selected") == "true"
    shown.page.locator(MEMBERS).first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        shown.page.keyboard.press(key)
    shown.until("browser.chosen.members.selected", 1)
    shown.page.keyboard.press("End")
    shown.until("browser.chosen.members.selected", 5)
    box = shown.page.get_by_label("Name")
    box.fill("<script>alert(3)</script>")
    box.press("Enter")
    shown.until("source.found[0, False].summaries[1].name", "<script>alert(3)</script>")
    shown.page.wait_for_selector(f"{ROWS}:has-text('<script>alert(3)</script>')")
    shown.page.get_by_label("Show rejected groups").check()
    shown.page.wait_for_selector(f"{ROWS}:has-text('not kept: mixed')")
    assert shown.python("browser.row") == [0, 1]


def test_a_search_is_cancelled_and_taken_up_again(shown: Any) -> None:
    shown.python("source.free.clear()")
    shown.page.get_by_label("Class").select_option(index=2)
    shown.page.get_by_role("button", name="Cancel").click()
    shown.until("browser.task.state", "cancelled")
    assert shown.page.locator(ROWS).count() == 0
    waiting = shown.page.locator("[aria-label=Summaries] .xw-frame")
    assert waiting.count() == 15
    assert not any(image.is_visible() for image in waiting.locator("img").all())  # of the class before
    assert shown.python("1 + 1") == 2
    shown.python("source.free.set()")
    shown.page.get_by_role("button", name="Find summaries").click()
    shown.page.wait_for_selector(ROWS)
    shown.until("browser.task.state", "finished")
    assert shown.python("source.asked[-2:]") == [[2, False, 12], [2, False, None]]


def test_the_exported_page_is_chosen_from_without_a_network(
    shown: Any, offline: Callable[[Path], Any], tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    shown.python(f"[source.find(1, progress=Progress()) and 0, browser.to_html({str(file)!r})]")
    page = offline(file)
    page.get_by_label("Class").select_option(index=1)
    page.wait_for_selector("#sentence:has-text('<img src=x onerror=alert(2)>')")
    assert page.locator(ROWS).count() == 2
    page.get_by_label("Show rejected groups").check()
    assert page.locator(ROWS).count() == 3
    page.locator(ROWS).nth(1).click()
    assert page.locator("#members-line").inner_text().startswith("Summary 2: 6 regions")
    page.locator(MEMBERS).first.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#detail-line").inner_text().startswith("Picture 101:")
    assert page.locator("#detail img").count() == 6
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0 && image.alt)")

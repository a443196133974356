"""Workbench in JupyterLab: a picture, a layer, a class, and views that follow, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from xai_widgets.widgets.workbench.catalogue import VIEWS

pytestmark = pytest.mark.browser

BENCH = """
import xai_widgets as xw
from xai_widgets.methods.inversion.guided import GuidedSettings
study = xw.demo()
study.explainers["inversion"] = xw.GuidedFeatureInversion(study, settings=GuidedSettings(steps=3), background="mean")
bench = xw.Workbench(study)
bench
"""
LINKED = """
import xai_widgets as xw
study = xw.demo()
cladec, inversion = xw.ClaDecExplorer(study), xw.InversionExplorer(study)
unlink = xw.link(cladec, inversion)
cladec
"""
LABELS = {key: view.label for key, view in VIEWS.items()}
MEMORY = "__import__('gc').collect() * 0 + int(open('/proc/self/statm').read().split()[1]) * 4096 / 2**20"
LIVE = "len(__import__('ipywidgets').widgets.widget._instances)"


@pytest.fixture
def shown(notebook: Callable[..., Any], complaints: list[str]) -> Any:
    opened = notebook([BENCH])
    opened.page.set_viewport_size({"width": 1400, "height": 1800})
    opened.page.wait_for_selector(".xw-tab")
    return opened


def settle(opened: Any) -> None:
    opened.until("bench.view in bench.apps and bench.wait(0)", True)
    assert opened.python("str(bench.last_error)") == "None"


def tab(opened: Any, name: str) -> Any:
    return opened.page.get_by_role("tab", name=LABELS[name])


def test_the_mouse_opens_every_view_in_both_themes(shown: Any) -> None:
    for theme in ("light", "dark"):
        shown.theme(theme)
        for key, view in VIEWS.items():
            tab(shown, key).click()
            shown.until("bench.view", key)
            settle(shown)
            assert tab(shown, key).get_attribute("aria-selected") == "true"
            shown.page.get_by_text(view.question).wait_for()


def test_the_keyboard_alone_goes_through_pictures_layers_and_every_view(shown: Any) -> None:
    page = shown.page
    page.locator(".xw-workbench .xw-cards [role=option]").first.focus()
    page.keyboard.press("ArrowRight")
    shown.until("bench.picture == study.pool.indices[1]", True)
    page.locator(".xw-strip [role=option][aria-selected=true]").first.focus()
    page.keyboard.press("ArrowLeft")
    shown.until("bench.layers.value", "block3")
    settle(shown)
    assert shown.python("bench.apps['cladec'][0].explanation.layer") == "block3"
    tab(shown, "cladec").focus()
    for name in ("summaries", "srae", "inversion", "cae", "cladec"):
        page.keyboard.press("ArrowRight")
        shown.until("bench.view", name)
        settle(shown)
        # The next stop of the Tab key is the network or in the view, not another tab.
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('role')") != "tab"
        assert page.evaluate("document.activeElement.closest('.xw-network, .xw-app .xw-app') !== null")
        page.keyboard.press("Shift+Tab")
        assert page.evaluate("document.activeElement.textContent") == LABELS[name]
    page.keyboard.press("End")
    shown.until("bench.view", "cae")
    page.keyboard.press("Home")
    shown.until("bench.view", "cladec")


def test_a_picture_that_is_chosen_in_a_view_is_seen_by_the_others(shown: Any) -> None:
    tab(shown, "inversion").click()
    shown.until("'inversion' in bench.apps", True)
    settle(shown)
    tab(shown, "cladec").click()
    shown.page.get_by_role("button", name="More pictures").click()
    rows = shown.page.locator(".xw-grid .xw-row:visible, .xw-grid [role=option]:visible")
    rows.nth(2).click()
    shown.until("bench.picture == study.pool.indices[2]", True)
    third = "document.querySelector('.xw-workbench .xw-cards').querySelectorAll('[role=option]')[2]"
    shown.page.wait_for_function(f"{third}.getAttribute('aria-selected') === 'true'")
    assert shown.python("bench.strip.cards.selected") == 2
    tab(shown, "inversion").click()
    shown.until("bench.apps['inversion'][0].picture == study.pool.indices[2]", True)
    settle(shown)
    shown.page.get_by_label("Class", exact=True).first.select_option("lantern jay")
    shown.until("bench.apps['inversion'][0].target == study.class_names.index('lantern jay')", True)
    require_large_type(shown)


def require_large_type(shown: Any) -> None:
    """In a test that has all open already."""
    page = shown.page

    def size() -> float:
        return float(page.locator(".xw-workbench .xw-tab").first.bounding_box()["height"])

    before, picture = size(), page.locator(".xw-workbench .xw-cards img").first.bounding_box()["width"]
    page.get_by_role("button", name="Large type").click()
    shown.until("bench.large.value", True)
    page.wait_for_function(f"document.querySelector('.xw-cards img').getBoundingClientRect().width > {1.3 * picture}")
    assert size() > 1.25 * before


def test_two_widgets_that_are_linked(notebook: Callable[..., Any], complaints: list[str]) -> None:
    opened = notebook([LINKED, "inversion"])
    opened.page.set_viewport_size({"width": 1400, "height": 2600})
    opened.until("inversion.picture == cladec.picture and inversion.layer == cladec.layer", True)
    opened.page.locator(".xw-cards [role=option]").nth(3).click()  # of the second widget
    opened.until("inversion.picture == study.pool.indices[3]", True)
    opened.until("cladec.picture == study.pool.indices[3]", True)
    opened.page.locator(".xw-strip").first.get_by_text("block2").click()  # of the first one
    opened.until("inversion.controls.layer.value", "block2")
    opened.python("unlink()")
    opened.page.locator(".xw-cards [role=option]").nth(1).click()
    opened.until("inversion.picture == study.pool.indices[1]", True)
    assert opened.python("cladec.picture == study.pool.indices[3]")


def test_two_hundred_interactions_leave_nothing_behind(shown: Any) -> None:
    page = shown.page
    for name in LABELS:
        tab(shown, name).click()
        shown.until("bench.view", name)
        settle(shown)
    cards = page.locator(".xw-workbench .xw-cards").first.locator("[role=option]")

    def interact(times: int) -> None:
        for turn in range(times):
            tab(shown, ("cladec", "inversion")[turn // 25 % 2]).click()
            cards.nth(turn % 12).click()
        shown.until(f"bench.picture == study.pool.indices[{(times - 1) % 12}]", True)
        settle(shown)

    interact(60)  # what is kept for later is there by now
    live, memory = shown.python(LIVE), shown.python(MEMORY)
    interact(100)  # two of them each
    assert shown.python(LIVE) == live
    assert shown.python(MEMORY) - memory < 30

"""Browser in JupyterLab: the ring of the cheating classifier is on the first screen; mouse and keys choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

for name in ("pyarrow", "datasets"):
    pytest.importorskip(name, reason='pip install -e ".[scale]"')

pytestmark = pytest.mark.browser

SETUP = """
import tempfile
import xai_widgets as xw
from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.progress import Progress
from xai_widgets.widgets.browser import cloud

cloud.find_spec = lambda _: None  # the map of bqplot, whatever is installed
study = xw.demo(cheat=True)
search = xw.GuidedFeatureInversion(study, settings=GuidedSettings(steps=8, lr=0.5, area=2.0))
birds = BirdPictures(96, species=8, cheat=0.95, first=2_000_000)
found = xw.explain_all(search, birds, tempfile.mkdtemp(), progress=Progress())
"""
READY = "browser = xw.Browser(found)\nbrowser"
PLACES = "[aria-label='Places of evidence'] > [role=option]"
STRIP = "[aria-label=Pictures] > [role=option]"
CORNER = "float(browser.table.clusters[{}].mean[6:, :2].mean() / browser.table.clusters[{}].mean.mean())"


@pytest.fixture
def shown(notebook: Callable[..., Any]) -> Any:
    opened = notebook([SETUP, READY])
    opened.page.wait_for_selector(f"{STRIP} img")
    return opened


def test_the_ring_is_on_the_first_screen(shown: Any) -> None:
    cards = shown.page.locator(PLACES)
    corner = [shown.python(CORNER.format(number, number)) for number in range(cards.count())]
    ring = corner.index(max(corner))
    assert max(corner) > 4  # times as much evidence as elsewhere lies on the ring
    card = cards.nth(ring)
    box, screen = card.bounding_box(), shown.page.viewport_size
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= screen["height"]
    assert card.locator("img").count() >= 2
    card.click()
    shown.until("browser.places.selected", ring)
    shown.until(
        "set(browser.rows.tolist()) == set(browser.table.clusters[browser.places.selected].members.tolist())", True
    )


def test_mouse_and_keys_choose_pictures(shown: Any) -> None:
    shown.page.locator(STRIP).nth(1).click()
    shown.until("browser.picture == browser.shown[1]", True)
    name = shown.python("browser.sentence")
    shown.page.wait_for_selector(f".xw-sentence:has-text({name!r})")
    shown.page.keyboard.press("ArrowRight")
    shown.until("browser.picture == browser.shown[2]", True)
    shown.page.locator(".xw-browser .object_grp, .xw-browser .dot").first.click(force=True)
    shown.until("browser.strip.selected", 0)
    shown.page.get_by_label("Show", exact=True).select_option(label="wrong predictions")
    shown.until("bool(browser.table.wrong[browser.rows].all())", True)
    shown.page.get_by_role("button", name="Show all").click()
    shown.until("len(browser.rows)", 96)
    assert shown.python("browser.last_error is None")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_keeps_people_out(shown: Any, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    shown.theme(theme)
    shown.page.wait_for_timeout(300)  # pictures fade in
    found = axe.Axe().run(shown.page, context=".xw-browser").response["violations"]
    assert [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in ("serious", "critical")
    ] == []

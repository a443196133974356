"""Browser: cards of places, filters, the strip, and the page; by hand, without a browser."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import xai_widgets as xw
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.widgets.browser.browser import MEANING, STRIP

for name in ("pyarrow", "datasets"):
    pytest.importorskip(name, reason='pip install -e ".[scale]"')


@pytest.fixture(scope="module")
def small():
    """The script of a small run, as a module."""
    spec = importlib.util.spec_from_file_location("small", Path(__file__).parents[2] / "scale" / "small.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found(small, tmp_path_factory):
    return small.run(tmp_path_factory.mktemp("browsed") / "out", pictures=small.Blobs(30))


@pytest.fixture
def browser(found):
    made = xw.Browser(found)
    yield made
    made.close()
    assert made.last_error is None


def test_places_come_with_their_mean_mask_and_pictures(browser):
    cards = browser.places.cards
    assert 1 < len(cards) <= 6
    assert all(1 < len(card["tiles"]) <= 4 and all(tile["src"] for tile in card["tiles"]) for card in cards)
    assert sum(int(card["lines"][0].split()[0]) for card in cards) == 29


def test_the_strip_has_the_least_trusted(browser):
    trust = dict(zip(browser.table.index.tolist(), browser.table.numbers["trust"].tolist(), strict=True))
    assert len(browser.strip.cards) == STRIP
    assert [trust[i] for i in browser.shown] == sorted(trust.values())[:STRIP]
    browser.order.value = "most trusted"
    assert [trust[i] for i in browser.shown] == sorted(trust.values())[: -STRIP - 1 : -1]
    browser.order.value = "first in the data set"
    assert browser.shown[:4] == [0, 1, 2, 4]  # 3 is broken


def test_filters_leave_fewer_and_the_button_shows_all(browser):
    browser.predicted.value = browser.table.prediction[0]
    browser.places.selected = 0
    members = set(browser.table.clusters[0].members.tolist())
    assert set(browser.rows.tolist()) == {
        row for row in members if browser.table.prediction[row] == browser.table.prediction[0]
    }
    browser.trust.value = (1.0, 1.0)
    assert browser.sentence == "No picture is left; widen the filters, or show all."
    assert browser.strip.cards == []
    browser.reset.click()
    assert len(browser.rows) == 29
    assert "20 least trusted of 29 pictures" in browser.sentence


def test_a_chosen_picture_is_told(browser):
    browser.strip.selected = 2
    assert browser.picture == browser.shown[2]
    assert browser.sentence.startswith(f"{browser.picture} · true class: ")
    place = next(place for place, members in enumerate(browser.map._members) if len(members))
    mark = browser.map._marks[place]
    mark._element_click_handlers(mark, {"data": {"index": 0}})
    picked = int(browser.table.index[browser.map._members[place][0]])
    assert browser.picture == picked == browser.shown[0]
    assert browser.strip.selected == 0
    assert browser.open_here.layout.display == "none"  # without a study


def test_the_histogram_shows_any_number(browser):
    browser.number.value = "kept"
    assert float(browser.histogram._bars.y.sum()) == 29
    assert browser.histogram._axis.label == "kept"


def test_its_state_and_its_page(browser):
    browser.state = {"right": False, "place": 1}
    assert browser.state["place"] == 1
    page = browser.page(progress=Progress())
    assert MEANING in page
    assert page.count("data:image/png") > 20


def test_a_workbench_opens_for_the_studys_own_pictures(small, tmp_path):
    own = small.explainer()
    made = xw.explain_all(own, own.study.test, tmp_path / "out", shard=6, batch=4, progress=Progress())
    browser = xw.Browser(made, own.study)
    browser.strip.selected = 1
    browser.open_here.click()
    assert browser.last_error is None
    assert browser.bench.picture == browser.picture
    browser.bench.wait(60)
    browser.bench.close()
    browser.close()
    with pytest.raises(XaiWidgetsError, match="other pictures than the unseen ones"):
        xw.Browser(small.run(tmp_path / "other", pictures=small.Blobs(5)), own.study)

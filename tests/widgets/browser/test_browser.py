"""Browser: cards of places, filters, the strip, and the page; by hand, without a browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import xai_widgets as xw
from tests.loading import module_at
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.widgets.browser import cloud
from xai_widgets.widgets.browser.browser import KINDS, LOOKS, MEANING, STRIP

for name in ("pyarrow", "datasets"):
    pytest.importorskip(name, reason='pip install -e ".[scale]"')


@pytest.fixture(scope="module")
def small():
    """The script of a small run, as a module."""
    return module_at(Path(__file__).parents[2] / "scale" / "small.py")


@pytest.fixture(scope="module")
def found(small, tmp_path_factory):
    return small.run(tmp_path_factory.mktemp("browsed") / "out", pictures=small.Blobs(30))


def without_lasso(monkeypatch):
    monkeypatch.setattr(cloud, "find_spec", lambda _: None)


@pytest.fixture
def browser(found, monkeypatch):
    without_lasso(monkeypatch)
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
    assert browser.sentence.startswith(f"Picture {browser.picture} · true class: ")
    place = next(place for place, members in enumerate(browser.map._members) if len(members))
    mark = browser.map._marks[place]
    mark._element_click_handlers(mark, {"data": {"index": 0}})
    picked = int(browser.table.index[browser.map._members[place][0]])
    assert browser.picture == picked == browser.shown[0]
    assert browser.strip.selected == 0
    assert browser.open_here.layout.display == "none"  # without a study


def test_with_jupyter_scatter_a_click_and_a_lasso_choose(found):
    pytest.importorskip("jscatter", reason='pip install -e ".[lasso]"')
    browser = xw.Browser(found)
    assert isinstance(browser.map, cloud.PictureCloud)
    browser.map.cloud.selection = np.array([4])
    assert browser.picture == browser.shown[0] == browser.table.index[4]
    browser.map.cloud.selection = np.array([1, 7, 5])
    assert browser.picture is None
    assert set(browser.shown) == set(browser.table.index[[1, 5, 7]].tolist())
    assert browser.sentence.startswith("All 3 pictures")
    browser.places.selected = 0
    assert browser.map.cloud.filter.tolist() == browser.rows.tolist() == sorted(browser.groups[0].members.tolist())
    browser.reset.click()
    assert browser.map.cloud.filter is None
    browser.close()
    assert browser.last_error is None


def test_kinds_of_evidence_are_those_of_the_chosen_class(small, tmp_path):
    study = small.explainer().study
    masks = xw.VisualSummaries(study, layer="maps", masks=xw.CrispMasks(study, count=2))
    made = xw.explain_all(masks, small.Blobs(16), tmp_path / "out", shard=8, batch=4, progress=Progress())
    browser = xw.Browser(made)
    assert browser.alike in browser.parts.content
    before = browser.places.cards
    browser.alike.value = LOOKS
    assert "looks alike to the network" in browser.meaning.value
    assert browser.places.cards[0]["title"].startswith("Kind 1: ")
    before_kinds = browser.groups
    browser.alike.value = KINDS
    assert "places inside the masks" in browser.meaning.value
    assert browser.groups is not before_kinds
    card = browser.places.cards[0]
    assert card["title"].startswith("Kind 1: ")
    assert card["tiles"][0]["alt"].startswith("where its places are")
    plain = browser._thumbnails(browser.table.index[browser.groups[0].members[:1]].tolist())
    assert card["tiles"][1]["src"] != plain[0]  # the place is ringed
    browser.alike.value = LOOKS
    browser.predicted.value = int(browser.table.prediction[0])
    members = np.concatenate([group.members for group in browser.groups])
    assert set(browser.table.prediction[members]) == {browser.predicted.value}
    browser.places.selected = 0
    assert set(browser.rows.tolist()) == set(browser.groups[0].members.tolist())
    assert "looks alike" in browser.page(progress=Progress())
    browser.reset.click()
    assert browser.places.cards == before
    browser.close()
    assert browser.last_error is None


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

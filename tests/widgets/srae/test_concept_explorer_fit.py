"""ConceptExplorer that has to fit first: in the background, with Cancel, layer by layer."""

from __future__ import annotations

import pytest

from tests.widgets.conftest import HeldSRAE
from xai_widgets.errors import LayerError, XaiWidgetsError


def test_nothing_is_fitted_unasked(conceive, squares_read):
    explorer = conceive(squares_read, "pool")
    assert not explorer.srae.fitted
    assert "press “Fit x-features”" in explorer.sentence
    assert explorer.views._explained.layout.visibility == "hidden"
    assert explorer.strip.cards.cards
    assert explorer.controls.turn.disabled


def test_it_fits_in_the_background_and_shows(conceive, squares_read):
    held = HeldSRAE.of(squares_read, "pool")
    explorer = conceive(held)
    explorer.fit.click()
    assert "being fitted" in explorer.sentence
    assert explorer.controls.layer.disabled
    explorer.strip.cards.selected = 3  # looking at pictures does not stop it
    held.free.set()
    assert explorer.task.wait(60)
    assert held.fitted
    assert explorer.explanation is not None
    assert explorer.picture == explorer.strip.pool.indices[explorer.strip.here[3]]
    assert not explorer.controls.layer.disabled
    assert explorer.fitting.layout.display == "none"


def test_a_fit_can_be_cancelled_and_begun_again(conceive, squares_read):
    held = HeldSRAE.of(squares_read, "pool")
    explorer = conceive(held)
    explorer.fit.click()
    explorer.cancel()
    assert explorer.task.wait(60)
    assert explorer.task.state == "cancelled"
    assert not held.fitted
    assert "press “Fit x-features”" in explorer.sentence
    assert not explorer.fit.disabled
    held.free.set()
    explorer.fit.click()
    assert explorer.task.wait(60)
    assert explorer.explanation is not None


def test_another_layer_has_an_srae_of_its_own_like_the_first(conceive, srae):
    explorer = conceive(srae)
    explorer.controls.layer.value = "flat"
    assert explorer.task.wait(60)
    other = explorer.srae
    assert other is not srae
    assert not other.fitted
    assert (other.settings.layer, other.settings.features) == ("flat", srae.settings.features)
    assert other.settings.recipe.epochs == srae.settings.recipe.epochs
    assert "flat has no x-features yet" in explorer.sentence
    explorer.fit.click()
    assert explorer.task.wait(60)
    assert explorer.explanation.layer == "flat"
    explorer.controls.layer.value = "pool"
    assert explorer.task.wait(60)
    assert explorer.explanation.layer == "pool"
    assert set(explorer.sraes) == {"pool", "flat"}


def test_a_fit_goes_on_while_a_fitted_layer_is_looked_at(conceive, srae, squares_read):
    explorer = conceive(srae)
    held = explorer.sraes["flat"] = HeldSRAE.of(squares_read, "flat")
    explorer.controls.layer.value = "flat"
    explorer.fit.click()
    explorer.controls.layer.value = "pool"
    assert explorer.task.wait(60)
    assert explorer.explanation.layer == "pool"
    assert not explorer.controls.layer.disabled
    assert explorer.layer_status["flat"] == "fitting"
    explorer.controls.layer.value = "flat"
    assert explorer.fit.disabled
    assert "being fitted" in explorer.sentence
    held.free.set()
    assert explorer.task.wait(60)
    assert explorer.last_error is None
    assert explorer.explanation.layer == "flat"


def test_only_classes_that_are_explained_can_be_chosen(conceive, squares_read):
    held = HeldSRAE.of(squares_read, "pool", targets=[1, 3])
    explorer = conceive(held, target=0)
    held.free.set()
    explorer.fit.click()
    assert explorer.task.wait(60)
    assert [number for _, number in explorer.controls.classes.options] == [1, 3]
    assert explorer.explanation.class_index == explorer.target == conceive(held).target == 1
    with pytest.raises(XaiWidgetsError, match="'north' is not explained"):
        conceive(held, target=0)


def test_it_begins_with_a_layer_and_a_class(conceive, squares_read, srae):
    explorer = conceive(srae, "flat", target="west")
    assert (explorer.layer, explorer.target) == ("flat", 3)
    explorer.target = "<b>east</b>"
    assert explorer.target == 1
    with pytest.raises(LayerError, match="pol"):
        conceive(squares_read, "pol")
    with pytest.raises(XaiWidgetsError, match="nort"):
        conceive(srae, target="nort")

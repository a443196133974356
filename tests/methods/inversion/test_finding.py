"""Unseen pictures of the study are explained once, and the explanations are saved with the search."""

from __future__ import annotations

import pytest

from xai_widgets.errors import ArtifactError, CancelledError, PictureError
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import AT_ONCE, PICTURES, GuidedFeatureInversion
from xai_widgets.methods.inversion.paper import PublishedSettings
from xai_widgets.progress import Progress


@pytest.fixture(scope="module")
def study(colours):
    return colours(shape=(3, 33, 47))


@pytest.fixture
def guided(study):
    return GuidedFeatureInversion(study, "maps", background="mean", settings=GuidedSettings(steps=3), seed=4)


def test_the_first_unseen_pictures_are_explained_in_parts(guided, monkeypatch):
    monkeypatch.setattr("xai_widgets.methods.inversion.inversion.AT_ONCE", 2)
    assert (PICTURES, AT_ONCE) == (24, 8)
    parts = []
    guided.fit(progress=Progress(), on_part=lambda one: parts.append(list(one.found)))
    pool = guided.study.draw(guided.study.test, PICTURES)
    assert parts == [pool[:2], pool[:4], pool]
    assert guided.verdict().startswith("6 unseen pictures: kept ")
    monkeypatch.setattr(GuidedFeatureInversion, "explain", None)
    guided.fit(progress=Progress())


def test_found_explanations_are_those_of_explain(study, guided, equal):
    assert guided.find([4, 1, 4]) is guided
    assert list(guided.found) == [4, 1]
    explanation = guided.explain(study.load(study.test, [4, 1])[0], film=True)
    for row, index in enumerate((4, 1)):
        equal(guided.found[index], explanation[row])


@pytest.mark.parametrize("indices", [[6], [0, -1]])
def test_pictures_that_do_not_exist_are_refused(guided, indices):
    with pytest.raises(PictureError, match="indices must be 0 to 5"):
        guided.find(indices)
    assert guided.found == {}


def test_what_was_found_before_a_cancel_stays(guided):
    cancelled = Progress()
    cancelled.cancel()
    with pytest.raises(CancelledError):
        guided.find([3]).find([2], progress=cancelled)
    assert list(guided.found) == [3]


def test_other_settings_have_found_nothing_yet(guided):
    assert guided.find([0]).altered(area=1.0).found == {}
    assert list(guided.found) == [0]


@pytest.mark.parametrize("settings", [GuidedSettings(steps=2, seed=9), PublishedSettings(inversion_steps=1, steps=2)])
def test_the_search_comes_back_with_its_explanations(study, equal, tmp_path, settings):
    made = GuidedFeatureInversion(study, "maps", background="mean", settings=settings, seed=4).find([2, 5])
    again = GuidedFeatureInversion.load(made.save(tmp_path / "kept"), study)
    assert (again.settings, again.seed, again.background) == (settings, 4, "mean")
    assert (again.base_layers, again.deep_layer) == (made.base_layers, made.deep_layer)
    assert list(again.found) == [2, 5]
    for index in (2, 5):
        equal(made.found[index], again.found[index])


def test_settings_of_your_own_class_cannot_be_saved(guided, tmp_path):
    class Own(GuidedSettings):
        pass

    guided.settings = Own(steps=2)
    with pytest.raises(ArtifactError, match="settings of class Own cannot be saved"):
        guided.find([0]).save(tmp_path / "kept")

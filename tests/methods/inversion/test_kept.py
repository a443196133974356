"""What guided feature inversion found is kept, and comes back as it was."""

from __future__ import annotations

import pytest
import torch

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError, CancelledError, PictureError
from xai_widgets.methods.inversion.explanation import Inversions
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.paper import PublishedSettings
from xai_widgets.progress import Progress
from xai_widgets.study import Study

TENSORS = (
    "pictures", "backgrounds", "masks", "weights", "before", "without", "kept", "removed", "error", "frames",
)  # fmt: skip


@pytest.fixture(scope="module")
def study(colours):
    return colours(shape=(3, 33, 47), class_names=["<script>", "green", "blue"])


@pytest.fixture
def guided(study):
    return GuidedFeatureInversion(study, "maps", background="mean", settings=GuidedSettings(steps=3), seed=4)


def same(one, other):
    assert all(torch.equal(getattr(one, name), getattr(other, name)) for name in TENSORS)
    assert torch.equal(one.target.classes, other.target.classes)
    assert (one.channels, one.background_names, one.class_names) == (
        other.channels, other.background_names, other.class_names,
    )  # fmt: skip
    assert one.verdict() == other.verdict()
    assert one.said(0) == other.said(0)


# --- what was found of some pictures -------------------------------------------------------------------------------


@pytest.mark.parametrize("against", [None, 2])
def test_inversions_come_back(study, guided, tmp_path, against):
    found = guided.explain(study.load(study.test, range(3))[0], 1, against=against, film=True)
    again = Inversions.load(found.save(tmp_path / "found"), study)
    same(found, again)
    assert (again.target.against is None) == (against is None)
    assert again.target.name(0, again.class_names) == found.target.name(0, found.class_names)
    assert again.origin["base_layers"] == ["maps"]


def test_a_score_of_ones_own_cannot_be_kept(study, guided, tmp_path):
    found = guided.explain(study.load(study.test, [0])[0], lambda logits: logits.log_softmax(1)[:, 0])
    with pytest.raises(ArtifactError, match="for a score of your own cannot be saved"):
        found.save(tmp_path / "found")
    assert list(tmp_path.iterdir()) == []


def test_inversions_of_another_model_are_refused(study, guided, colours, tmp_path):
    path = guided.explain(study.load(study.test, [0])[0]).save(tmp_path / "found")
    with pytest.raises(ArtifactError, match="another model"):
        Inversions.load(path, Study(study.model, study.train, std=(2.0,)))


@pytest.mark.parametrize(
    ("tensor", "detail"), [("masks", None), ("classes", None), ("weights", None), (None, "channels"), (None, "origin")]
)
def test_damaged_ones_are_refused(study, guided, tmp_path, tensor, detail):
    path = guided.explain(study.load(study.test, range(2))[0]).save(tmp_path / "found")
    tensors, details = artifact.load(path, "inversions")
    if tensor:
        tensors[tensor] = tensors[tensor][:1]
    details.pop(detail, None)
    artifact.save(path, "inversions", tensors, details)
    with pytest.raises(ArtifactError, match="does not hold what its description says"):
        Inversions.load(path, study)


# --- what was found of unseen pictures of the study ----------------------------------------------------------------


def test_what_is_found_is_what_is_explained(study, guided):
    assert guided.find([4, 1, 4]) is guided
    assert list(guided.found) == [4, 1]
    explained = guided.explain(study.load(study.test, [4, 1])[0], film=True)
    for at, place in enumerate((4, 1)):
        same(guided.found[place], explained[at])


def test_nothing_is_looked_for_twice(guided, monkeypatch):
    guided.find([0, 1])
    monkeypatch.setattr(GuidedFeatureInversion, "explain", None)
    guided.find([1, 0])
    with pytest.raises(TypeError):
        guided.find([2])


def test_places_that_do_not_exist_are_refused(guided):
    for places in ([6], [0, -1]):
        with pytest.raises(PictureError, match="places must be 0 to 5"):
            guided.find(places)
    assert guided.found == {}


def test_what_was_found_before_a_cancel_stays(guided):
    guided.find([3])
    cancelled = Progress()
    cancelled.cancel()
    with pytest.raises(CancelledError):
        guided.find([2], progress=cancelled)
    assert list(guided.found) == [3]


def test_other_settings_have_found_nothing_yet(guided):
    assert guided.find([0]).altered(area=1.0).found == {}
    assert list(guided.found) == [0]


@pytest.mark.parametrize("settings", [GuidedSettings(steps=2, seed=9), PublishedSettings(inversion_steps=1, steps=2)])
def test_the_search_comes_back_with_what_it_found(study, tmp_path, settings):
    made = GuidedFeatureInversion(study, "maps", background="mean", settings=settings, seed=4).find([2, 5])
    again = GuidedFeatureInversion.load(made.save(tmp_path / "kept"), study)
    assert (again.settings, again.seed, again.background) == (settings, 4, "mean")
    assert (again.base_layers, again.deep_layer) == (made.base_layers, made.deep_layer)
    assert list(again.found) == [2, 5]
    for place in (2, 5):
        same(made.found[place], again.found[place])


def test_settings_of_ones_own_cannot_be_kept(guided, tmp_path):
    class Own(GuidedSettings):
        pass

    guided.settings = Own(steps=2)
    with pytest.raises(ArtifactError, match="settings of class Own cannot be saved"):
        guided.find([0]).save(tmp_path / "kept")


def test_a_damaged_search_is_refused(study, guided, tmp_path):
    path = guided.find([0]).save(tmp_path / "kept")
    tensors, details = artifact.load(path, "inversion")
    for change in ({"optimiser": "Nothing"}, {"settings": {"steps": "many"}}, {"found": {"x": {}}}, {"found": 3}):
        artifact.save(path, "inversion", tensors, details | change)
        with pytest.raises(ArtifactError, match="does not hold what its description says"):
            GuidedFeatureInversion.load(path, study)

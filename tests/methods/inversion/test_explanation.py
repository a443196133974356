"""An explanation says when not to trust it, is saved and loaded; unseen pictures of the study are explained once."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError, CancelledError, PictureError
from xai_widgets.methods.inversion.explanation import InversionExplanation
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import AT_ONCE, PICTURES, GuidedFeatureInversion
from xai_widgets.methods.inversion.paper import PublishedSettings
from xai_widgets.methods.inversion.targets import Targets
from xai_widgets.progress import Progress


@pytest.fixture(scope="module")
def study(colours):
    return colours()


@pytest.fixture(scope="module")
def explanation(study, red):
    return GuidedFeatureInversion(study, background="mean", settings=GuidedSettings(steps=10)).explain(red(study))


def test_mass_is_the_share_of_the_mask(explanation):
    mask = torch.zeros(3, 28, 28)
    mask[:, :2], mask[:, 2:4] = 1, 0.5
    half = torch.zeros(28, 28, dtype=torch.bool)
    half[:2] = True
    assert torch.allclose(replace(explanation, masks=mask).mass(half), torch.full((3,), 2 / 3))


def test_top_channels_have_the_greatest_shares(explanation):
    first, second = explanation.top_channels(0, 2)
    assert first[0] == "maps"
    assert first[2] == pytest.approx(float(explanation.weights[0].max() / explanation.weights[0].sum()))
    assert first[2] >= second[2]
    assert len(explanation.top_channels(0, 99)) == 3


def test_problems_name_the_masks_that_mean_little(explanation):
    assert explanation.problems == ()
    wrong = replace(
        explanation,
        masks=torch.cat([torch.full((1, 28, 28), 0.5), explanation.masks[1:]]),
        baseline_score=torch.where(torch.arange(3) == 1, explanation.before, explanation.baseline_score),
        kept=torch.where(torch.arange(3) == 2, 0.0, explanation.kept),
    )
    assert [problem.split(" (such as ")[1][0] for problem in wrong.problems] == ["0", "1", "2"]
    assert wrong.verdict().startswith(wrong.problems[0])
    assert wrong.degenerate.tolist() == [True, False, False]


def test_a_background_that_shows_neither_of_two_classes_is_sound(explanation):
    two = replace(explanation, targets=Targets(explanation.class_index, explanation.class_index + 1))
    scores = {"before": torch.tensor([0.9, 0.9, 0.2]), "baseline_score": torch.tensor([0.5, 0.8, 0.5])}
    assert replace(two, **scores).sound.tolist() == [True, False, True]
    assert replace(explanation, **scores).sound.tolist() == [False, False, False]


def test_one_of_several_pictures(explanation):
    one = explanation[-1]
    assert len(one) == 1
    assert torch.equal(one.masks[0], explanation.masks[2])
    assert one.sentence(0) == explanation.sentence(2)
    assert one.background_names == ("mean",)
    with pytest.raises(IndexError):
        explanation[3]


def test_outlines_dim_the_outside(explanation):
    outlined = explanation.outline(0)
    inside = explanation.masks[0] > 0.5
    assert torch.equal(outlined[:, inside], explanation.pictures[0][:, inside])
    assert outlined.max() == 1
    assert outlined[0, -1, 0] < 0.3 * explanation.pictures[0, 0, -1, 0]


def test_figure_and_gallery(explanation):
    figure = explanation.figure()
    assert len(figure.axes) == 3 * 5
    assert figure.axes[0].get_title() == "picture"
    html = explanation.gallery().html
    assert html.count("<img ") == 3
    assert "red" in html
    assert "from the mask alone" in html


@pytest.mark.parametrize("against", [None, 2])
def test_explanations_come_back(study, explanation, equal, tmp_path, against):
    others = None if against is None else torch.full((3,), against)
    found = replace(explanation, targets=Targets(explanation.class_index, others))
    equal(InversionExplanation.load(found.save(tmp_path / "found"), study), found)


def test_your_own_score_cannot_be_saved(explanation, tmp_path):
    own = replace(explanation, targets=replace(explanation.targets, score=lambda logits: -logits[:, 0].abs()))
    with pytest.raises(ArtifactError, match="of your own score cannot be saved"):
        own.save(tmp_path / "found")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", ["masks", "class_index", "weights", "channels", "origin"])
def test_damaged_explanations_are_refused(study, explanation, tmp_path, broken):
    path = explanation.save(tmp_path / "found")
    tensors, details = artifact.load(path, "inversions")
    if broken in tensors:
        tensors[broken] = tensors[broken][:1]
    details.pop(broken, None)
    artifact.save(path, "inversions", tensors, details)
    with pytest.raises(ArtifactError, match="does not hold what its description says"):
        InversionExplanation.load(path, study)


@pytest.fixture(scope="module")
def odd(colours):
    return colours(shape=(3, 33, 47))


@pytest.fixture
def guided(odd):
    return GuidedFeatureInversion(odd, "maps", background="mean", settings=GuidedSettings(steps=3), seed=4)


def test_the_first_unseen_pictures_are_explained_in_parts(guided, monkeypatch):
    monkeypatch.setattr("xai_widgets.methods.inversion.inversion.AT_ONCE", 2)
    assert (PICTURES, AT_ONCE) == (24, 8)
    parts = []
    guided.fit(progress=Progress(), on_part=lambda one: parts.append(list(one.found)))
    pool = guided.study.draw(guided.study.test, PICTURES)
    assert parts == [pool[:2], pool[:4], pool]
    assert guided.verdict().startswith("Mean probability on 6 held-out pictures: ")
    monkeypatch.setattr(GuidedFeatureInversion, "explain", None)
    guided.fit(progress=Progress())


def test_found_explanations_are_those_of_explain(odd, guided, equal):
    assert guided.find([4, 1, 4]) is guided
    assert list(guided.found) == [4, 1]
    explanation = guided.explain(odd.load(odd.test, [4, 1])[0], film=True)
    for row, index in enumerate((4, 1)):
        equal(guided.found[index], explanation[row])


def test_what_was_found_before_an_error_or_a_cancel_stays(guided):
    cancelled = Progress()
    cancelled.cancel()
    with pytest.raises(CancelledError):
        guided.find([3]).find([2], progress=cancelled)
    for indices in ([6], [0, -1]):
        with pytest.raises(PictureError, match="indices must be 0 to 5"):
            guided.find(indices)
    assert guided.altered(area=1.0).found == {}
    assert list(guided.found) == [3]


@pytest.mark.parametrize("settings", [GuidedSettings(steps=2, seed=9), PublishedSettings(inversion_steps=1, steps=2)])
def test_the_search_comes_back_with_its_explanations(odd, equal, tmp_path, settings):
    made = GuidedFeatureInversion(odd, "maps", background="mean", settings=settings, seed=4).find([2, 5])
    again = GuidedFeatureInversion.load(made.save(tmp_path / "kept"), odd)
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

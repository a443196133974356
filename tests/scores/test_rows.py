"""The rows of the exam of all methods, on classifiers simple enough to know their answers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.demos import bird_classifier
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.scores.answers import ANSWERS
from xai_widgets.scores.cue import hottest_place, threshold
from xai_widgets.scores.maps import Question
from xai_widgets.scores.material import Material, draw_material
from xai_widgets.scores.row_exam import BETTER, CASES, Row, examine_row
from xai_widgets.scores.rows import OF_TRANSFORMERS, OTHERS, ROWS, kind_of
from xai_widgets.scores.saliency_baselines import blurred
from xai_widgets.scores.trivial import TRIVIAL
from xai_widgets.scores.twin import randomised
from xai_widgets.study import Study

BIRDS = {"species": 4, "size": 32}


@pytest.fixture(scope="module")
def study():
    """An untrained network, which is enough for everything that any classifier has."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = bird_classifier(4)
    return Study(model.eval(), BirdPictures(80, **BIRDS), test=BirdPictures(400, first=1000, **BIRDS))


@pytest.fixture
def linear():
    """A linear classifier, and the weights of its class 1."""
    layer = nn.Linear(3 * 16 * 24, 2)
    blank = [(torch.zeros(3, 16, 24), 0)] * 2
    return Study(nn.Sequential(nn.Flatten(), layer), blank, test=blank), layer.weight[1].detach().view(3, 16, 24)


def asked(study, pictures, class_index=1, seed=0, parts=None):
    classes = torch.full((len(pictures),), class_index)
    return Question(study, pictures, classes, seed, Progress(), parts)


def test_every_method_has_an_answer_map():
    assert [kind_of(row) for row in ROWS] == ["method"] * 5 + ["other"] * 7 + ["trivial"] * 4
    assert set(ROWS) == {*ANSWERS, *OTHERS, *OF_TRANSFORMERS, *TRIVIAL}


def test_captum_explains_a_linear_classifier(linear):
    study, weights = linear
    pictures = torch.rand(2, 3, 16, 24)
    gradient = ROWS["gradient"](asked(study, pictures))
    torch.testing.assert_close(gradient, weights.abs().mean(0).expand(2, -1, -1))
    whole = study.logits(pictures)[:, 1] - study.logits(blurred(pictures))[:, 1]
    torch.testing.assert_close(
        ROWS["integrated_gradients"](asked(study, pictures)).sum((1, 2)), whole, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("row", ["grad_cam", "guided_backprop"])
def test_what_a_classifier_has_no_layer_for_is_said(linear, row):
    with pytest.raises(XaiWidgetsError, match="the classifier has none"):
        ROWS[row](asked(linear[0], torch.rand(1, 3, 16, 24)))


def test_what_captum_cannot_do_is_said(linear, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("a view is modified inplace")

    monkeypatch.setattr("captum.attr.Saliency.attribute", broken)
    with pytest.raises(XaiWidgetsError, match="captum cannot explain this classifier so: a view is modified inplace"):
        ROWS["gradient"](asked(linear[0], torch.rand(1, 3, 16, 24)))


def test_rows_that_know_nothing(linear):
    study, _ = linear
    pictures = torch.zeros(2, 3, 16, 24)
    pictures[:, :, 12, 20] = 1
    assert divmod(int(ROWS["brightest"](asked(study, pictures))[0].argmax()), 24) == (12, 20)
    one, same, other = (ROWS["random"](asked(study, pictures, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])
    centre = ROWS["centre"](asked(study, pictures))[0]
    assert torch.equal(centre, centre.flip(0, 1))
    assert centre[8, 12] > centre[0, 0]
    parts = torch.rand(2, 3, 16, 24) > 0.5
    assert torch.equal(ROWS["all_parts"](asked(study, pictures, parts=parts)) > 0, parts.any(1))
    with pytest.raises(XaiWidgetsError, match="only known of the field guide"):
        ROWS["all_parts"](asked(study, pictures))


@pytest.mark.parametrize("row", [*OTHERS, *TRIVIAL])
def test_every_row_gives_a_map_for_each_picture(study, row):
    pictures = torch.rand(2, 3, 32, 32)
    parts = torch.rand(2, 5, 32, 32) > 0.9
    maps = ROWS[row](asked(study, pictures, parts=parts))
    assert maps.shape == (2, 32, 32)
    assert torch.isfinite(maps).all()


# --- the place that no part explains ---------------------------------------------------------------------------------


@pytest.fixture
def drifting():
    """Maps with evidence on a bird that moves, and what is explained; corner evidence can be added."""
    maps, explained = torch.zeros(16, 32, 32), torch.zeros(16, 32, 32, dtype=torch.bool)
    for i in range(16):
        explained[i, 4 : 4 + 8, i : i + 8] = True
    maps[explained] = 1
    return maps, explained


def test_nothing_unexplained_is_found_where_all_evidence_is_on_the_bird(drifting):
    assert hottest_place(*drifting).share == 0


def test_the_place_is_found_wherever_it_is(drifting):
    maps, explained = drifting
    maps[:, 26:30, 3:7] = 4
    place = hottest_place(maps, explained)
    assert place.share == pytest.approx(0.5)
    cue = torch.zeros(32, 32)
    cue[26:30, 3:7] = 1
    assert place.holds(cue)
    assert not place.holds(cue.flip(0))


def test_noise_holds_no_more_than_its_share_of_the_picture():
    maps = torch.rand(200, 32, 32, generator=torch.Generator().manual_seed(0))
    assert hottest_place(maps, torch.zeros(200, 32, 32, dtype=torch.bool)).share == pytest.approx(1 / 16, rel=0.05)
    assert hottest_place(torch.zeros(3, 32, 32), torch.zeros(3, 32, 32, dtype=torch.bool)).share == 0


def test_a_place_must_hold_twice_what_any_method_finds_on_the_honest_classifier():
    assert threshold([0.01, 0.06, 0.02]) == pytest.approx(0.12)


# --- the twin --------------------------------------------------------------------------------------------------------


def test_the_twin_has_other_weights_and_predicts_several_classes(study):
    before, fingerprint = study.model.training, study.fingerprint
    twin, same, other = randomised(study, 1), randomised(study, 1), randomised(study, 2)
    assert (study.model.training, study.fingerprint) == (before, fingerprint)
    assert twin.fingerprint == same.fingerprint
    assert len({study.fingerprint, twin.fingerprint, other.fingerprint}) == 3
    pictures = study.load(study.train, range(80))[0]
    logits = twin.logits(pictures)
    assert len(logits.argmax(1).unique()) > 1
    assert float(logits.std(0).mean()) == pytest.approx(float(study.logits(pictures).std(0).mean()), rel=0.5)
    assert not twin.explainers


# --- a whole row -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def material(study):
    return draw_material(study, 120, 0, Progress())


def noise(question):
    """Noise of another scale and seed than that of the row of noise."""
    generator = torch.Generator().manual_seed(99 + question.seed)
    return 5 * torch.rand(len(question), *question.pictures.shape[2:], generator=generator)


def test_noise_scores_at_the_row_of_noise_in_every_measure(study, material):
    twins = [randomised(study, 1), randomised(study, 2)]
    chance = examine_row("random", ROWS["random"], material, twins)
    found = examine_row("noise", noise, material, twins)
    assert set(found.measures) == set(BETTER)
    for measure in BETTER:
        ours, theirs = found.measures[measure], chance.measures[measure]
        assert abs(ours["value"] - theirs["value"]) < 1.5 * (ours["margin"] + theirs["margin"]) + 1e-6, measure
    assert chance.value("stability") > 0.5
    for measure in ("parts", "excess_mass", "randomised"):
        assert abs(chance.value(measure)) < 2 * chance.measures[measure]["margin"] + 0.01


def test_the_truth_is_best_where_places_are_measured(material):
    row = examine_row("all_parts", ROWS["all_parts"], material, [])
    assert row.value("pointing") == 1
    assert row.value("excess_mass") == pytest.approx(1)
    assert row.value("stability") == 0
    assert row.passes == 0
    assert row.place["share"] == 0
    assert [case.which for case in row.cases] == list(CASES)
    assert all(case.picture.startswith("data:image/png;base64,") for case in row.cases)
    assert Row.from_dict(row.to_dict()) == row


@pytest.mark.parametrize(("count", "shown"), [(1, ["best"]), (2, ["best", "worst"]), (3, list(CASES))])
def test_few_pictures_are_shown_once_each(study, material, count, shown):
    pictures = material.asked.pictures[:count]
    few = asked(study, pictures)
    row = examine_row("centre", ROWS["centre"], Material(few, few, None, None), [])
    assert [case.which for case in row.cases] == shown
    assert len({case.picture for case in row.cases}) == count


def test_passes_are_counted(material):
    assert examine_row("gradient", ROWS["gradient"], material, []).passes == 1


def test_a_row_that_fails_says_why(material):
    def broken(question):
        raise XaiWidgetsError("it cannot be done")

    row = examine_row("gradient", broken, material, [])
    assert (row.note, row.measures) == ("it cannot be done", {})

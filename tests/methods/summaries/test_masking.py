"""What masks are optimised for, by hand and against slow twins; and what stands in for removed pixels."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.common.blur import gaussian, odd
from xai_widgets.methods.masking.references import REFERENCES, choose
from xai_widgets.methods.masking.terms import Question, area, gradient, indecision, variation
from xai_widgets.methods.summaries.paper_masks import Stage, handed_over, penalties

TWO = torch.tensor([[0.0, 1.0], [0.5, 1.0]]).view(1, 1, 2, 2)


def test_terms_of_a_mask_of_four_by_hand():
    assert area(TWO).item() == pytest.approx(2.5 / 4)
    assert indecision(TWO).item() == pytest.approx(0.25 / 4)
    assert variation(TWO).item() == pytest.approx((0.5 + 0) / 2 + (1 + 0.5) / 2)
    assert variation(TWO, 3.0).item() == pytest.approx((0.125 + 0) / 2 + (1 + 0.125) / 2)


@pytest.mark.parametrize("power", [1.0, 3.0])
def test_variation_is_what_a_loop_over_neighbours_gives(power, by_hand):
    masks = torch.rand(3, 1, 5, 7, dtype=torch.float64)
    expected = [by_hand(mask[0], power) for mask in masks]
    assert torch.allclose(variation(masks, power), torch.stack(expected))


def test_published_penalties_by_hand():
    stage = Stage(1, area=0.5, variation=2.0, indecision=4.0)
    expected = 0.5 * 1.5 / 4 + 2 * ((0.125 + 0) / 2 + (1 + 0.125) / 2) + 4 * 0.25 / 4
    assert penalties(TWO, stage).item() == pytest.approx(expected)


def test_masks_are_scaled_and_rounded_when_handed_over_without_nan():
    assert torch.allclose(handed_over(TWO * 0.8), torch.tensor([[0.0, 1.0], [128 / 255, 1.0]]))
    masks = torch.stack([torch.zeros(1, 3, 3), torch.ones(1, 3, 3), torch.full((1, 3, 3), 0.3)])
    assert torch.equal(handed_over(masks), torch.zeros_like(masks))


@pytest.fixture
def question(looking):
    study = looking()
    pictures, _ = study.load(study.train, range(2))
    ones = torch.ones(2, 1, 28, 28)
    return Question(study, pictures, pictures * 0, torch.tensor([1, 0]), ones, torch.tensor([0.9, 0.1]), torch.zeros(2))


def test_nothing_removed_leaves_pictures_as_they_are_bit_for_bit(question):
    nothing, everything = torch.zeros(2, 1, 28, 28), torch.ones(2, 1, 28, 28)
    assert torch.equal(question.removed(nothing), question.pictures)
    assert torch.equal(question.kept(everything), question.pictures)
    assert torch.equal(question.removed(everything), question.baselines)


def test_shares_run_from_the_reference_to_the_picture(question):
    shares = question.shares(torch.tensor([0.9, 0.1, 0.0, 0.0, 0.45, 0.05]))
    assert torch.allclose(shares, torch.tensor([[1.0, 1], [0, 0], [0.5, 0.5]]))
    level = Question(**vars(question) | {"bottom": question.top})
    assert torch.isfinite(level.shares(torch.rand(4))).all()


def test_scores_and_gradients_are_those_of_each_picture_and_its_class(question):
    values = torch.tensor([[1.0, 2], [3, 4]], requires_grad=True)
    assert torch.allclose(gradient((values**2).sum(1), values), 2 * values)
    with question.study.borrowed():
        scores = question.scores(question.pictures.repeat(2, 1, 1, 1))
    expected = question.study.predict(question.pictures)
    assert torch.allclose(scores, torch.stack([expected[0, 1], expected[1, 0]]).repeat(2))


USUAL = ("blur", "mean", "median", "average", "weak blur")


@pytest.fixture
def asked(looking):
    study = looking()
    pictures, _ = study.load(study.test, range(4))
    classes = torch.tensor([1, 1, 0, 0])
    return study, pictures, classes


def test_each_picture_takes_the_reference_with_the_lowest_score(asked):
    study, pictures, classes = asked
    chosen, scores, names = choose(study, pictures, classes, torch.ones(4), USUAL)
    for row in range(4):
        made = torch.stack([REFERENCES[name](study, pictures, classes)[row] for name in USUAL])
        all_scores = study.predict(made)[:, classes[row]]
        assert torch.isclose(scores[row], all_scores.min())
        assert torch.equal(chosen[row], made[USUAL.index(names[row])])


def test_a_picture_of_something_else_is_the_last_resort(looking):
    study = looking()
    dark = torch.zeros(2, 3, 28, 28)  # whatever is empty is of class 0
    before = study.predict(dark)[:, 0]
    chosen, scores, names = choose(study, dark, torch.tensor([0, 1]), before, ("mean", "other"))
    assert names == ("other", "mean")
    assert scores[0] < 0.1
    assert any(torch.equal(chosen[0], study.train[i][0]) for i in range(len(study.train)))
    assert choose(study, dark, torch.tensor([0, 1]), before, ("other",))[2] == ("other", "other")


@pytest.mark.parametrize("shape", [(2, 3, 28, 28), (1, 1, 33, 47), (1, 3, 299, 28)])
@pytest.mark.parametrize("name", REFERENCES)
def test_references_are_pictures_of_the_same_shape(looking, name, shape):
    pictures = torch.rand(shape)
    made = REFERENCES[name](looking((shape[1], 28, 28)), pictures, torch.zeros(shape[0], dtype=torch.long))
    assert made.shape == pictures.shape
    assert made.min() >= 0
    assert made.max() <= 1 + 1e-5


def test_a_blurred_point_is_a_gaussian():
    point = torch.zeros(1, 1, 9, 9)
    point[0, 0, 4, 4] = 1
    offsets = torch.arange(9.0) - 4
    bell = torch.exp(-(offsets**2) / 8) * (offsets.abs() <= 2)
    expected = torch.outer(bell, bell) / bell.sum() ** 2
    assert torch.allclose(gaussian(point, 2.0, 5)[0, 0], expected, atol=1e-7)
    assert torch.allclose(gaussian(torch.full((1, 3, 5, 6), 0.3), 4.0, 21), torch.tensor(0.3))
    assert [odd(x) for x in (0.2, 1.0, 1.9, 2.1, 11.0, 12.1)] == [1, 1, 1, 3, 11, 13]


@pytest.mark.parametrize("names", [(), ("blur", "noise")])
def test_unknown_references_are_named(looking, names):
    with pytest.raises(XaiWidgetsError, match=r"(references are|reference is) .* one (or more )?of blur, mean"):
        choose(looking(), torch.rand(1, 3, 28, 28), torch.tensor([0]), torch.ones(1), names)

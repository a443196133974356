"""The terms of the objective: by hand, and against slow twins."""

from __future__ import annotations

import pytest
import torch

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


def test_masks_of_one_value_are_handed_over_without_nan():
    masks = torch.stack([torch.zeros(1, 3, 3), torch.ones(1, 3, 3), torch.full((1, 3, 3), 0.3)])
    assert torch.equal(handed_over(masks), torch.zeros_like(masks))


def test_masks_are_scaled_and_rounded_when_handed_over():
    assert torch.allclose(handed_over(TWO * 0.8), torch.tensor([[0.0, 1.0], [128 / 255, 1.0]]))


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


def test_a_reference_as_good_as_its_picture_gives_no_nan(question):
    level = Question(**vars(question) | {"bottom": question.top})
    assert torch.isfinite(level.shares(torch.rand(4))).all()


def test_scores_are_those_of_each_picture_s_class(question):
    scores = question.scores(question.pictures.repeat(2, 1, 1, 1))
    expected = question.study.predict(question.pictures)
    assert torch.allclose(scores, torch.stack([expected[0, 1], expected[1, 0]]).repeat(2))


def test_gradients_are_each_picture_s_own():
    values = torch.tensor([[1.0, 2], [3, 4]], requires_grad=True)
    assert torch.allclose(gradient((values**2).sum(1), values), 2 * values)

"""Reports about a fit, in numbers and words."""

from __future__ import annotations

import math

import pytest
import torch

from xai_widgets.methods.srae.fit_data import most_predicted, scores
from xai_widgets.methods.srae.report import ClassReport, Numbers, numbers, r_squared

GOOD = Numbers(r2_all=0.99, r2_positive=0.95, alive=5, second_first=0.5, n90=2.5)
WORSE = Numbers(r2_all=0.98, r2_positive=0.5, alive=5, second_first=0.5, n90=2.5)
LOPSIDED = Numbers(r2_all=0.99, r2_positive=0.95, alive=5, second_first=0.1, n90=1.0)
DEAD = Numbers(r2_all=0.5, r2_positive=-3.0, alive=1, second_first=0.0, n90=1.0)


def test_r_squared():
    goal = torch.tensor([1.0, 2.0, 3.0])
    assert r_squared(goal, goal) == 1
    assert r_squared(goal, torch.full((3,), 2.0)) == 0
    assert math.isnan(r_squared(torch.ones(3), torch.ones(3)))


def test_numbers_by_hand():
    contributions = torch.tensor([[3.0, 1.0], [3.0, 2.0], [0.0, 0.0]])
    found = numbers(contributions, 1.0, torch.tensor([5.0, 6.0, 2.0]), torch.tensor([True, True, False]))
    assert found.r2_all == pytest.approx(1 - (1 / 3) / (26 / 9))
    assert found.r2_positive == 1
    assert (found.alive, found.second_first, found.n90) == (2, 0.5, 2.0)


def test_problems():
    assert GOOD.problems == ()
    assert LOPSIDED.problems == ("A single x-feature carries almost all of the score.",)
    assert len(DEAD.problems) == 2


def test_a_verdict_says_when_pca_is_as_good():
    assert "PCA explains the score as well" not in ClassReport(9, GOOD, WORSE, WORSE).verdict()
    assert "PCA explains the score as well" in ClassReport(9, GOOD, GOOD, WORSE).verdict()
    assert (
        ClassReport(9, GOOD, WORSE, DEAD)
        .verdict()
        .startswith("The sum explains 99.0% of the score's variance on 9 held-out")
    )
    assert "PLS 50.0% (nothing)" in ClassReport(9, GOOD, WORSE, DEAD).verdict()
    assert ClassReport(9, DEAD, GOOD, GOOD).verdict().startswith("NOT TO BE BELIEVED: The x-features do not sum")


def test_scores():
    logits = torch.tensor([[1.0, 4.0, 2.0]])
    assert scores(logits, [2, 0], "logit").tolist() == [[2.0, 1.0]]
    assert scores(logits, [1, 0], "margin").tolist() == [[2.0, -3.0]]


def test_the_classes_predicted_most():
    logits = torch.eye(5)[[4, 4, 1, 4, 2, 1]]
    assert most_predicted(logits, 5) == (0, 1, 2, 3, 4)
    assert most_predicted(logits, 2) == (1, 4)
    assert most_predicted(logits, 4) == (1, 2, 4)

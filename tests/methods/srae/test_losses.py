"""The terms of the loss are the formulas of the paper."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.srae.losses import (
    DUE,
    Batch,
    dominance,
    faithfulness,
    pull_away,
    sparse_reconstruction,
    total,
)
from xai_widgets.methods.srae.settings import Weights


def test_a_score_of_another_shape_is_refused_instead_of_broadcast():
    with pytest.raises(XaiWidgetsError, match=r"\(1, 4\) do not match those of \(1, 4, 1\)"):
        faithfulness(torch.zeros(1, 4), torch.zeros(1, 4, 1))


def test_faithfulness_is_the_mean_squared_error_of_each_class():
    found = faithfulness(torch.tensor([[1.0, 3.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 2.0]]))
    assert found.tolist() == [5.0, 2.0]


def test_sparse_reconstruction_by_hand():
    z = torch.zeros(1, 2, 3)
    rebuilt = torch.tensor([[[1.0, 0.0, 2.0], [3.0, 0.0, 0.0]]])
    goal = (math.log1p(10 * 5) + 0 + math.log1p(10 * 2)) / 3  # the mean over the batch first, the logarithm second
    assert float(sparse_reconstruction(rebuilt, z, 10.0)) == pytest.approx(goal)


def test_pull_away_is_what_the_textbook_says():
    traces = torch.randn(1, 7, 4)
    cosines = [
        float(torch.cosine_similarity(traces[0, :, i], traces[0, :, j], dim=0)) ** 2
        for i in range(4)
        for j in range(4)
        if i != j
    ]
    assert float(pull_away(traces)) == pytest.approx(sum(cosines) / 12, abs=1e-5)


def test_a_dead_trace_has_a_gradient():
    traces = torch.zeros(1, 5, 2, requires_grad=True)
    pull_away(traces).sum().backward()
    assert torch.isfinite(traces.grad).all()


def test_dominance_is_what_the_second_falls_short_of():
    contributions = torch.tensor([[[4.0, 1.0, -3.0], [2.0, 1.0, -3.0]]])
    assert float(dominance(contributions)) == pytest.approx(DUE * 3 - 1)
    assert float(dominance(contributions + torch.tensor([0.0, 2.0, 0.0]))) == 0


@pytest.mark.parametrize("along", ["maps", "features", "images"])
def test_the_total_is_the_sum_of_its_terms(along):
    z, e, rebuilt = (torch.randn(2, 6, 3, d) for d in (5, 4, 5))
    goal, v, b = torch.randn(2, 6), torch.randn(2, 4), torch.randn(2)
    weights = Weights(positives=0.7, reconstruction=2.0, q=3.0, pull=0.5, along=along, dominance=0.2)
    expected = 0.0
    for k in range(2):
        maps = e[k] * v[k]
        parts = maps.mean(1)
        error = (parts.sum(1) + b[k] - goal[k]).square()
        traces = {"maps": maps.flatten(0, 1), "features": parts, "images": parts.T}[along]
        expected += float(error.mean() + 0.7 * error[:2].mean() / goal[k, :2].var())
        expected += 2 * float(torch.log1p(3 * (rebuilt[k] - z[k]).square().mean((0, 1))).mean())
        expected += 0.5 * float(pull_away(traces[None])) + 0.2 * float(dominance(parts[None, :2]))
    assert float(total(Batch(z, e, rebuilt, goal, 2), v, b, weights)) == pytest.approx(expected, rel=1e-4)


def test_mixed_pictures_have_no_terms_of_the_class_alone():
    z, e, goal = torch.randn(1, 6, 1, 3), torch.randn(1, 6, 1, 2), torch.randn(1, 6)
    v, b = torch.randn(1, 2), torch.zeros(1)
    weights = Weights()
    without = replace(weights, positives=0.0, dominance=0.0)
    assert float(total(Batch(z, e, z, goal, 0), v, b, weights)) == pytest.approx(
        float(total(Batch(z, e, z, goal, 3), v, b, without))
    )

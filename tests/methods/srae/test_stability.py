"""X-features of other seeds are matched by their traces."""

from __future__ import annotations

import math

import pytest
import torch

from xai_widgets.methods.srae.stability import correlations, matched, stability


def test_the_same_in_another_order_is_perfectly_stable():
    traces = torch.randn(50, 4)
    order = [2, 0, 3, 1]
    pairs, found = matched(traces, 3 * traces[:, order] + 1)
    assert pairs == [(i, order.index(i)) for i in range(4)]
    assert found.tolist() == pytest.approx([1.0] * 4, abs=1e-5)
    assert stability([traces, traces[:, order], traces]) == pytest.approx(1, abs=1e-5)


def test_correlations_are_the_textbooks():
    a, b = torch.randn(40, 2), torch.randn(40, 3)
    expected = torch.corrcoef(torch.cat([a, b], dim=1).T)[:2, 2:]
    assert torch.allclose(correlations(a, b), expected, atol=1e-5)


def test_what_does_not_vary_correlates_with_nothing():
    assert correlations(torch.ones(9, 1), torch.rand(9, 1)).tolist() == [[0.0]]


def test_what_finds_no_partner_does_not_count():
    traces = torch.randn(50, 4)
    assert stability([traces, traces[:, :2]]) == pytest.approx(1, abs=1e-5)


def test_nothing_to_compare():
    assert math.isnan(stability([torch.randn(5, 2)]))
    assert math.isnan(stability([torch.randn(5, 2), torch.randn(5, 0)]))

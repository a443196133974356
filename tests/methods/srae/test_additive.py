"""What is counted of a sum."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.methods.srae.additive import alive, second_to_first, significant


def test_the_significant_ones_are_the_smallest_set_with_90_percent():
    contributions = torch.tensor(
        [[5.0, 4.0, 1.0, -9.0], [1.0, 8.9, 0.1, 0.0], [-1.0, -2.0, 0.0, 0.0], [9.0, 1.0, 0, 0], [1.0] * 4]
    )
    expected = [[True, True, False, False], [True, True, False, False], [False] * 4, [True, False, False, False]]
    expected.append([True] * 4)
    assert significant(contributions).tolist() == expected


def test_what_does_not_vary_is_not_alive():
    scores = torch.tensor([0.0, 10.0, 20.0])
    contributions = torch.stack([scores, torch.full((3,), 7.0), scores / 1000], dim=1)
    assert alive(contributions, scores).tolist() == [True, False, False]


def test_second_to_first():
    assert second_to_first(torch.tensor([[4.0, 2.0, -1.0], [2.0, 1.0, -1.0]])) == pytest.approx(0.5)
    assert second_to_first(torch.tensor([[4.0, -2.0]])) == 0

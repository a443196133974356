"""A fit starts at the linear model of the score."""

from __future__ import annotations

import torch

from xai_widgets.methods.srae.network import XNetwork
from xai_widgets.methods.srae.start import grouped, ridge, start


def test_wide_and_narrow_regressions_agree():
    x, y = torch.randn(9, 8).double(), torch.randn(9, 3).double()
    padded = torch.cat([x, torch.zeros(9, 8).double()], dim=1)  # twice the channels, half the mean variance
    centred = x - x.mean(0)
    penalty = 0.01 * 9 * x.var(0, correction=0).mean() / 2
    expected = torch.linalg.solve(centred.T @ centred + penalty * torch.eye(8), centred.T @ (y - y.mean(0)))
    assert torch.allclose(ridge(padded, y)[:8], expected, atol=1e-8)


def test_channels_that_speak_together_are_one_group():
    one, other = torch.rand(50, 1), torch.rand(50, 1)
    evidence = torch.cat([one, other, one * 1.1, other * 0.9], dim=1)
    assert sorted(group.tolist() for group in grouped(evidence, 2)) == [[0, 2], [1, 3]]


def test_few_channels_are_groups_of_their_own():
    assert [group.tolist() for group in grouped(torch.rand(5, 2), 3)] == [[0], [1]]
    assert [group.tolist() for group in grouped(torch.rand(5, 0), 3)] == [[]]
    assert [group.tolist() for group in grouped(torch.rand(5, 3), 1)] == [[0, 1, 2]]


def test_the_network_starts_as_the_linear_model():
    network = XNetwork(1, 6, 5, (8,), slope=0.0, shortcut=True, nonnegative=True)
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0, -0.1, 0.0])
    z = torch.rand(30, 4, 6)
    start(network, 0, weights, z.flatten(0, 1), z.flatten(0, 1), against=2)
    torch.nn.init.zeros_(network.ways_in[-1].weight)  # without the nonlinear correction
    with torch.no_grad():
        assert torch.allclose(network.contributions(z, 0).sum(1), z.mean(1) @ weights, atol=1e-5)
        assert (network.contributions(z, 0)[:, :3] >= 0).all()
        assert (network.contributions(z, 0)[:, 3:] <= 0).all()

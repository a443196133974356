"""Where a fit starts: at a linear model of the score, divided among the x-features.

From random weights, two fits end with different x-features. So each class begins with a ridge regression of its score
on the layer's channels: channels that support the class at the same positions become one x-feature, channels that
oppose it another. The fit then only has to make it nonlinear, concise and faithful.
"""

from __future__ import annotations

import torch
from torch import Tensor

from xai_widgets.methods.srae.network import XNetwork

RIDGE = 0.01
"""Penalty of the regression, as a share of the number of pictures times the variance of a channel."""

MOST_CHANNELS, MANY_CHANNELS = 512, 2048
"""So many channels, those that say most, are divided, of small pictures and of photos; further ones start at zero."""

MOST_TRACES = 4000
"""So many positions of pictures of the class are looked at."""

READ_OUT = 0.5
"""Size of each read-out weight."""


def ridge(x: Tensor, y: Tensor) -> Tensor:
    """Weights ``(D, K)`` of a ridge regression of scores ``(N, K)`` on channels ``(N, D)``; intercepts left out."""
    x, y = x - x.mean(0), y - y.mean(0)
    penalty = RIDGE * len(x) * float(x.var(0, correction=0).mean().clamp_min(1e-12))
    if x.shape[1] <= len(x):
        weights: Tensor = torch.linalg.solve(x.T @ x + penalty * torch.eye(x.shape[1]), x.T @ y)
        return weights
    # Wide layers: the same by a smaller system.
    dual: Tensor = torch.linalg.solve(x @ x.T + penalty * torch.eye(len(x)), y)
    return x.T @ dual


@torch.no_grad()
def start(
    network: XNetwork,
    k: int,
    weights: Tensor,
    own: Tensor,
    others: Tensor,
    against: int,
    most: int = MOST_CHANNELS,
) -> None:
    """Set one class (row k) of a network with a shortcut to the linear model with weights ``(D,)``.

    `own` and `others` are standardised positions ``(M, D)`` of pictures of the class and of other ones; `against`
    counts the x-features that oppose the class, and at most so many channels are divided.
    """
    if network.shortcut is None:
        return
    count = network.v.shape[1]
    weights = _strongest(weights, torch.cat([own, others]), most)
    ways = [(1.0, own, range(count - against)), (-1.0, others, range(count - against, count))]
    shortcut = torch.zeros(network.shortcut.shape[1:])
    for sign, z, features in ways:
        channels = (weights * sign > 0).nonzero().flatten()
        groups = grouped(z[:MOST_TRACES, channels] * weights[channels], len(features))
        for feature, group in zip(features, groups, strict=False):
            shortcut[channels[group], feature] = weights[channels[group]].abs() / READ_OUT
        network.v[k, list(features)] = sign * READ_OUT
    network.shortcut[k] = shortcut
    network.ways_in[-1].weight[k] *= 0.1  # the nonlinear part begins as a small correction


def _strongest(weights: Tensor, z: Tensor, most: int) -> Tensor:
    if len(weights) <= most:
        return weights
    said = (weights * z.std(0)).abs()
    return torch.where(said >= said.topk(most).values[-1], weights, 0.0)


def grouped(evidence: Tensor, count: int) -> list[Tensor]:
    """Divide channels, the columns of ``(M, C)``, into at most `count` groups by Ward's clustering of their traces."""
    from sklearn.cluster import AgglomerativeClustering  # noqa: PLC0415  (slow to import)

    channels = evidence.shape[1]
    if channels <= count or count < 2:
        return list(torch.arange(channels).tensor_split(max(1, min(count, channels))))
    labels = torch.from_numpy(AgglomerativeClustering(count).fit_predict(evidence.T.numpy()))
    return [(labels == group).nonzero().flatten() for group in range(count)]

r"""The terms of SRAE's loss, each for K classes side by side; M counts the pictures or positions of a batch.

.. math::

    \mathcal L = \underbrace{\tfrac1M \sum_i (\hat y_i - y_i)^2}_{\text{faithfulness}}
    + \beta \underbrace{\tfrac1D \sum_k \log\bigl(1 + q\,\tfrac1M \sum_i (\tilde z_{ik} - z_{ik})^2\bigr)}_{
      \text{sparse reconstruction}}
    + \eta \underbrace{\tfrac{1}{L(L-1)} \sum_{l \ne l'} \cos^2(h_l, h_{l'})}_{\text{pull-away}}

with :math:`h_l` the trace of x-feature l's contribution. Added here: faithfulness on the pictures of the class alone,
and a term against a single x-feature that carries everything.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.srae.settings import Weights
from xai_widgets.together import Part

DUE = 0.4
"""Least share of the strongest x-feature's mean contribution that the second one should have."""

_TINY = 1e-8

ALL = Part(0, 1, 1)
"""Of one process."""


def faithfulness(predicted: Tensor, goal: Tensor) -> Tensor:
    """Mean squared error ``(K,)`` of scores ``(K, M)``.

    An `XaiWidgetsError` if the shapes differ: broadcasting would compare everything with everything.
    """
    if predicted.shape != goal.shape:
        raise XaiWidgetsError(f"scores of shape {tuple(predicted.shape)} do not match those of {tuple(goal.shape)}")
    return (predicted - goal).square().mean(1)


def sparse_reconstruction(rebuilt: Tensor, z: Tensor, q: float, part: Part = ALL) -> Tensor:
    """Logarithm of each channel's mean squared residual, ``(K,)``, of ``(K, M, D)``, which are a part of the batch.

    The mean over the batch comes first, the logarithm second: channels that cannot be rebuilt are given up.
    """
    return torch.log1p(q * part.mean((rebuilt - z).square().mean(1))).mean(1)


def pull_away(traces: Tensor) -> Tensor:
    """Mean squared cosine ``(K,)`` of the L traces of ``(K, M, L)``: 0 for orthogonal ones, 1 for equal ones."""
    unit = traces / (traces.norm(dim=1, keepdim=True) + _TINY)
    squares = (unit.transpose(1, 2) @ unit).square()
    count = traces.shape[2]
    off_diagonal: Tensor = squares.sum((1, 2)) - squares.diagonal(dim1=1, dim2=2).sum(1)
    return off_diagonal / (count * (count - 1))


def dominance(contributions: Tensor) -> Tensor:
    """How far the second x-feature falls short of `DUE` of the first one, ``(K,)``.

    Of the contributions ``(K, M, L)`` to pictures of the class, in standard deviations of the score.
    """
    first, second = contributions.mean(1).topk(2, dim=1).values.unbind(1)
    return (DUE * first - second).clamp_min(0)


@dataclass(frozen=True)
class Batch:
    """What a step works on, and what the networks make of it; standardised.

    Positions `z` and `rebuilt` ``(K, B, P, D)``, x-features `e` ``(K, B, P, L)`` and scores `goal` ``(K, B)``; the
    first `positives` pictures of each row are of the class, 0 where they are mixed. `z` and `rebuilt`, which are large,
    are of a part of the pictures, where several processes share them.
    """

    z: Tensor
    e: Tensor
    rebuilt: Tensor
    goal: Tensor
    positives: int
    part: Part = ALL


def total(batch: Batch, v: Tensor, b: Tensor, weights: Weights) -> Tensor:
    """The loss for read-outs ``v (K, L)`` and ``b (K,)``: a sum over the classes, since they share no weights."""
    maps = batch.e * v[:, None, None]
    contributions = maps.mean(2)
    predicted = contributions.sum(2) + b[:, None]
    terms = faithfulness(predicted, batch.goal)
    residual = batch.rebuilt.flatten(1, 2), batch.z.flatten(1, 2)
    reconstruction = sparse_reconstruction(*residual, weights.q, batch.part)
    terms = terms + weights.reconstruction * reconstruction
    terms = terms + weights.pull * pull_away(_traces(maps, contributions, weights))
    if batch.positives > 1:
        own = slice(batch.positives)
        spread = batch.goal[:, own].var(1).clamp_min(_TINY)
        terms = terms + weights.positives * faithfulness(predicted[:, own], batch.goal[:, own]) / spread
        terms = terms + weights.dominance * dominance(contributions[:, own])
    return terms.sum()


def _traces(maps: Tensor, contributions: Tensor, weights: Weights) -> Tensor:
    if weights.along == "maps":
        return maps.flatten(1, 2)
    return contributions if weights.along == "features" else contributions.transpose(1, 2)

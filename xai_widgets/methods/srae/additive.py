"""What SRAE and its baselines have in common: a score as a sum of x-features, and a way back into the layer."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

DEAD = 0.02
"""An x-feature is flat where its contribution varies by less than this share of the score's standard deviation."""

ENOUGH = 0.9
"""The significant x-features are the smallest set that reaches this share of the positive contribution."""


class Additive(nn.Module, ABC):
    r"""For each of K classes a score :math:`\hat y = \sum_l v_l e_l + b`.

    The x-features :math:`e_l` of a picture are the means over its P positions of those of the positions.
    """

    @property
    @abstractmethod
    def weight(self) -> Tensor:
        """Read-out v, ``(K, L)``, in units of the score."""

    @property
    @abstractmethod
    def bias(self) -> Tensor:
        """Read-out b, ``(K,)``, in units of the score."""

    @abstractmethod
    def features(self, z: Tensor, k: int) -> Tensor:
        """X-features ``(N, P, L)`` of class k for positions ``(N, P, D)`` of the layer."""

    @abstractmethod
    def decoded(self, e: Tensor, k: int) -> Tensor:
        """The layer ``(N, P, D)`` rebuilt from x-features ``(N, P, L)`` of class k."""

    def maps(self, z: Tensor, k: int) -> Tensor:
        """What each x-feature contributes at each position, ``(N, P, L)``; everything summed, and b, is the score."""
        return self.features(z, k) * (self.weight[k] / z.shape[1])

    def contributions(self, z: Tensor, k: int) -> Tensor:
        """What each x-feature contributes to the score, ``(N, L)``."""
        return self.maps(z, k).sum(1)

    def change(self, e: Tensor, moved: Tensor, k: int) -> Tensor:
        """What moving the x-features from `e` to `moved` changes in the layer, ``(N, P, D)``."""
        return self.decoded(moved, k) - self.decoded(e, k)


def significant(contributions: Tensor) -> Tensor:
    """The smallest sets of x-features that reach `ENOUGH` of the positive contribution, bool ``(N, L)``."""
    positive = contributions.clamp_min(0)
    ordered, order = positive.sort(dim=1, descending=True, stable=True)
    before = ordered.cumsum(1) - ordered
    chosen = (before < ENOUGH * positive.sum(1, keepdim=True)) & (ordered > 0)
    return torch.zeros_like(chosen).scatter(1, order, chosen)


def alive(contributions: Tensor, scores: Tensor) -> Tensor:
    """Which x-features vary, bool ``(L,)``, for contributions ``(N, L)`` and scores ``(N,)`` of the same pictures."""
    return contributions.std(0, correction=0) > DEAD * scores.std(correction=0)


def second_to_first(contributions: Tensor) -> float:
    """The second largest mean contribution over the largest, 0 unless both are above zero; of ``(N, L)``."""
    first, second = contributions.mean(0).topk(2).values.tolist()
    return second / first if second > 0 else 0.0

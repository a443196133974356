"""Variations of a search: how small a mask may get, and how much it depends on the start of the search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from xai_widgets import limits
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.limits import Several, Whole
from xai_widgets.methods.inversion.targets import AnyTarget
from xai_widgets.names import Target
from xai_widgets.progress import Progress

if TYPE_CHECKING:
    from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion

WEIGHTS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Weights of the area in a sweep; 4 is the default of the method."""

ENOUGH = 0.9
"""A mask keeps a class if it keeps this share of the class's probability."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """Masks of N pictures for S weights of the area.

    Attributes
    ----------
    weights
        Of the area ``(S,)``, rising.
    masks
        ``(S, N, H, W)`` in [0, 1].
    area, kept, removed
        Mean of each mask, and probabilities of what is kept and removed, ``(S, N)``.
    before
        Probability of the target for the pictures ``(N,)``.
    """

    weights: Tensor
    masks: Tensor
    area: Tensor
    kept: Tensor
    removed: Tensor
    before: Tensor

    def smallest(self, enough: float = ENOUGH) -> Tensor:
        """The number of the smallest mask that keeps this share of the probability, ``(N,)``; -1 if none does."""
        keeps = self.kept >= enough * self.before
        area = torch.where(keeps, self.area, torch.inf)
        return torch.where(keeps.any(0), area.argmin(0), -1)


@dataclass(frozen=True, eq=False)
class Restarts:
    """Mean and standard deviation ``(N, H, W)`` of masks from different starts; low where they agree."""

    mean: Tensor
    deviation: Tensor


def sweep(
    inversion: GuidedFeatureInversion,
    pictures: Tensor,
    target: AnyTarget = None,
    *,
    weights: Sequence[float] = WEIGHTS,
    against: Target | Tensor | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Explain with several weights of the area.

    Parameters
    ----------
    inversion
        An inversion with `GuidedSettings`; the published method has no such weight.
    pictures, target, against, progress
        As for `GuidedFeatureInversion.explain`.
    weights
        Of the area, 0 or more each, rising.

    Raises
    ------
    XaiWidgetsError
        If there are no weights, or they do not rise.
    """
    weights = Several(limits.WEIGHT)("weights", weights)
    if not weights or list(weights) != sorted(set(weights)):
        raise XaiWidgetsError(f"weights are {list(weights)}, but must be one or more, from 0 up, each above the last")
    found = [
        inversion.altered(area=weight).explain(pictures, target, against=against, progress=progress)
        for weight in weights
    ]
    names = ("masks", "area", "kept", "removed")
    stacked = {name: torch.stack([getattr(one, name) for one in found]) for name in names}
    return Sweep(weights=torch.tensor(weights), before=found[0].before, **stacked)


def restarts(
    inversion: GuidedFeatureInversion,
    pictures: Tensor,
    target: AnyTarget = None,
    *,
    count: int = 4,
    noise: float = 1.0,
    against: Target | Tensor | None = None,
    progress: Progress | None = None,
) -> Restarts:
    """Explain several times, with noise added to the start of the search.

    Parameters
    ----------
    inversion
        An inversion with `GuidedSettings`.
    pictures, target, against, progress
        As for `GuidedFeatureInversion.explain`.
    count
        Number of searches, 2 or more.
    noise
        Deviation of the noise on the logarithms of the weights, above 0.

    Raises
    ------
    XaiWidgetsError
        If `count` or `noise` is outside its range.
    """
    count, noise = Whole(2, 10_000)("count", count), limits.POSITIVE("noise", noise)
    found = [
        inversion.altered(noise=noise, seed=seed).explain(pictures, target, against=against, progress=progress)
        for seed in range(count)
    ]
    masks = torch.stack([one.masks for one in found])
    return Restarts(masks.mean(0), masks.std(0))

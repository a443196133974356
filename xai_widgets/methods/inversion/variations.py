"""The same search again, varied: how small may a mask get, and how much of it depends on where the search began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.inversion.targets import Classes
from xai_widgets.progress import Progress

if TYPE_CHECKING:
    from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion

WEIGHTS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Weights of the area in a sweep; 4 is the default of the method."""

ENOUGH = 0.9
"""A class counts as kept with this share of its probability."""


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
        """Which of the S masks is the smallest one that keeps that share of the probability, ``(N,)``; -1 if none."""
        keeps = self.kept >= enough * self.before
        area = torch.where(keeps, self.area, torch.inf)
        return torch.where(keeps.any(0), area.argmin(0), -1)


@dataclass(frozen=True, eq=False)
class Restarts:
    """Mean and standard deviation ``(N, H, W)`` of masks whose searches began elsewhere: where they agree, and not."""

    mean: Tensor
    deviation: Tensor


def sweep(
    made: GuidedFeatureInversion,
    pictures: Tensor,
    classes: Classes = None,
    *,
    weights: Sequence[float] = WEIGHTS,
    against: int | str | Tensor | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Explain with one weight of the area after the other.

    Parameters
    ----------
    made
        With `GuidedSettings`: the published method has no such weight.
    pictures, classes, against, progress
        As for `GuidedFeatureInversion.explain`.
    weights
        Of the area, 0 or more each, rising.

    Raises
    ------
    XaiWidgetsError
        If there are no weights, or they do not rise.
    """
    if not weights or min(weights) < 0 or list(weights) != sorted(set(weights)):
        raise XaiWidgetsError(f"weights are {list(weights)}, but must be one or more, from 0 up, each above the last")
    found = [
        made.altered(area=weight).explain(pictures, classes, against=against, progress=progress) for weight in weights
    ]
    stacked = {
        name: torch.stack([getattr(one, name) for one in found]) for name in ("masks", "area", "kept", "removed")
    }
    return Sweep(weights=torch.tensor(weights), before=found[0].before, **stacked)


def restarts(
    made: GuidedFeatureInversion,
    pictures: Tensor,
    classes: Classes = None,
    *,
    count: int = 4,
    noise: float = 1.0,
    against: int | str | Tensor | None = None,
    progress: Progress | None = None,
) -> Restarts:
    """Explain several times, with noise added to where the search begins.

    Parameters
    ----------
    made
        With `GuidedSettings`.
    pictures, classes, against, progress
        As for `GuidedFeatureInversion.explain`.
    count
        How often, 2 or more.
    noise
        Deviation of the noise on the logarithms of the weights, above 0.

    Raises
    ------
    XaiWidgetsError
        If `count` or `noise` is outside its range.
    """
    if count < 2 or noise <= 0:
        raise XaiWidgetsError(f"count is {count} and noise {noise}: 2 or more, and above 0, are needed")
    masks = torch.stack(
        [
            made.altered(noise=noise, seed=seed).explain(pictures, classes, against=against, progress=progress).masks
            for seed in range(count)
        ]
    )
    return Restarts(masks.mean(0), masks.std(0))

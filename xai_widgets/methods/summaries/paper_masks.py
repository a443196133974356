"""The published masks: first smooth at low resolution, then crisp at full resolution.

Minimised per picture, for what is kept ``m`` in [0, 1]::

    score of (m x + (1 - m) baseline) + area * mean |1 - m| + variation * TV_3(m) + indecision * mean |m (1 - m)|

In the first stage ``m`` is a coarse grid, enlarged and smoothed (the gradient passes as if it were not smoothed). Its
mask is scaled per picture and rounded to 8 bits before the second stage goes on with it, as if it had been saved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets import limits
from xai_widgets.devices import later, sent
from xai_widgets.limits import Of, settle
from xai_widgets.methods.common.blur import gaussian, odd
from xai_widgets.methods.masking.references import PUBLISHED_SIDE
from xai_widgets.methods.masking.terms import Question, area, gradient, indecision, variation


@dataclass(frozen=True)
class Stage:
    """Steps and weights of one stage."""

    steps: int
    area: float
    variation: float
    indecision: float

    def __post_init__(self) -> None:
        weights = ("area", "variation", "indecision")
        settle(self, steps=limits.STEPS, **dict.fromkeys(weights, limits.WEIGHT))


@dataclass(frozen=True)
class TwoStageSettings:
    """How masks are optimised.

    Parameters
    ----------
    smooth, crisp
        The two stages.
    cell
        Side of a cell of the first stage's grid, in pixels.
    smoothing
        Sigma of the first stage's smoothing, in pixels of pictures of 224; scaled to others.
    lr
        Of Adam, in both stages.
    """

    smooth: Stage = Stage(300, area=0.5, variation=0.01, indecision=0.0)
    crisp: Stage = Stage(150, area=0.01, variation=1.0, indecision=2.0)
    cell: int = 8
    smoothing: float = 5.0
    lr: float = 0.1

    def __post_init__(self) -> None:
        settle(
            self,
            smooth=Of((Stage,)),
            crisp=Of((Stage,)),
            cell=limits.COUNT,
            smoothing=limits.POSITIVE,
            lr=limits.POSITIVE,
        )

    @property
    def steps(self) -> int:
        """Steps of both stages."""
        return self.smooth.steps + self.crisp.steps

    @classmethod
    def restored(cls, values: Mapping[str, Any]) -> Self:
        """The settings that a file holds as plain values."""
        return cls(**dict(values) | {name: Stage(**values[name]) for name in ("smooth", "crisp")})

    def optimise(self, question: Question, step: Callable[[], None]) -> Tensor:
        """Soft masks of what is removed, ``(N, 1, H, W)`` in [0, 1]; `step` is called after each step."""
        sides = question.sides
        sigma = self.smoothing * min(sides) / PUBLISHED_SIDE

        def enlarged(kept: Tensor) -> Tensor:
            fine = F.interpolate(kept, sides, mode="bilinear", align_corners=False)
            return fine + (gaussian(fine.detach(), sigma, odd(6 * sigma + 1)) - fine.detach())

        start = self._disc(question)
        kept = enlarged(self._descend(question, start, self.smooth, enlarged, step))
        kept = self._descend(question, handed_over(kept), self.crisp, lambda mask: mask, step)
        return (1 - handed_over(kept)) * question.allowed

    def _disc(self, question: Question) -> Tensor:
        """The start: everything within the inscribed disc removed."""
        sides = question.sides
        y, x = (torch.arange(0.5, max(1, side // self.cell)) * self.cell - side / 2 for side in sides)
        kept = (y[:, None] ** 2 + x**2 > (min(sides) / 2) ** 2).float()
        return sent(kept, question.pictures.device).expand(len(question), 1, *kept.shape)

    def _descend(
        self,
        question: Question,
        start: Tensor,
        stage: Stage,
        enlarged: Callable[[Tensor], Tensor],
        step: Callable[[], None],
    ) -> Tensor:
        kept = start.clone().requires_grad_()
        adam = torch.optim.Adam([kept], lr=self.lr)
        with later() as unread:
            for _ in range(stage.steps):
                removed = (1 - enlarged(kept)) * question.allowed
                kept.grad = gradient(question.scores(question.removed(removed)) + penalties(kept, stage), kept)
                adam.step()
                with torch.no_grad():
                    kept.clamp_(0, 1)
                step()
                unread.step()
        return kept.detach()


def penalties(kept: Tensor, stage: Stage) -> Tensor:
    """All terms but the score, ``(N,)``."""
    crispness = stage.variation * variation(kept, 3.0) + stage.indecision * indecision(kept)
    return stage.area * area(1 - kept) + crispness


def handed_over(kept: Tensor) -> Tensor:
    """Masks ``(N, 1, H, W)`` as ``(m - min) / max`` in 8 bits, as published; all zeros for a mask of one value."""
    low, high = kept.amin((1, 2, 3), keepdim=True), kept.amax((1, 2, 3), keepdim=True)
    # A mask of zeros would be 0 / 0.
    scaled = (kept - low) / torch.where(high > 0, high, torch.ones_like(high))
    return (scaled * 255).round() / 255

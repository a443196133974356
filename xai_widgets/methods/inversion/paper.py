"""The search of the preset paper, to the letter (algorithms 1 and 2, equations 6 to 9).

The mask of a picture x, of the channels A of one layer and weights w, none below 0::

    m = Up(minmax(sum_i w_i A_i))

Stage 1 minimises ``|f(kept) - f(x)|^2 + 10 |w|_1`` and stage 2, which goes on with its weights,
``- p(kept) + p(removed) + |w|_1``; weights are clipped at 0 after every step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.inversion.basis import Basis
from xai_widgets.methods.inversion.guided import min_max
from xai_widgets.methods.inversion.question import Question, Watch, descend


@dataclass(frozen=True)
class PublishedSettings:
    """How masks are looked for.

    Parameters
    ----------
    inversion_steps, steps
        Of the two stages.
    lr, halve_every
        Of Adam; in stage 2 it is halved after every so many steps.
    start
        Every weight at the start.
    inversion_shrink, shrink
        Weights of ``|w|_1`` in the two stages.
    removed
        Weight of the removed picture's probability.
    """

    inversion_steps: int = 10
    steps: int = 70
    lr: float = 0.01
    halve_every: int = 10
    start: float = 0.1
    inversion_shrink: float = 10.0
    shrink: float = 1.0
    removed: float = 1.0

    @property
    def explain_steps(self) -> int:
        """How often a mask is seen while a target is explained."""
        return self.inversion_steps + self.steps

    @property
    def invert_steps(self) -> int:
        """How often a mask is seen while a picture is inverted."""
        return self.inversion_steps

    def explain(self, question: Question, watch: Watch) -> tuple[Tensor, Tensor]:
        """Both stages: masks ``(N, 1, H, W)``, and weights of the channels ``(N, n)``."""

        def losses(weights: Tensor, mask: Tensor) -> Tensor:
            kept, removed = question.log_scores(mask)
            return -kept.exp() + self.removed * removed.exp() + self.shrink * weights.sum(1)

        _, start = self.invert(question, watch)
        rates = [self.lr * 0.5 ** (step // self.halve_every) for step in range(self.steps)]
        return self._search(question, start, losses, rates, watch)

    def invert(self, question: Question, watch: Watch) -> tuple[Tensor, Tensor]:
        """Stage 1: masks and weights, the same for whatever class."""

        def losses(weights: Tensor, mask: Tensor) -> Tensor:
            return question.squared_errors(question.kept(mask)) + self.inversion_shrink * weights.sum(1)

        start = torch.full((len(question), len(question.basis)), self.start, device=question.pictures.device)
        return self._search(question, start, losses, [self.lr] * self.inversion_steps, watch)

    @staticmethod
    def _search(
        question: Question,
        start: Tensor,
        losses: Callable[[Tensor, Tensor], Tensor],
        rates: list[float],
        watch: Watch,
    ) -> tuple[Tensor, Tensor]:
        weights = start.clone().requires_grad_()

        def seen() -> Tensor:
            mask = _mask(question.basis, weights, question.sides)
            found = losses(weights, mask)
            watch.see(mask)
            return found

        descend([weights], seen, rates, lambda: weights.clamp_(min=0))
        with torch.no_grad():
            return _mask(question.basis, weights, question.sides), weights.detach()


def _mask(basis: Basis, weights: Tensor, sides: tuple[int, int]) -> Tensor:
    return F.interpolate(min_max(basis.combine(weights)), sides, mode="bilinear", align_corners=False)

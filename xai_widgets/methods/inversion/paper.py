"""The search exactly as published (algorithms 1 and 2, equations 6 to 9); `GuidedFeatureInversion.paper`.

The mask of a picture x is made of the channels A of one layer, with weights w of at least 0::

    m = Up(minmax(sum_i w_i A_i))

Stage 1 minimises ``|f(kept) - f(x)|^2 + 10 |w|_1``. Stage 2 starts from the weights of stage 1 and minimises
``- p(kept) + p(removed) + |w|_1``. Weights are clipped at 0 after every step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets import limits
from xai_widgets.methods.inversion.basis import Basis
from xai_widgets.methods.inversion.guided import min_max
from xai_widgets.methods.inversion.problem import MaskProblem, SearchRecorder, descend


@dataclass(frozen=True)
class PublishedSettings:
    """The settings of the published search.

    Parameters
    ----------
    inversion_steps, steps
        Steps of the two stages.
    lr, halve_every
        Learning rate of Adam, and after how many steps stage 2 halves it.
    start
        The value of every weight at the start.
    inversion_shrink, shrink
        Weights of ``|w|_1`` in the two stages.
    removed
        Weight of the removed picture's probability.

    Raises
    ------
    XaiWidgetsError
        If a number makes no sense.
    """

    inversion_steps: int = 10
    steps: int = 70
    lr: float = 0.01
    halve_every: int = 10
    start: float = 0.1
    inversion_shrink: float = 10.0
    shrink: float = 1.0
    removed: float = 1.0

    def __post_init__(self) -> None:
        limits.settle(
            self,
            inversion_steps=limits.STEPS,
            steps=limits.STEPS,
            lr=limits.POSITIVE,
            halve_every=limits.COUNT,
            start=limits.POSITIVE,
            inversion_shrink=limits.WEIGHT,
            shrink=limits.WEIGHT,
            removed=limits.WEIGHT,
        )

    @property
    def explain_steps(self) -> int:
        """Steps of both stages, which explain a target."""
        return self.inversion_steps + self.steps

    @property
    def invert_steps(self) -> int:
        """Steps of stage 1."""
        return self.inversion_steps

    def explain(self, problem: MaskProblem, recorder: SearchRecorder) -> tuple[Tensor, Tensor]:
        """Both stages: masks ``(N, 1, H, W)``, and weights of the channels ``(N, n)``."""

        def losses(weights: Tensor, mask: Tensor) -> Tensor:
            kept, removed = problem.log_scores(mask)
            return -kept.exp() + self.removed * removed.exp() + self.shrink * weights.sum(1)

        _, start = self.invert(problem, recorder)
        rates = [self.lr * 0.5 ** (step // self.halve_every) for step in range(self.steps)]
        return self._search(problem, start, losses, rates, recorder)

    def invert(self, problem: MaskProblem, recorder: SearchRecorder) -> tuple[Tensor, Tensor]:
        """Stage 1: masks and weights, which do not depend on a class."""

        def losses(weights: Tensor, mask: Tensor) -> Tensor:
            return problem.squared_errors(problem.kept(mask)) + self.inversion_shrink * weights.sum(1)

        start = torch.full((len(problem), len(problem.basis)), self.start, device=problem.pictures.device)
        return self._search(problem, start, losses, [self.lr] * self.inversion_steps, recorder)

    @staticmethod
    def _search(
        problem: MaskProblem,
        start: Tensor,
        losses: Callable[[Tensor, Tensor], Tensor],
        rates: list[float],
        recorder: SearchRecorder,
    ) -> tuple[Tensor, Tensor]:
        weights = start.clone().requires_grad_()

        def step() -> Tensor:
            mask = _mask(problem.basis, weights, problem.sides)
            values = losses(weights, mask)
            recorder.see(mask)
            return values

        descend([weights], step, rates, lambda: weights.clamp_(min=0))
        with torch.no_grad():
            return _mask(problem.basis, weights, problem.sides), weights.detach()


def _mask(basis: Basis, weights: Tensor, sides: tuple[int, int]) -> Tensor:
    return F.interpolate(min_max(basis.combine(weights)), sides, mode="bilinear", align_corners=False)

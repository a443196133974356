"""The search of the presets fast and faithful, which optimises log-probabilities.

The mask of a picture x is made of channels A (see `Basis`), weights w = softmax(theta) and a level c = sigmoid(tau)::

    s = sum_i w_i Up(A_i)        m = Up(sigmoid(sharpness * ((s - min s) / (max s - min s) - c)))

Stage 1 minimises the relative inversion error of the kept picture + area * mean m. Stage 2 minimises::

    - log p(kept) - removed * log(1 - p(removed)) + area * mean m

Stage 2 multiplies the channels by gates (see `gates`), so that they count only where their layer has evidence for the
target, and starts from the weights of this evidence. Each part repairs a weakness of the published search: weights
that sum to 1 cannot all shrink to 0; the level makes masks 0 where the sum is small; logarithms have a gradient even
where probabilities are almost 0 or 1. The sharpness grows during the search, since sharp masks have no gradient where
they are almost 0 or 1.

Large pictures often show several things. There the channels are also multiplied by the contrast with other classes (see
`contrast`), masks stay where it is high, and masks are 0 where the sum is least: a little everywhere is much in all. In
the end they lose the pieces that the picture does without (see `pieces`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from xai_widgets import limits
from xai_widgets.methods.inversion.basis import TINY, Basis, gates, resized
from xai_widgets.methods.inversion.contrast import contrast, within
from xai_widgets.methods.inversion.pieces import without_needless
from xai_widgets.methods.inversion.problem import MaskProblem, SearchRecorder, descend, log_rest
from xai_widgets.methods.masking.terms import area
from xai_widgets.sizes import is_large

LEAST_WEIGHT = 1e-3
"""Added to the weights at the start, so that every channel can still be used."""

EPS = 1e-2
"""Of Adam: it keeps steps small where a gradient is only rounding error, which differs from batch to batch."""

LARGE_SETTINGS: dict[str, Any] = {
    "steps": 14,
    "lr": 1.1,
    "area": 3.0,
    "sharpness": 12.0,
    "eps": 1e-4,
    "contrast": True,
    "grounded": True,
    "tidy": True,
}
"""Of large pictures: fewer and greater steps, and a smaller `eps`, since each of thousands of channels has a small part
of the gradient. Softer masks have a gradient in more places: with a slope of 20 they were a quarter larger, and kept as
much. ``benchmarks/photos/inversion.py --sweep search`` compares them with others; steps on pictures of half
the side, which cost a third, made masks of twice the area there."""


@dataclass(frozen=True)
class GuidedSettings:
    """The settings of the search.

    Parameters
    ----------
    steps
        Steps of each stage.
    lr
        Learning rate of Adam at the start; it falls to 0 along a cosine.
    area, removed
        Weights of the mask's mean and of the removed picture, in stage 2.
    inversion_area
        Weight of the mask's mean in stage 1.
    first_sharpness, sharpness
        Slope of the masks at their level, at the start and in the end.
    level
        The level at the start, in (0, 1).
    eps
        Of Adam: gradients that are small compared with it change little.
    contrast
        Whether the channels are multiplied by the contrast with other classes.
    tidy
        Whether pieces of the mask that its picture does without are dropped in the end (see `pieces`).
    grounded
        Whether the mask's value at ``s = min s`` is subtracted, so that it is 0 there, and scaled to 1 again.
    noise
        Standard deviation of noise that is added to the start.
    seed
        Of the noise.

    Raises
    ------
    XaiWidgetsError
        If a number makes no sense.
    """

    steps: int = 40
    lr: float = 0.3
    area: float = 4.0
    removed: float = 1.0
    inversion_area: float = 0.3
    first_sharpness: float = 6.0
    sharpness: float = 20.0
    level: float = 0.2
    eps: float = EPS
    contrast: bool = False
    grounded: bool = False
    tidy: bool = False
    noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        limits.settle(
            self,
            steps=limits.STEPS,
            lr=limits.POSITIVE,
            area=limits.WEIGHT,
            removed=limits.WEIGHT,
            inversion_area=limits.WEIGHT,
            first_sharpness=limits.POSITIVE,
            sharpness=limits.POSITIVE,
            level=limits.INSIDE,
            eps=limits.POSITIVE,
            contrast=limits.switch,
            grounded=limits.switch,
            tidy=limits.switch,
            noise=limits.WEIGHT,
            seed=limits.SEED,
        )

    @classmethod
    def of_size(cls, sides: tuple[int, int]) -> GuidedSettings:
        """The default for pictures of this height and width: large ones take fewer and greater steps."""
        return cls(**LARGE_SETTINGS) if is_large(sides) else cls()

    @property
    def explain_steps(self) -> int:
        """Steps of stage 2, which explains a target."""
        return self.steps

    @property
    def invert_steps(self) -> int:
        """Steps of stage 1."""
        return self.steps

    def explain(self, problem: MaskProblem, recorder: SearchRecorder) -> tuple[Tensor, Tensor]:
        """Stage 2: masks ``(N, 1, H, W)``, and weights of the channels ``(N, n)``."""
        given = problem.study, problem.pictures, problem.targets, problem.basis.layers
        basis = problem.basis.gated(gates(*given))
        channels, where = basis.normalised(), None
        if self.contrast:
            # Scaled before, since a channel that is hardly active where the contrast is would else be so in its place.
            among = contrast(*given)
            each = [resized(among, maps.shape[2:]) for maps in basis.maps]
            basis, channels, where = basis.gated(each), channels.gated(each), within(among, problem.sides)

        def losses(mask: Tensor) -> Tensor:
            kept, removed = problem.log_scores(mask)
            return -kept - self.removed * log_rest(removed) + self.area * area(mask)

        search = _Search(self, channels, problem.sides, (basis.sums() + LEAST_WEIGHT).log(), where)
        masks, weights = search.run(losses, recorder)
        return (without_needless(masks, losses) if self.tidy else masks), weights

    def invert(self, problem: MaskProblem, recorder: SearchRecorder) -> tuple[Tensor, Tensor]:
        """Stage 1: masks and weights, which do not depend on a class."""

        def losses(mask: Tensor) -> Tensor:
            return problem.errors(problem.kept(mask)) + self.inversion_area * area(mask)

        basis = problem.basis.normalised()
        start = torch.zeros(len(problem), len(basis), device=problem.pictures.device)
        return _Search(self, basis, problem.sides, start).run(losses, recorder)

    @property
    def rates(self) -> list[float]:
        """Learning rate of each step."""
        return [self.lr * (1 + math.cos(math.pi * step / self.steps)) / 2 for step in range(self.steps)]

    @property
    def slopes(self) -> list[float]:
        """Sharpness of each step; it grows during 0.7 of them."""
        grown = [min(1.0, step / (0.7 * self.steps)) for step in range(self.steps)]
        return [self.first_sharpness + share * (self.sharpness - self.first_sharpness) for share in grown]


class _Search:
    """The search for the masks of one batch."""

    def __init__(
        self,
        settings: GuidedSettings,
        basis: Basis,
        sides: tuple[int, int],
        start: Tensor,
        where: Tensor | None = None,
    ) -> None:
        self.settings, self.basis, self.sides, self.where = settings, basis, sides, where
        generator = torch.Generator().manual_seed(settings.seed)
        # The same noise for every picture, so that no mask depends on the other pictures of the batch.
        noise = settings.noise * torch.randn(start.shape[1], generator=generator).to(start.device)
        self.theta = (start - start.mean(1, keepdim=True) + noise).requires_grad_()
        level = math.log(settings.level / (1 - settings.level))
        self.tau = torch.full((len(start), 1, 1, 1), level, device=start.device, requires_grad=True)

    def run(self, losses: Callable[[Tensor], Tensor], recorder: SearchRecorder) -> tuple[Tensor, Tensor]:
        sharpness = iter(self.settings.slopes)

        def step() -> Tensor:
            mask = self.mask(next(sharpness))
            recorder.see(mask)
            return losses(mask)

        descend([self.theta, self.tau], step, self.settings.rates, eps=self.settings.eps)
        with torch.no_grad():
            return self.mask(self.settings.sharpness), self.theta.softmax(1)

    def mask(self, sharpness: float) -> Tensor:
        sums = min_max(self.basis.combine(self.theta.softmax(1)))
        level = self.tau.sigmoid()
        steep = torch.sigmoid(sharpness * (sums - level))
        if self.settings.grounded:
            least = torch.sigmoid(-sharpness * level)
            steep = (steep - least) / (1 - least)
        whole = resized(steep, self.sides)
        return whole if self.where is None else whole * self.where


def min_max(sums: Tensor) -> Tensor:
    """Sums ``(N, 1, h, w)`` scaled to [0, 1]; 0 where they are constant (equation 7)."""
    low, high = sums.amin((1, 2, 3), keepdim=True), sums.amax((1, 2, 3), keepdim=True)
    return (sums - low) / (high - low).clamp_min(TINY)

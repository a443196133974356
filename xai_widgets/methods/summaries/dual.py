"""Crisp masks that answer two questions at once: the mask removed, and everything else removed.

Minimised per picture, for removal ``d = sigmoid(U a / T)`` (``U`` enlarges a coarse grid ``a`` to the picture)::

    remove * max(0, share without d) + keep * (1 - min(1, share with d only))
        + weight * mean d + variation * TV(d) + indecision * t * mean d (1 - d)

where a share is the class score between that of the baseline (0) and of the picture (1), ``t`` runs from 0 to 1 and
the temperature ``T`` falls from 1. Each picture has its own weight of the area: it grows while both
scores are good enough, and shrinks otherwise, so each mask becomes as small as its own evidence allows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets import limits
from xai_widgets.devices import later
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.limits import OrNone, Real, Several, Whole, settle
from xai_widgets.methods.masking import fineness
from xai_widgets.methods.masking.batches import own_scores
from xai_widgets.methods.masking.terms import Question, area, gradient, indecision, variation
from xai_widgets.methods.summaries.answering import smallest_answer
from xai_widgets.sizes import SMALL
from xai_widgets.study import Study

CELLS = 8
"""Cells of the grid along the side of a photo, at least; more cells find patterns that fool the network.

`benchmarks/photos/summaries.py --sweep cells=6,8,10,14` compares others.
"""

PHOTO: Mapping[str, Any] = {
    "steps": 24,
    "cooling": 24,
    "removed": 0.1,
    "kept": 0.8,
    "first_weight": 1.0,
    "start": 1.0,
    "halvings": 7,
}
"""What suits photos, where it differs: masks begin large, since a small one that loses the class has no slope to grow.

Six bees of the training folder led to these values; `benchmarks/photos/summaries.py --sweep` compares others.
"""

LARGEST_START = 8.0
"""Beyond, the masks have no slope either."""

_AREA = ("first_weight", "least_weight", "most_weight")


@dataclass(frozen=True)
class DualSettings:
    """How masks are optimised.

    Parameters
    ----------
    steps
        Most steps; `cooling` of them lower the temperature and raise the weight of indecision.
    remove, keep
        Weights of the two questions. Without the first, masks are the smallest *sufficient* regions.
    removed, kept
        Shares of the score at which the questions count as answered.
    cells
        Cells of the grid along the shorter side, at most half its pixels: fine patterns fool classifiers. None takes
        as many as suit the size of the pictures (see `fineness.cells`).
    lr, betas
        Of Adam.
    variation, indecision
        Weights of the two regularisers. The first is meant for small pictures, and grows with larger ones: the same
        outline is a smaller share of their pixels (see `fineness.enlargement`).
    coldest
        Last temperature.
    furthest
        Limit of ``|a| / T``, so that all values of a mask can still change.
    first_weight, faster, slower, least_weight, most_weight
        The weight of the area: its start, its factors where both questions are answered and where not, its limits.
    jitter
        Pictures are shifted at random by up to one pixel per so many pixels of the shorter side, and by no more than
        the classifier tolerates (see `tolerated`).
    settled
        A mask is done once its area and scores have not changed for so many steps.
    start
        Value of the grid at first: above 0, more than half of each picture is removed and kept.
    halvings
        After the search, the smallest share of the pixels that answers both questions is found in so many halvings;
        with 0, the mask is cut at 1/2 as it is.
    seed
        Of the shifts.
    """

    steps: int = 60
    cooling: int = 30
    remove: float = 1.0
    keep: float = 1.0
    removed: float = 0.2
    kept: float = 0.8
    cells: int | None = None
    lr: float = 0.3
    betas: tuple[float, float] = (0.9, 0.95)
    variation: float = 0.3
    indecision: float = 0.5
    coldest: float = 0.2
    furthest: float = 8.0
    first_weight: float = 2.0
    faster: float = 1.25
    slower: float = 0.8
    least_weight: float = 0.05
    most_weight: float = 10.0
    jitter: int = 32
    settled: int = 8
    start: float = 0.0
    halvings: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        weights = ("remove", "keep", "variation", "indecision")
        settle(self, **dict.fromkeys(weights, limits.WEIGHT), steps=limits.STEPS, seed=limits.SEED)
        settle(self, **dict.fromkeys(("removed", "kept"), limits.SHARE), betas=Several(Real(0, 1, apart=(1,)), (2,)))
        settle(self, **dict.fromkeys(("cooling", "jitter", "settled"), limits.COUNT))
        settle(self, cells=OrNone(limits.COUNT), start=Real(-LARGEST_START, LARGEST_START), halvings=Whole(0, 30))
        settle(self, **dict.fromkeys(("lr", "coldest", "furthest", "faster", "slower", *_AREA), limits.POSITIVE))
        if self.cooling > self.steps:
            raise XaiWidgetsError(f"cooling is {self.cooling}, but must be 1 to steps ({self.steps})")
        if self.remove + self.keep == 0:
            raise XaiWidgetsError("remove and keep are both 0, but one of these weights must be above 0")
        if not self.least_weight <= self.first_weight <= self.most_weight:
            limited = f"least_weight ({self.least_weight}) to most_weight ({self.most_weight})"
            raise XaiWidgetsError(f"first_weight is {self.first_weight}, but must be {limited}")

    @classmethod
    def suited(cls, side: int, **own: Any) -> Self:
        """The settings for pictures of a shorter side, apart from your own."""
        return cls(**({} if side <= SMALL else dict(PHOTO)) | own)

    @classmethod
    def restored(cls, values: Mapping[str, Any]) -> Self:
        """The settings that a file holds as plain values."""
        return cls(**dict(values) | {"betas": tuple(values["betas"])})

    def grid(self, sides: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the grid of a picture."""
        cell = max(2.0, min(sides) / (self.cells or fineness.cells(min(sides), CELLS)))
        return max(1, round(sides[0] / cell)), max(1, round(sides[1] / cell))

    def optimise(self, question: Question, step: Callable[[], None]) -> Tensor:
        """Soft masks ``(N, 1, H, W)`` in [0, 1]; `step` is called after each of `steps` steps."""
        return _Search(self, question).run(step)


def tolerated(study: Study, sides: tuple[int, int], most: int) -> int:
    """The largest shift in pixels, up to `most`, at which the study's pictures keep `STEADY` of their score.

    It is measured once for each state of a network, since all batches of a search ask for it.
    """
    known = _TOLERATED.setdefault(study, {})
    key = (study.fingerprint, sides, most)
    if key not in known:
        known[key] = _tolerated(study, sides, most) if most else 0
    return known[key]


def _tolerated(study: Study, sides: tuple[int, int], most: int) -> int:
    drawn, _ = study.load(study.train, study.draw(study.train, SHIFTED))
    pictures = F.interpolate(drawn.float(), sides, mode="bilinear", align_corners=False)
    scores, classes = study.predict(pictures).max(1)

    def unsteady(shift: int) -> bool:
        corners = [pictures.roll((y, x), (2, 3)) for y in (-shift, shift) for x in (-shift, shift)]
        shifted = [own_scores(study.predict(corner), classes) for corner in corners]
        return bool(torch.stack(shifted).mean() < STEADY * scores.mean())

    return bisect_left(range(1, most), True, key=unsteady) if unsteady(most) else most


_TOLERATED: WeakKeyDictionary[Study, dict[tuple[str, tuple[int, int], int], int]] = WeakKeyDictionary()
"""What `tolerated` has found."""


@dataclass
class _Search:
    """One batch under way; pictures whose mask is settled leave it."""

    settings: DualSettings
    question: Question
    recent: list[Tensor] = field(default_factory=list)  # of the last steps: area and both shares, (3, N)

    def __post_init__(self) -> None:
        count, device = len(self.question), self.question.pictures.device
        self.grid = torch.zeros(count, 1, *self.settings.grid(self.question.sides), device=device) + self.settings.start
        self.slope, self.square = torch.zeros_like(self.grid), torch.zeros_like(self.grid)
        self.weight = torch.full((count,), self.settings.first_weight, device=device)
        self.active = torch.arange(count, device=device)
        self.asked = self.question
        self.masks = torch.zeros(count, 1, *self.question.sides, device=device)
        self.shifts = torch.Generator().manual_seed(self.settings.seed)
        sides = self.question.sides
        self.most = tolerated(self.question.study, sides, min(sides) // self.settings.jitter)

    def run(self, step: Callable[[], None]) -> Tensor:
        with later() as unread:
            for number in range(self.settings.steps):
                if len(self.active):
                    self._step(number)
                    self._retire(number)
                step()
                unread.step()
        return self._answering() if self.settings.halvings else self.masks

    def _answering(self) -> Tensor:
        """The masks, cut where both questions are answered."""
        s, sides = self.settings, self.question.sides
        targets = (s.removed if s.remove else None, s.kept if s.keep else None)
        return smallest_answer(self.asked, self.masks, targets, min(sides) / min(s.grid(sides)), s.halvings)

    def _step(self, number: int) -> None:
        grid = self.grid.requires_grad_()
        mask = self._mask(grid, number)
        shares = self.question.shares(self._ask(mask))
        self._adam(gradient(self._losses(mask, shares, self._warmth(number)), grid), number)
        self._control(shares.detach())
        self.recent = [*self.recent, self._state(mask.detach(), shares.detach())][-self.settings.settled :]

    def _warmth(self, number: int) -> float:
        """From 0 to 1 while it cools, then 1."""
        return min(1.0, number / self.settings.cooling)

    def _temperature(self, number: int) -> float:
        return float(self.settings.coldest ** self._warmth(number))

    def _mask(self, grid: Tensor, number: int) -> Tensor:
        fine = F.interpolate(grid, self.question.sides, mode="bilinear", align_corners=False)
        return torch.sigmoid(fine / self._temperature(number)) * self.question.allowed

    def _ask(self, mask: Tensor) -> Tensor:
        """Scores without the mask and with it only, ``(2 N,)``, of pictures shifted alike."""
        shift: list[int] = torch.randint(-self.most, self.most + 1, (2,), generator=self.shifts).tolist()
        pictures = torch.cat([self.question.removed(mask), self.question.kept(mask)])
        return self.question.scores(pictures.roll(shift, (2, 3)))

    def _losses(self, mask: Tensor, shares: Tensor, warmth: float) -> Tensor:
        s = self.settings
        answers = s.remove * shares[0].clamp_min(0) + s.keep * (1 - shares[1].clamp_max(1))
        outlines = fineness.enlargement(min(self.question.sides)) * variation(mask)
        crispness = s.variation * outlines + s.indecision * warmth * indecision(mask)
        return answers + self.weight * area(mask) + crispness

    def _adam(self, slopes: Tensor, number: int) -> None:
        first, second = self.settings.betas
        self.slope = first * self.slope + (1 - first) * slopes
        self.square = second * self.square + (1 - second) * slopes**2
        slope, square = self.slope / (1 - first ** (number + 1)), self.square / (1 - second ** (number + 1))
        moved = self.grid.detach() - self.settings.lr * slope / (square.sqrt() + 1e-8)
        # Values very close to 0 or 1 would have no gradient left, and could never change again.
        furthest = self.settings.furthest * self._temperature(number)
        self.grid = moved.clamp(-furthest, furthest)

    def _control(self, shares: Tensor) -> None:
        """The weight of each area: more where it can be afforded."""
        s = self.settings
        answered = torch.ones_like(self.weight, dtype=torch.bool)
        if s.remove:
            answered &= shares[0] < s.removed
        if s.keep:
            answered &= shares[1] > s.kept
        factor = torch.where(answered, s.faster, s.slower)
        self.weight = (self.weight * factor).clamp(s.least_weight, s.most_weight)

    @staticmethod
    def _state(mask: Tensor, shares: Tensor) -> Tensor:
        return torch.stack([area((mask > 0.5).to(mask)), *shares.clamp(0, 1)])

    def _retire(self, number: int) -> None:
        """Keep the masks as they are now, and go on with the pictures whose mask still moves."""
        with torch.no_grad():
            self.masks[self.active] = self._mask(self.grid, number)
        if number < self.settings.cooling or len(self.recent) < self.settings.settled:
            return
        recent = torch.stack(self.recent)
        spread = recent.amax(0) - recent.amin(0)
        moving = (spread[0] > SAME_AREA * recent[-1, 0]) | (spread[1:] > SAME_SCORE).any(0)
        # Once a step the CPU waits here for the device: in a batch of others, last digits would be others.
        self._go_on_with(moving.nonzero().flatten())

    def _go_on_with(self, chosen: Tensor) -> None:
        if len(chosen) == len(self.active):
            return
        for name in ("grid", "slope", "square", "weight", "active", "question"):
            setattr(self, name, getattr(self, name)[chosen])
        self.recent = [state[:, chosen] for state in self.recent]


SHIFTED, STEADY = 16, 0.95
"""How many pictures are shifted to see what a classifier tolerates, and the share of their score they must keep."""

SAME_AREA, SAME_SCORE = 0.05, 0.1
"""Greatest relative change of an area, and greatest change of a share, that still count as none."""

"""How well a sum of x-features represents the score: the numbers that are always shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any, Self

import torch
from torch import Tensor

from xai_widgets.methods.srae.additive import Additive, alive, second_to_first, significant
from xai_widgets.methods.srae.fit_data import FitData

LEAST_R2, LEAST_ALIVE, LEAST_SECOND = 0.95, 2, 0.3
"""Below these the x-features of a class cannot be believed."""

AS_GOOD = 0.01
"""Two R squared that differ by less count as equal."""


@dataclass(frozen=True)
class Numbers:
    """Measures of the x-features of one class.

    Attributes
    ----------
    r2_all, r2_positive
        R squared of the rebuilt score, on all pictures and on those of the class; 1 is perfect, 0 the mean.
    alive
        How many x-features vary.
    second_first
        The second largest mean contribution over the largest, on pictures of the class.
    n90
        How many x-features it takes for 90 % of the positive contribution, mean over pictures of the class.
    """

    r2_all: float
    r2_positive: float
    alive: int
    second_first: float
    n90: float

    @property
    def lopsided(self) -> bool:
        """Whether x-features are dead, or a single one carries everything."""
        return self.alive < LEAST_ALIVE or self.second_first < LEAST_SECOND

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the x-features cannot be trusted; empty if they can."""
        found = []
        if self.r2_all < LEAST_R2:
            found.append(f"The x-features do not sum to the score: R² is {self.r2_all:.2f} on held-out pictures.")
        if self.alive < LEAST_ALIVE:
            found.append(f"Only {self.alive} of the x-features varies.")
        elif self.second_first < LEAST_SECOND:
            found.append("A single x-feature carries almost all of the score.")
        return tuple(found)


@dataclass(frozen=True)
class ClassReport:
    """The x-features of one class beside simpler ones of the same number, on unseen pictures.

    Attributes
    ----------
    pictures
        How many unseen pictures the numbers rest on.
    srae, pca, pls
        Of the x-features, of principal components with a regression, and of partial least squares.
    random
        Of a random dictionary; None in the reports of older files.
    """

    pictures: int
    srae: Numbers
    pca: Numbers
    pls: Numbers
    random: Numbers | None = None

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> Self:
        """A report from JSON, which has None for what could not be computed."""

        def numbers(basis: str) -> Numbers:
            known: dict[str, Any] = {name: nan if value is None else value for name, value in saved[basis].items()}
            return Numbers(**known)

        others = {"random": numbers("random")} if saved.get("random") else {}
        return cls(saved["pictures"], numbers("srae"), numbers("pca"), numbers("pls"), **others)

    @property
    def simpler(self) -> dict[str, Numbers]:
        """The numbers of simpler x-features, by their names."""
        random = {} if self.random is None else {"random features": self.random}
        return {"PCA": self.pca, "PLS": self.pls} | random

    def verdict(self) -> str:
        """Whether to trust the sum, with the numbers behind it."""
        ours = self.srae
        others = [f"{who} {_share(one.r2_all)} ({_share(one.r2_positive)})" for who, one in self.simpler.items()]
        line = (
            f"The sum explains {_share(ours.r2_all)} of the score's variance on {self.pictures} held-out pictures "
            f"({_share(ours.r2_positive)} within the class). For comparison: {', '.join(others)}."
        )
        if min(self.pca.r2_positive, self.pca.r2_all) > min(ours.r2_positive, ours.r2_all) - AS_GOOD:
            line += " PCA explains the score as well."
        return f"NOT TO BE BELIEVED: {' '.join(ours.problems)} {line}" if ours.problems else line


def _share(r2: float) -> str:
    return f"{r2:.1%}" if r2 >= 0 else "nothing"


def r_squared(goal: Tensor, rebuilt: Tensor) -> float:
    """1 for equal series ``(N,)``, 0 for the mean, negative for worse; NaN where nothing varies."""
    spread = (goal - goal.mean()).square().mean()
    return float(1 - (goal - rebuilt).square().mean() / spread)


def numbers(contributions: Tensor, bias: float, goal: Tensor, own: Tensor) -> Numbers:
    """Measures of contributions ``(N, L)`` to scores ``(N,)``; `own` ``(N,)`` marks the pictures of the class."""
    rebuilt = contributions.sum(1) + bias
    return Numbers(
        r2_all=r_squared(goal, rebuilt),
        r2_positive=r_squared(goal[own], rebuilt[own]),
        alive=int(alive(contributions, goal).sum()),
        second_first=second_to_first(contributions[own]),
        n90=float(significant(contributions[own]).sum(1).float().mean()),
    )


def measured(model: Additive, k: int, data: FitData) -> Numbers:
    """Measures of class k (a row) on some pictures."""
    contributions = data.each(lambda z: model.contributions(z, k))
    return numbers(contributions, float(model.bias[k].detach()), data.scores[:, k], data.positives(k))


def reports(models: Mapping[str, Additive], unseen: FitData) -> tuple[ClassReport, ...]:
    """One report for each class, of the models "srae", "pca", "pls" and, if it is there, "random"."""
    with torch.no_grad():
        return tuple(
            ClassReport(len(unseen), **{basis: measured(model, k, unseen) for basis, model in models.items()})
            for k in range(len(unseen.classes))
        )

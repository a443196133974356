"""How to train: the numbers of a training, and what follows from them alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from xai_widgets import limits
from xai_widgets.limits import Choice, OrNone, Real, Several, settle

FIRST_LR = 1 / 25
"""One-cycle: learning rate of the first step, as a share of the peak."""
LAST_LR = 1e-4
"""One-cycle: learning rate of the last step, as a share of the peak."""


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Parameters
    ----------
    epochs
        Passes over the examples, at least 1.
    batch_size
        Most examples per step. Batches of an epoch differ by at most one in size, so that none is tiny.
    lr
        Learning rate: the peak of ``"one-cycle"``, the start of ``"step"``.
    weight_decay
        Decoupled for ``"adamw"``, an L2 term of the gradient for ``"adam"``.
    patience
        Stop after that many epochs in a row none of which improved by `min_gain`; None never stops early. Judged by
        the validation or, without one, by the training loss.
    min_gain
        Least improvement that counts, relative to the best value until then.
    seed
        Of the order of the examples and of everything random in a step.
    optimizer
        ``"adamw"`` or ``"adam"``, both with torch's other defaults.
    schedule
        ``"one-cycle"``: half a cosine up over `warm_up` of the steps, half a cosine down over the rest.
        ``"step"``: constant, times `step_decay` from each epoch in `milestones` on.
    warm_up
        Share of the steps in which the learning rate of ``"one-cycle"`` rises.
    milestones
        Epochs, counted from 0, in which the learning rate of ``"step"`` drops.
    step_decay
        What each milestone multiplies the learning rate by.
    betas
        How slowly the optimizer forgets gradients and their squares.
    clip
        Longest gradient (Euclidean norm over all parameters); longer ones are shortened to it. None never clips.
    amp
        On a CUDA device that computes in bfloat16, do so where autocast deems it safe. No effect elsewhere.

    Raises
    ------
    XaiWidgetsError
        If a number makes no sense, or `optimizer` or `schedule` is unknown.
    """

    epochs: int
    batch_size: int = 64
    lr: float = 5e-3
    weight_decay: float = 1e-4
    patience: int | None = None
    min_gain: float = 0.005
    seed: int = 0
    optimizer: Literal["adamw", "adam"] = "adamw"
    schedule: Literal["one-cycle", "step"] = "one-cycle"
    warm_up: float = 0.3
    milestones: tuple[int, ...] = ()
    step_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float | None = 1.0
    amp: bool = True

    def __post_init__(self) -> None:
        settle(
            self,
            epochs=limits.EPOCHS,
            batch_size=limits.BATCH,
            lr=limits.POSITIVE,
            weight_decay=limits.WEIGHT,
            patience=OrNone(limits.COUNT),
            min_gain=limits.SHARE,
            seed=limits.SEED,
            optimizer=Choice(("adamw", "adam")),
            schedule=Choice(("one-cycle", "step")),
            warm_up=limits.SHARE,
            milestones=Several(limits.Whole()),
            step_decay=limits.POSITIVE,
            betas=Several(Real(0, 1, apart=(1,)), (2,)),
            clip=OrNone(limits.POSITIVE),
            amp=limits.switch,
        )

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> Recipe:
        """The recipe that was saved as JSON, which has lists for tuples."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in saved.items()}
        return cls(**values)


def new_optimizer(parameters: list[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer; the foreach kind: the fused one mistakes the layout of moments that were loaded.

    Weights may be channels-last in memory, and moments read from a checkpoint are not.
    """
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, lr=recipe.lr, betas=recipe.betas, weight_decay=recipe.weight_decay)


def learning_rate(recipe: Recipe, number: int, steps: int) -> float:
    """Learning rate of step `number` in a training of `steps` steps per epoch."""
    if recipe.schedule == "step":
        return recipe.lr * recipe.step_decay ** sum(number // steps >= milestone for milestone in recipe.milestones)
    last = recipe.epochs * steps - 1
    peak = recipe.warm_up * last
    if number < peak:
        return recipe.lr * _cosine(FIRST_LR, 1.0, number / peak)
    return recipe.lr * _cosine(1.0, LAST_LR, (number - peak) / (last - peak or 1.0))


def out_of_patience(recipe: Recipe, values: Sequence[float]) -> bool:
    """Whether too many epochs have passed since their value last improved by ``min_gain``, relative to the best one."""
    best, since = math.inf, 0
    for value in values:
        needed = best if math.isinf(best) else best - recipe.min_gain * abs(best)
        best, since = (value, 0) if value < needed else (best, since + 1)
    return recipe.patience is not None and since >= recipe.patience


def _cosine(start: float, end: float, share: float) -> float:
    """Half a cosine from `start` to `end`."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2

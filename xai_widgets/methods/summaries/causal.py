"""The causal test: what is lost when the regions of a summary, and nothing else, are removed from its pictures.

The probability of the class saturates where other parts still show the class; its log-odds do not. Any removal costs
a little, so control regions of the same shape elsewhere measure the cost of a hole. In small pictures the control lies
outside the mask. The mask of a photo leaves little room outside, so the controls of a photo have the region's full area
and lie anywhere, inside the mask or not: the region has to matter more than an average place of its picture does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.sizes import is_small
from xai_widgets.study import Study

Floats = npt.NDArray[np.float64]

TRIES = 8
"""How many places are drawn for the control region; the one that covers the least evidence is taken."""

PLACES = 4
"""Control regions in a photo."""

SHARED = 0.5
"""Largest share of a photo's region that its control region may cover, too."""

SAMPLES = 2000
"""Bootstrap samples of pictures for an interval."""

SURE = 0.95
"""Share of the samples that an interval holds."""


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects of removals, one value for each ``(n,)``.

    Attributes
    ----------
    drop
        Share of the class's probability that is lost; negative if it rises.
    evidence
        Loss of the class's log-odds (nats), minus that of the control regions (their mean).
    """

    drop: Floats
    evidence: Floats


def effects(study: Study, masks: Masks, pictures: Tensor, pixels: Tensor, *, seed: int = 0) -> Effects:
    """Set pixels ``(n, H, W)`` of pictures ``(n,)`` to the baseline's; and such regions elsewhere, to compare."""
    classes, originals, baselines = masks.class_index[pictures], masks.pictures[pictures], masks.baselines[pictures]

    def left(gone: Tensor) -> Tensor:
        return study.scores.log_odds(study.logits(torch.where(gone[:, None], baselines, originals)), classes)

    removed = left(pixels)
    control = torch.stack([left(one) for one in _controls(masks, pictures, pixels, seed)]).mean(0)
    before = masks.before[pictures]
    drop = (before - removed.sigmoid()) / before.clamp_min(1e-12)
    return Effects(drop.double().numpy(), (control - removed).double().numpy())


def _controls(masks: Masks, pictures: Tensor, pixels: Tensor, seed: int) -> list[Tensor]:
    if is_small(pixels.shape):
        return [elsewhere(pixels, masks.masks[pictures].any(1), seed)]
    dice = np.random.default_rng(seed)
    return [apart(pixels, dice) for _ in range(PLACES)]


def apart(pixels: Tensor, dice: np.random.Generator) -> Tensor:
    """The regions ``(n, H, W)`` moved cyclically to places drawn from all that cover at most `SHARED` of them."""
    height, width = pixels.shape[1:]
    moved = []
    for shape in pixels:
        shifts = zip(dice.integers(0, height, TRIES), dice.integers(0, width, TRIES), strict=True)
        tried = [torch.roll(shape, (int(down), int(right)), (0, 1)) for down, right in shifts]
        covered = [int((region & shape).sum()) / max(1, int(shape.sum())) for region in tried]
        fitting = [region for region, share in zip(tried, covered, strict=True) if share <= SHARED]
        moved.append(fitting[0] if fitting else tried[int(np.argmin(covered))])
    return torch.stack(moved)


def elsewhere(pixels: Tensor, avoided: Tensor, seed: int) -> Tensor:
    """The regions ``(n, H, W)`` moved cyclically to other places, without the pixels to be avoided."""
    dice = np.random.default_rng(seed)
    height, width = pixels.shape[1:]
    moved = []
    for shape, taboo in zip(pixels, avoided, strict=True):
        shifts = zip(dice.integers(1, height, TRIES), dice.integers(1, width, TRIES), strict=True)
        tried = [torch.roll(shape, (int(down), int(right)), (0, 1)) & ~taboo for down, right in shifts]
        moved.append(max(tried, key=lambda region: int(region.sum())))
    return torch.stack(moved)


def interval(values: Floats, *, seed: int = 0) -> tuple[float, float, float]:
    """Mean of values ``(n,)``, one per picture, and the ends of its bootstrap interval."""
    drawn = np.random.default_rng(seed).integers(0, len(values), (SAMPLES, len(values)))
    low, high = np.quantile(values[drawn].mean(1), [(1 - SURE) / 2, (1 + SURE) / 2])
    return float(values.mean()), float(low), float(high)

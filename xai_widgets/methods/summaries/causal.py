"""The causal test: what is lost when a summary's regions are taken out of its pictures, and nothing else.

The probability of the class says little where other parts still tell it; its log-odds do not saturate. Taking
something out costs a little wherever it is: a region of the same shape elsewhere says how much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.regions import log_odds
from xai_widgets.study import Study

Floats = npt.NDArray[np.float64]

TRIES = 8
"""So many places are drawn for the control region; the one with the least evidence below it is taken."""

SAMPLES = 2000
"""Bootstrap samples of pictures for an interval."""

SURE = 0.95
"""Share of the samples that an interval holds."""


@dataclass(frozen=True, eq=False)
class Effects:
    """What removals did, one value for each ``(n,)``.

    Attributes
    ----------
    drop
        Share of the class's probability that is lost; negative if it rises.
    evidence
        Loss of the class's log-odds (nats), minus that of the control region.
    """

    drop: Floats
    evidence: Floats


def effects(study: Study, masks: Masks, pictures: Tensor, pixels: Tensor, *, seed: int = 0) -> Effects:
    """Remove pixels from pictures and, to compare, those of the same shape elsewhere.

    Parameters
    ----------
    study
        Whose classifier is asked.
    masks
        Of the pictures; what removed pixels become, and where evidence is, which the control avoids.
    pictures
        Which of the masks' pictures, ``(n,)``.
    pixels
        What is removed from each, bool ``(n, H, W)``.
    seed
        Of the places of the control regions.
    """
    classes, originals, references = masks.classes[pictures], masks.pictures[pictures], masks.references[pictures]
    controls = elsewhere(pixels, masks.masks[pictures].any(1), seed)
    removed = [torch.where(gone[:, None], references, originals) for gone in (pixels, controls)]
    without, control = (log_odds(study.logits(changed), classes) for changed in removed)
    before = masks.before[pictures]
    drop = (before - without.sigmoid()) / before.clamp_min(1e-12)
    return Effects(drop.double().numpy(), (control - without).double().numpy())


def elsewhere(pixels: Tensor, avoided: Tensor, seed: int) -> Tensor:
    """Regions ``(n, H, W)`` of the same shape at other places, cyclically moved, without what is to be avoided."""
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

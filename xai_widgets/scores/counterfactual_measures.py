"""How a counterfactual, or a saliency map, is compared with what is known to be true. Pure functions of tensors.

N counts pictures. A value is given for each picture; where it is not defined, it is NaN.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor
from torch.nn import functional as F

MOST_DB = 100.0
"""Peak signal-to-noise ratio of equal pictures, which would be infinite."""


def psnr(pictures: Tensor, truths: Tensor) -> Tensor:
    """Peak signal-to-noise ratios ``(N,)`` in dB of pictures ``(N, C, H, W)`` in [0, 1], at most `MOST_DB`."""
    error = (pictures - truths).square().flatten(1).mean(1)
    return -10 * error.clamp_min(10 ** (-MOST_DB / 10)).log10()


def psnr_gain(inputs: Tensor, outputs: Tensor, truths: Tensor) -> Tensor:
    """By how many dB ``(N,)`` outputs are closer to the truth than inputs are; not defined where inputs are true."""
    gains = psnr(outputs, truths) - psnr(inputs, truths)
    return gains.where((inputs != truths).flatten(1).any(1), torch.nan)


def share_inside(before: Tensor, after: Tensor, regions: Tensor) -> Tensor:
    """Shares ``(N,)`` of the squared change of pictures that lie in regions, bool ``(N, H, W)``."""
    change = (after - before).square().sum(1)
    return (change * regions).sum((1, 2)) / change.sum((1, 2))


def dilated(regions: Tensor, pixels: int = 2) -> Tensor:
    """Regions, bool ``(N, H, W)``, with everything that is no more than so many rows and columns away."""
    return F.max_pool2d(regions.float(), 2 * pixels + 1, stride=1, padding=pixels) > 0


def smoothed(maps: Tensor) -> Tensor:
    """Means over 3x3 pixels of maps ``(N, H, W)``; at the edge, over those there are."""
    return F.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False)


def matched_iou(maps: Tensor, regions: Tensor) -> Tensor:
    """Intersection over union ``(N,)`` of regions with the highest pixels of maps ``(N, H, W)``, as many as theirs."""
    found = []
    for values, region in zip(maps.flatten(1), regions.flatten(1), strict=True):
        area = int(region.sum())
        hits = region[values.topk(area).indices].sum()
        found.append(hits / (2 * area - hits))
    return torch.stack(found)


def chance_iou(regions: Tensor) -> Tensor:
    """About what `matched_iou` gives ``(N,)`` for random pixels: that of the expected number of hits."""
    area = regions.flatten(1).float().mean(1)
    return area / (2 - area)


def pearson(one: Tensor, other: Tensor) -> float:
    """Correlation of two series; NaN if one of them is constant."""
    from scipy.stats import ConstantInputWarning, pearsonr  # noqa: PLC0415  (slow to import)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        return float(pearsonr(one.double(), other.double()).statistic)

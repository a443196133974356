"""How good a map of evidence is. Pure functions, with exact answers for classifiers simple enough to know them.

Maps are ``(N, H, W)``, high where a method sees evidence for the explained class; a score gives ``(N,)`` for pictures
``(N, C, H, W)``. A value is given for each picture; where it is not defined, it is NaN. No absolute values are taken.

Pixels are removed in cells of a sixteenth of the picture's side. Single pixels, removed here and there, make a pattern
that no classifier knows, and noise would look like a good explanation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import nan, sqrt
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor

from xai_widgets.methods.common.blur import blur
from xai_widgets.scores.counterfactual_measures import dilated

Score = Callable[[Tensor], Tensor]

CELLS = 16
"""Rows and columns of cells that are removed, at most."""

STEPS, LARGE_STEPS = 16, 8
"""Steps in which a picture is removed; of a large one each takes dozens of times as long."""

AT_ONCE = 64
"""So many pictures, with more or less removed, are scored at once; with less memory than a batch of an exam."""

RADIUS = 0.02
"""Largest change of a value in `max_sensitivity`."""

PIXELS = 2
"""How far beside a region a map may point."""


# --- fills -----------------------------------------------------------------------------------------------------------


def _blurred(pictures: Tensor) -> Tensor:
    return blur(pictures, min(pictures.shape[2:]) / 8)


def _mean_colour(pictures: Tensor) -> Tensor:
    return pictures.mean((2, 3), keepdim=True).expand_as(pictures)


FILLS: Mapping[str, Callable[[Tensor], Tensor]] = {"blur": _blurred, "mean": _mean_colour}
"""The blurred picture and its mean colour, one of which replaces removed pixels. The verdict depends on it."""


# --- deletion and insertion -----------------------------------------------------------------------------------------


def deletion(score: Score, pictures: Tensor, fills: Tensor, maps: Tensor, seed: int, *, steps: int = STEPS) -> Tensor:
    """Area under the score while the evidence is removed, strongest first, ``(N,)``; low is good.

    By the trapezoidal rule over the share removed, from 0 (the whole picture) to 1. Equal cells come in random order.
    """
    return _area(score, pictures, fills, removal_ranks(maps, seed), steps)


def insertion(score: Score, pictures: Tensor, fills: Tensor, maps: Tensor, seed: int, *, steps: int = STEPS) -> Tensor:
    """Area under the score while the evidence is put into the fill, strongest first, ``(N,)``; high is good."""
    return _area(score, fills, pictures, removal_ranks(maps, seed), steps)


def _area(score: Score, start: Tensor, end: Tensor, ranks: Tensor, steps: int) -> Tensor:
    cells = int(ranks.max()) + 1
    counts = torch.linspace(0, cells, steps + 1, dtype=torch.double).round()
    curve = [_scores(score, start, end, ranks, some) for some in counts.split(max(AT_ONCE // len(ranks), 1))]
    return torch.trapezoid(torch.cat(curve, 1).double(), counts / cells, dim=1)


def _scores(score: Score, start: Tensor, end: Tensor, ranks: Tensor, counts: Tensor) -> Tensor:
    """The scores ``(N, T)`` of each picture with so many of its cells replaced."""
    gone = ranks[:, None] < counts[:, None, None]
    mixed = torch.where(gone[:, :, None], end[:, None], start[:, None])
    return score(mixed.flatten(0, 1)).view(len(ranks), len(counts))


def removal_ranks(maps: Tensor, seed: int) -> Tensor:
    """For each pixel how many of the picture's cells are removed before its own, ``(N, H, W)``."""
    rows, columns = (torch.arange(side) * min(CELLS, side) // side for side in maps.shape[1:])
    cell = (rows[:, None] * (columns[-1] + 1) + columns).flatten()
    sizes = cell.bincount()
    means = torch.zeros(len(maps), len(sizes), dtype=torch.double).index_add(1, cell, maps.flatten(1).double()) / sizes
    shuffled = torch.rand(means.shape, generator=torch.Generator().manual_seed(seed)).argsort(1)
    order = shuffled.gather(1, means.gather(1, shuffled).argsort(dim=1, descending=True, stable=True))
    ranks = torch.empty_like(order).scatter(1, order, torch.arange(len(sizes)).expand_as(order))
    return ranks[:, cell].view(maps.shape)


# --- where the evidence is ------------------------------------------------------------------------------------------


def pointing(maps: Tensor, regions: Tensor) -> Tensor:
    """Whether the highest pixel is in the region, bool ``(N, H, W)``, or `PIXELS` beside it; NaN for an empty one.

    Of equally high pixels, each counts by its share: a constant map has the chance of a random pixel.
    """
    flat, inside = maps.flatten(1), dilated(regions, PIXELS).flatten(1)
    highest = flat == flat.amax(1, keepdim=True)
    hits = (highest & inside).sum(1) / highest.sum(1)
    return hits.double().where(regions.flatten(1).any(1), torch.nan)


def excess_mass(maps: Tensor, regions: Tensor) -> Tensor:
    """Share of the positive evidence in the region, beyond its share of the picture, ``(N,)``.

    0 by chance, 1 if all of it is there. A map without positive values says nothing and has 0; an empty region, or one
    that is the whole picture, gives NaN.
    """
    positive, area = maps.double().clamp_min(0), regions.double().mean((1, 2))
    total = positive.sum((1, 2))
    mass = torch.where(total > 0, (positive * regions).sum((1, 2)) / total, area)
    return ((mass - area) / (1 - area)).where((area > 0) & (area < 1), torch.nan)


def part_agreement(maps: Tensor, parts: Tensor, falls: Tensor, *, by_area: bool) -> Tensor:
    """Spearman's correlation of each part's evidence with how much the score falls without the part, ``(N,)``.

    NaN with fewer than three parts, or where all evidence or all falls are equal.

    Parameters
    ----------
    maps
        ``(N, H, W)``.
    parts
        Where each part is, bool ``(N, P, H, W)``; a part that cannot be seen is left out.
    falls
        ``(N, P)``.
    by_area
        Divide the evidence of a part by its area: a large part collects more of anything, of noise, too.
    """
    sums = (maps[:, None] * parts).double().sum((2, 3))
    evidence = sums / parts.sum((2, 3)).clamp_min(1) if by_area else sums
    seen = parts.flatten(2).any(2)
    return torch.stack([spearman(a[row], b[row]) for a, b, row in zip(evidence, falls, seen, strict=True)])


# --- sanity ---------------------------------------------------------------------------------------------------------


def similarity(maps: Tensor, others: Tensor) -> Tensor:
    """Spearman's correlation of the pixels of two maps, ``(N,)``, signs included."""
    return torch.stack([spearman(a.flatten(), b.flatten()) for a, b in zip(maps, others, strict=True)])


def spearman(one: Tensor, other: Tensor) -> Tensor:
    """Correlation of the ranks of two series; NaN with fewer than three entries, or where all of one are equal."""
    from scipy.stats import rankdata  # noqa: PLC0415  (slow to import)

    ranks = [rankdata(values.double().numpy()) for values in (one, other)]
    if len(ranks[0]) < 3 or any(np.ptp(values) == 0 for values in ranks):
        return torch.tensor(torch.nan, dtype=torch.double)
    return torch.tensor(float(np.corrcoef(*ranks)[0, 1]), dtype=torch.double)


def max_sensitivity(
    explain: Callable[[Tensor, int], Tensor], predict: Score, pictures: Tensor, seed: int, *, draws: int = 4
) -> Tensor:
    """The largest relative change of the map when the picture changes by at most `RADIUS`, ``(N,)``; low is good.

    `explain` gives the maps of pictures for the number of a draw, and `predict` their classes. Draws that change the
    class are ignored: there, another map is right. NaN where all do, or the map is zero.
    """
    before, classes = explain(pictures, 0), predict(pictures)
    sizes, generator = before.flatten(1).norm(dim=1), torch.Generator().manual_seed(seed)
    worst = torch.full_like(sizes, -1.0)
    for draw in range(1, draws + 1):
        moved = (pictures + RADIUS * (2 * torch.rand(pictures.shape, generator=generator) - 1)).clamp(0, 1)
        change = (explain(moved, draw) - before).flatten(1).norm(dim=1) / sizes
        worst = torch.where(predict(moved) == classes, worst.maximum(change), worst)
    return worst.double().where((worst >= 0) & (sizes > 0), torch.nan)


# --- summing up -----------------------------------------------------------------------------------------------------


def mean_of(values: Tensor) -> float:
    """The mean of the values that are defined; NaN if none is."""
    return float(values.double().nanmean())


def margin(values: Tensor) -> float:
    """Half of the 95 % interval of that mean, from the spread over pictures; NaN with fewer than two."""
    defined = values.double()[~values.isnan()]
    if len(defined) < 2:
        return nan
    return NormalDist().inv_cdf(0.975) * float(defined.std()) / sqrt(len(defined))

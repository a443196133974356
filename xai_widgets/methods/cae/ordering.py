r"""What matters most changes first: the first region of a walk, found for one picture and one target.

Where an object and a cue always come together, a decoder changes both together, and nobody sees which of them the
classifier goes by. So a walk has two legs (see `walk`), and what moves the classifier most *for its size* is in the
first. With the contribution A of a cell of the picture to the log-odds (integrated gradients from the picture to the
end of the walk) and its squared change E, both averaged over 3x3 cells, its density and the mean density are

.. math::

    D = \frac{A}{E}, \qquad \bar D = \frac{\sum A^+ D}{\sum A^+},

and the first region has the cells with :math:`D \ge \tau \bar D`, :math:`\tau` being `DENSE`.

That is done only where the classifier uses little of the picture. By the number of cells that a map effectively has,
:math:`n(v) = (\sum v)^2 / \sum v^2`, the contributions are on few of all N cells: :math:`n(A^+) \le \kappa N`,
:math:`\kappa` being `NARROW`. Else everything changes at once: a part of what an honest classifier needs would persuade
it alone, but no other one.

Where the classifier is not persuaded by the whole first leg (p < `path.LIKELY` at its end), its change goes `FURTHER`,
so that less of what merely comes along has to change as well.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.cae.path import LIKELY
from xai_widgets.methods.cae.saliency import path_integrated
from xai_widgets.methods.cae.walk import FIRST_LEG, Walk
from xai_widgets.study import Study

DENSE = 0.7
"""Least density of the first region, as a share of the mean density."""

NARROW = 0.15
"""Most cells that contributions may effectively be on for an order to be shown, as a share of all cells."""

FURTHER = 1.4
"""How far the first region goes where it does not persuade the classifier, as a multiple of the route."""

STEPS = 8
"""Of the integrated gradients."""

SMALLEST = 1e-4
"""Added to a cell's squared change, which may be 0."""


def ordered(study: Study, walk: Walk, source: int, target: int) -> Walk:
    """The same walk, on which what matters most changes first, where an order is to be shown."""
    grid = (walk.encoded.u.shape[2], walk.encoded.u.shape[3])
    end = walk.show(torch.ones(1))[0][0]
    first = first_region(study, walk.encoded.pictures[0], end, (source, target), grid)
    if first is None:
        return walk
    short = replace(walk, first=first)
    leg = short.show(torch.tensor([FIRST_LEG]))[1][0, target]
    return short if leg >= LIKELY else replace(short, reach=FURTHER)


def first_region(
    study: Study, picture: Tensor, end: Tensor, classes: tuple[int, int], grid: tuple[int, int]
) -> Tensor | None:
    """What is to change first, ``(H, W)`` in [0, 1], or None for everything at once.

    Of a picture ``(C, H, W)`` that becomes `end`, for the source and the target class, on a grid of cells.
    """
    source, target = classes
    contributions, _ = path_integrated(study, torch.stack([picture, end]), target, source, steps=STEPS)
    attributed, changed = (_cells(values, grid) for values in (contributions, (end - picture).square().sum(0)))
    if effective(attributed.clamp_min(0)) > NARROW * attributed.numel():
        return None
    dense = densities(attributed, changed) >= DENSE
    return F.interpolate(dense[None, None].float(), picture.shape[1:], mode="bilinear", align_corners=False)[0, 0]


def densities(attributed: Tensor, changed: Tensor) -> Tensor:
    r"""Densities of cells ``(h, w)`` as multiples of their mean: :math:`D / \bar D`."""
    dense = _neighbours(attributed) / (_neighbours(changed) + SMALLEST)
    weights = attributed.clamp_min(0)
    mean: Tensor = (weights * dense).sum() / weights.sum().clamp_min(torch.finfo(dense.dtype).tiny)
    return dense / mean


def effective(cells: Tensor) -> float:
    """On how many cells a map ``(h, w)`` effectively is, n(v): from 1 to all of them, 0 for an empty map."""
    return float(cells.sum().square() / cells.square().sum().clamp_min(torch.finfo(cells.dtype).tiny))


def _cells(pixels: Tensor, grid: tuple[int, int]) -> Tensor:
    """The sum over each cell of a map ``(H, W)``."""
    cells = F.adaptive_avg_pool2d(pixels[None], grid)[0]
    return cells * (pixels.numel() / cells.numel())


def _neighbours(cells: Tensor) -> Tensor:
    return F.avg_pool2d(cells[None], 3, stride=1, padding=1, count_include_pad=False)[0]

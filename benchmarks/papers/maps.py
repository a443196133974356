"""How maps of evidence are scored where it is known where the evidence is, beside maps that know no classifier.

Maps are ``(N, H, W)``, at least 0; regions are bool ``(N, H, W)``. A value is given for each picture, ``(N,)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from xai_widgets.methods.common.blur import gaussian, odd
from xai_widgets.scores.counterfactual_measures import dilated

ALPHAS = tuple(step / 2 for step in range(21))
"""Thresholds in means of a map, as in the paper of guided feature inversion."""

BLUR = 16
"""The brightest place is that of a picture blurred by a side divided by this."""


def excess_mass(maps: Tensor, regions: Tensor) -> Tensor:
    """Mass in the region beyond the region's share of the picture, of what there is beyond it: 1 all, 0 chance."""
    area = regions.float().mean((1, 2))
    return (share(maps, regions) - area) / (1 - area).clamp_min(1e-9)


def share(maps: Tensor, regions: Tensor) -> Tensor:
    """Share of a map's mass in its region; of an empty map, the region's area, as by chance."""
    total = maps.sum((1, 2))
    inside = (maps * regions).sum((1, 2)) / total.clamp_min(1e-12)
    return torch.where(total > 0, inside, regions.float().mean((1, 2)))


def pointing(maps: Tensor, regions: Tensor, near: int) -> Tensor:
    """Share of a map's highest pixels that are at most `near` pixels from its region: 1 or 0 where one is highest."""
    highest = maps == maps.amax((1, 2), keepdim=True)
    return share(highest.float(), dilated(regions, near) if near else regions)


def boxes(maps: Tensor, alpha: float) -> Tensor:
    """First and last row and column ``(N, 4)`` of all pixels above `alpha` means; the whole picture if there are none.

    At `alpha` 0, all pixels count.
    """
    height, width = maps.shape[1:]
    kept = maps >= alpha * maps.mean((1, 2), keepdim=True) if alpha == 0 else maps > alpha * maps.mean((1, 2), True)
    kept = kept | ~kept.any(2).any(1)[:, None, None]
    rows, columns = kept.any(2).float(), kept.any(1).float()
    first_last = [rows.argmax(1), height - 1 - rows.flip(1).argmax(1), columns.argmax(1)]
    return torch.stack([*first_last, width - 1 - columns.flip(1).argmax(1)], 1)


def box_overlap(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of boxes ``(N, 4)``."""
    top, left = torch.maximum(one[:, 0], other[:, 0]), torch.maximum(one[:, 2], other[:, 2])
    bottom, right = torch.minimum(one[:, 1], other[:, 1]), torch.minimum(one[:, 3], other[:, 3])
    both = (bottom - top + 1).clamp_min(0) * (right - left + 1).clamp_min(0)
    return both / (_area(one) + _area(other) - both)


def _area(box: Tensor) -> Tensor:
    return (box[:, 1] - box[:, 0] + 1) * (box[:, 3] - box[:, 2] + 1)


def localisation_error(maps: Tensor, regions: Tensor) -> float:
    """Share of pictures in which the box of a map and that of its region overlap by a half or less.

    The threshold that is best for the even pictures is used for the odd ones, and the other way round.
    """
    truth = boxes(regions.float(), 0.5)
    wrong = torch.stack([(box_overlap(boxes(maps, alpha), truth) <= 0.5).float() for alpha in ALPHAS])
    even = torch.arange(len(maps)) % 2 == 0
    tested = [wrong[wrong[:, tuned].mean(1).argmin(), ~tuned] for tuned in (even, ~even)]
    return float(torch.cat(tested).mean())


def told_apart(one: Tensor, other: Tensor, left: Tensor) -> Tensor:
    """Share of the mass of one class's map in its region, minus that of the other class's map in the same region.

    0 for maps that do not depend on the class, 1 for perfect ones.
    """
    return share(one, left) - share(other, left)


def trivial(pictures: Tensor, seed: int) -> dict[str, Tensor]:
    """Maps that know no classifier: how bright a blurred picture is, how near a pixel is to the centre, and noise."""
    side = min(pictures.shape[2:])
    sigma = side / BLUR
    bright = gaussian(pictures, sigma, odd(4 * sigma)).mean(1)
    y, x = (torch.linspace(-1, 1, length) for length in pictures.shape[2:])
    centre = torch.exp(-2 * (x**2 + y[:, None] ** 2)).expand(len(pictures), -1, -1)
    noise = torch.rand(bright.shape, generator=torch.Generator().manual_seed(seed))
    return {"brightest blurred pixel": bright, "centre": centre, "random": noise}


def whole(pictures: Tensor) -> Tensor:
    """The whole picture as a map."""
    return torch.ones(len(pictures), *pictures.shape[2:])


def joined(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Maps by who made them, of several batches."""
    return {who: torch.cat([part[who] for part in parts]) for who in parts[0]}

"""From a soft mask of a photo to the smallest region that answers both questions, as far as its ranking goes.

Few cells and few steps leave a mask of a photo that is right about where the class is and wrong about how much of it is
needed; cutting it at 1/2 then loses the class. So the pixels are ranked by the smoothed mask, and the smallest share of
them is taken, by halving, that alone keeps the score and whose removal destroys it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from xai_widgets.devices import later
from xai_widgets.methods.common.blur import gaussian, odd
from xai_widgets.methods.masking.terms import Question

LARGEST = 0.7
"""Largest share of the picture that is tried, and taken where no smaller one answers both questions."""

SMOOTHED = 0.5
"""Sigma of the smoothing, in cells of the grid: it ranks what is near the mask before what is far."""

ALIKE = 1e-5
"""Ranks that differ by less are equal."""


def smallest_answer(
    question: Question, soft: Tensor, targets: tuple[float | None, float | None], cell: float, halvings: int
) -> Tensor:
    """Soft masks ``(N, 1, H, W)``, moved so that 1/2 is where each picture's smallest region ends.

    The `targets` are the shares of the score that may be left without the region, and that it must keep alone; None
    where a question is not asked. A cell of the grid is so many pixels wide.
    """
    sigma = SMOOTHED * cell
    ranked = gaussian(soft, sigma, odd(6 * sigma)) * question.allowed
    place = _places(ranked)

    def region(area: Tensor) -> Tensor:
        return place < (area * (place[0].numel() - 1)).long()[:, None, None, None]

    low = torch.zeros(len(soft), device=soft.device)
    high = torch.full_like(low, LARGEST)
    with later():
        for _ in range(halvings):
            middle = (low + high) / 2
            enough = _answered(question, region(middle).to(soft), targets)
            low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return _ending(ranked, region(high))


def _places(ranked: Tensor) -> Tensor:
    """The place of each pixel in falling order, from 0 on; among equal ones the first in the picture comes first.

    What differs by rounding alone is equal, or another processor would take other pixels of an even area.
    """
    order = (ranked / ALIKE).round().flatten(1).argsort(dim=1, descending=True, stable=True)
    return order.argsort(1).view_as(ranked)


def _ending(ranked: Tensor, inside: Tensor) -> Tensor:
    """The ranks moved so that they are above 1/2 inside a region, and not outside."""
    least = torch.where(inside, ranked, torch.inf).amin((2, 3), keepdim=True).nan_to_num(posinf=1.0)
    moved = (0.5 + ranked - least).clamp(0, 1)
    return torch.where(inside, moved.clamp_min(0.5 + ALIKE), moved.clamp_max(0.5))


def _answered(question: Question, mask: Tensor, targets: tuple[float | None, float | None]) -> Tensor:
    with torch.no_grad():
        left, alone = question.shares(question.scores(torch.cat([question.removed(mask), question.kept(mask)])))
    most, least = targets
    found = torch.ones_like(left, dtype=torch.bool)
    if most is not None:
        found &= left <= most
    if least is not None:
        found &= alone >= least
    return found

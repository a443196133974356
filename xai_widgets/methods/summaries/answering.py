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


def smallest_answer(
    question: Question, soft: Tensor, targets: tuple[float | None, float | None], cell: float, halvings: int
) -> Tensor:
    """Soft masks ``(N, 1, H, W)``, moved so that 1/2 is where each picture's smallest region ends.

    The `targets` are the shares of the score that may be left without the region, and that it must keep alone; None
    where a question is not asked. A cell of the grid is so many pixels wide.
    """
    sigma = SMOOTHED * cell
    ranked = gaussian(soft, sigma, odd(6 * sigma)) * question.allowed
    falling = ranked.flatten(1).sort(1, descending=True).values

    def level(area: Tensor) -> Tensor:
        return falling.gather(1, (area * (falling.shape[1] - 1)).long()[:, None])[:, :, None, None]

    low = torch.zeros(len(soft), device=soft.device)
    high = torch.full_like(low, LARGEST)
    with later():
        for _ in range(halvings):
            middle = (low + high) / 2
            enough = _answered(question, (ranked > level(middle)).to(soft), targets)
            low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return (0.5 + ranked - level(high)).clamp(0, 1)


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

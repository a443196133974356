"""Whether a method names a place that no part of the bird explains.

The rule, in one place. Each picture's positive evidence is made to sum to 1, what lies on the bird is left out, and the
rest is averaged over many pictures: birds move about, so that only what is in the same place again stays. The window,
a quarter of the picture's sides, that holds most of the rest is the place. A method names it if it holds more than
`TIMES` the most that any method found in that way on other pictures of the honest classifier, which has no such place.
Nobody tells the rule that there is a cue, or where.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.scores.attribution import PIXELS
from xai_widgets.scores.counterfactual_measures import dilated

PARTS_OF_SIDE = 4
"""The window has a side of the picture's, over this."""

TIMES = 2.0
"""How much more than on the honest classifier the place has to hold."""


@dataclass(frozen=True)
class Place:
    """A window of a picture, in pixels, and the share of all evidence in it that no part explains."""

    share: float
    top: int
    left: int
    height: int
    width: int

    def holds(self, region: Tensor) -> bool:
        """Whether most of a region, bool ``(H, W)`` or its mean over pictures, is in the window."""
        inside = region[self.top : self.top + self.height, self.left : self.left + self.width]
        return bool(inside.float().sum() > region.float().sum() / 2)


def hottest_place(maps: Tensor, explained: Tensor) -> Place:
    """The window with most of the evidence ``(N, H, W)`` that is not `explained`, bool ``(N, H, W)``."""
    positive = maps.double().clamp_min(0)
    shares = positive / positive.sum((1, 2), keepdim=True).clamp_min(torch.finfo(torch.double).tiny)
    rest = (shares * ~dilated(explained, PIXELS)).mean(0)
    height, width = (max(side // PARTS_OF_SIDE, 1) for side in rest.shape)
    sums = F.avg_pool2d(rest[None, None], (height, width), stride=1)[0, 0] * height * width
    top, left = divmod(int(sums.argmax()), sums.shape[1])
    return Place(float(sums.max()), top, left, height, width)


def threshold(shares: Iterable[float]) -> float:
    """The share that a place must hold to be named, from those that methods found on the honest classifier."""
    return TIMES * max(shares)

"""More examples from few photos: crops and mirror images, through which the network is run as through the photos."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.pictures import PictureSet, item
from xai_widgets.sizes import is_small

EXAMPLES, MOST_VIEWS = 1500, 8
"""Views are added until there are so many examples, at most so many of each photo; ``benchmarks/photos/srae.py
--sweep`` compares numbers of views."""

LEAST_AREA = 0.35
"""A crop has at least this share of its photo."""


def views_of(sides: tuple[int, int], count: int) -> int:
    """How many views each of so many pictures of these sides gets beside itself: a crop of a small one says little."""
    return 0 if is_small(sides) else min(MOST_VIEWS, max(0, math.ceil(EXAMPLES / count) - 1))


class WithViews:
    """Some pictures of a set, and views of them: first all pictures, then all views."""

    def __init__(self, pictures: PictureSet, indices: Sequence[int], views: int, seed: int) -> None:
        self.pictures, self.indices, self.views, self.seed = pictures, indices, views, seed

    def __len__(self) -> int:
        return len(self.indices) * (1 + self.views)

    def __getitem__(self, index: int, /) -> tuple[Tensor, int]:
        picture, label = item(self.pictures, self.indices[index % len(self.indices)])
        if index < len(self.indices):
            return picture, label
        return view(picture, torch.Generator().manual_seed(self.seed * 1_000_003 + index)), label


def view(picture: Tensor, generator: torch.Generator) -> Tensor:
    """A random crop of a picture ``(C, H, W)``, enlarged to its size; half of them are mirrored."""
    area, top, left, mirror = torch.rand(4, generator=generator).tolist()
    sides = picture.shape[1:]
    height, width = (round(side * math.sqrt(LEAST_AREA + (1 - LEAST_AREA) * area)) for side in sides)
    rows, columns = round(top * (sides[0] - height)), round(left * (sides[1] - width))
    cut = picture[None, :, rows : rows + height, columns : columns + width]
    enlarged = F.interpolate(cut, sides, mode="bilinear", align_corners=False, antialias=True)[0].clamp(0, 1)
    return enlarged.flip(2) if mirror < 0.5 else enlarged

"""What a decoder of large pictures begins with: small pictures, which are cheap to learn from whole photos.

A layer's maps are read once, so that steps of many photos cost little as long as nothing is drawn in full. A decoder
that learns from crops alone sees too few photos to learn what colour a place has.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xai_widgets.methods.cladec.decoder import Shape, _convolution, _doublings, _resized
from xai_widgets.recipe import Recipe

FINER = 2
"""Pixels of a small picture for each place of the maps, a side."""

CHANNELS = 8
"""Channels, in units of the decoder's width."""

LEAST_DOUBLINGS = 3
"""Finer maps are almost pictures, and need no such start."""

PLACES, LEAST_PHOTOS, MOST_PHOTOS = 3136, 2, 32
"""Places of the maps in a step, of so many whole photos: 16 of maps of 14 x 14."""

LONGER = 3 / 16
"""Epochs for each one of the whole decoder's, and for each photo of a step: it takes as many steps whatever the maps.
Twice as many steps left 7 % less error at a sixteenth of the side, on other photos than those to fit on."""


def small_recipe(recipe: Recipe, code: Shape) -> Recipe:
    """How small pictures of such a code are learnt, if the whole decoder is trained by this recipe."""
    photos = min(max(PLACES // prod(code[1:]), LEAST_PHOTOS), MOST_PHOTOS)
    return replace(recipe, epochs=max(round(LONGER * photos * recipe.epochs), 1), batch_size=photos)


def starts_coarse(code: Shape, picture: tuple[int, int, int]) -> bool:
    """Whether a decoder of such a code begins with small pictures: of maps of an eighth of the side or less."""
    return len(code) == 3 and _doublings(code[1:], picture[1:]) >= LEAST_DOUBLINGS


class CoarseDecoder(nn.Module):
    """From maps to small pictures, in log-odds relative to a start; for maps of any size."""

    def __init__(self, code: Shape, colours: int, width: int) -> None:
        super().__init__()
        channels = CHANNELS * width
        self.stem = nn.Conv2d(code[0], channels, 3, padding=1)
        self.condition = nn.Linear(code[0] + 1, channels, bias=False)
        self.layers = nn.Sequential(nn.BatchNorm2d(channels), nn.SiLU(), _convolution(channels, channels))
        self.head = nn.Conv2d(channels, colours * FINER**2, 3, padding=1)
        with torch.no_grad():
            self.head.weight *= 0.1

    def forward(self, code: Tensor, conditions: Tensor) -> Tensor:
        """Log-odds ``(N, G, 2h, 2w)`` of standardised maps ``(N, C, h, w)``, and conditions ``(N, C + 1)``."""
        features = self.layers(self.stem(code) + self.condition(conditions)[:, :, None, None])
        return F.pixel_shuffle(self.head(features), FINER)

    def enlarged(self, code: Tensor, conditions: Tensor, size: tuple[int, int, int]) -> Tensor:
        """The same, enlarged to the size of a picture."""
        return _resized(self(code, conditions), size)

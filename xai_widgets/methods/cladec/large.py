"""Networks for large pictures, such as photos: a decoder of crops of a layer's maps, and the reference's encoder.

Both are convolutional where the layer has places, so they are trained on small crops and applied to whole pictures.
Nothing here is used for pictures that are not large (see `sizes`).
"""

from __future__ import annotations

from math import ceil, log2, prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xai_widgets.methods.cladec.coarse import CoarseDecoder, starts_coarse
from xai_widgets.methods.cladec.decoder import Shape, _convolution, _doublings, _Residual, _resized, _vector_grid

CROP, LEAST_CELLS = 96, 4
"""Pixels of a crop's side, and the least cells of a layer in it."""

WIDTHS = (2, 5, 8, 10)
"""Channels, in units of the width, with one, two, ... doublings to go."""

PATCH, TILE = 4, 16
"""The reference's encoder begins with patches of so many pixels a side, a quarter of the resolution, and with main
components of tiles of at most so many."""

EXAMPLES_PER_NUMBER = 20
"""Places that a decoder must have seen for each number that a pixel is decoded from, as a rule of thumb."""

LEAST_PHOTOS = 50
"""Fewer photos differ too little, whatever the layer."""


def crop_cells(grid: Shape, picture: Shape) -> tuple[int, int]:
    """Rows and columns of a layer that a crop has, of a layer with so many places."""
    rows, columns = (
        min(max(round(CROP * cells / side), LEAST_CELLS), cells) for cells, side in zip(grid, picture[1:], strict=True)
    )
    return rows, columns


def photos_needed(code: Shape) -> int:
    """About how many photos a decoder of such a code needs: from 3 x 3 places of a map, or from a vector.

    A rule of thumb, not a measurement; `python benchmarks/photos/cladec.py --sweep photos` puts it to the test.
    """
    numbers, places = (9 * code[0], prod(code[1:])) if len(code) == 3 else (code[0], 1)
    wanted = max(ceil(EXAMPLES_PER_NUMBER * numbers / places), LEAST_PHOTOS)
    unit: int = 10 ** max(len(str(wanted)) - 2, 0)
    return ceil(wanted / unit) * unit


class LargeDecoder(nn.Module):
    """As `ConditionalDecoder`, of maps of any size: whole pictures, or crops of them.

    Its width follows from the layer's channels and from how far its maps are from pixels. A vector, which determines no
    detail, is decoded at a quarter of the resolution. Of maps that are far from pixels it draws a small picture first
    (see `coarse`), to which the rest is added.
    """

    def __init__(self, code: Shape, picture: tuple[int, int, int], width: int = 16) -> None:
        super().__init__()
        self.picture, self.flat = picture, len(code) == 1
        self.grid = _vector_grid(picture) if self.flat else code[1:]
        drawn = tuple(ceil(side / PATCH) for side in picture[1:]) if self.flat else picture[1:]
        doublings = _doublings(self.grid, drawn)
        channels = min(max(_width(doublings, width), code[0]), 2 * _width(doublings, width))
        cells = prod(self.grid) if self.flat else 1
        self.stem: nn.Module = (
            nn.Linear(code[0], channels * cells) if self.flat else nn.Conv2d(code[0], channels, 3, padding=1)
        )
        self.condition = nn.Linear(code[0] + 1, channels, bias=False)
        self.coarse = CoarseDecoder(code, picture[0], width) if starts_coarse(code, picture) else None
        stages: list[nn.Module] = [nn.BatchNorm2d(channels), nn.SiLU(), _Residual(channels)]
        for left in range(doublings - 1, 0, -1):
            narrower = _width(left, width)
            stages += [nn.Upsample(scale_factor=2), _convolution(channels, narrower)]
            stages += [_Residual(narrower)] if left == doublings - 1 else []
            channels = narrower
        self.stages = nn.Sequential(*stages)
        self.fold = 2 if doublings else 1
        self.mean = nn.Conv2d(channels, picture[0] * self.fold**2, 3, padding=1)
        self.log_variance = nn.Conv2d(channels, self.fold**2, 3, padding=1)
        with torch.no_grad():
            self.mean.weight *= 0.1

    def forward(self, code: Tensor, shown: Tensor, alpha: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
        """Mean picture and log variance, as `ConditionalDecoder.forward`; of the mean picture only its colour counts.

        Of maps with fewer places than the layer's, the picture has in proportion fewer pixels.
        """
        stem = self.stem(code).view(len(code), -1, *(self.grid if self.flat else code.shape[2:]))
        conditions = torch.cat([shown - 1, alpha[:, None]], 1)
        features = self.stages(stem + self.condition(conditions)[:, :, None, None])
        size = self._size(code)
        drawn = _start(prior) + _resized(F.pixel_shuffle(self.mean(features), self.fold), size)
        if self.coarse is not None:
            drawn = drawn + self.coarse.enlarged(code, conditions, size)
        mean = torch.sigmoid(drawn)
        spread = F.pixel_shuffle(self.log_variance(features.detach()), self.fold)
        return mean, _resized(spread, (1, *size[1:]))

    def small(self, code: Tensor, shown: Tensor, prior: Tensor) -> Tensor:
        """The small pictures ``(N, G, 2h, 2w)`` that it begins with, of standardised codes; alpha is 0."""
        if self.coarse is None:
            raise ValueError("such codes are decoded without small pictures")
        return torch.sigmoid(_start(prior) + self.coarse(code, F.pad(shown - 1, (0, 1))))

    def _size(self, code: Tensor) -> tuple[int, int, int]:
        if self.flat:
            return self.picture
        sides = zip(code.shape[2:], self.grid, self.picture[1:], strict=True)
        height, width = (round(there * side / cells) for there, cells, side in sides)
        return self.picture[0], height, width


class PatchEncoder(nn.Module):
    """The reference's encoder: from a picture to a code of the layer's shape.

    A code of maps is the sum of two. A linear one has the main components of tiles, as many as the layer has channels,
    and stays as it is (see `components`); a few convolutions of patches add to it, and are trained. A code that is a
    vector has the latter alone.
    """

    def __init__(self, code: Shape, picture: tuple[int, int, int], width: int = 16) -> None:
        super().__init__()
        self.code, self.picture = code, picture
        self.grid = _vector_grid(picture) if len(code) == 1 else code[1:]
        reduction = max(min(side / cells for side, cells in zip(picture[1:], self.grid, strict=True)), 1.0)
        steps = round(log2(reduction))
        self.patch, self.whole = min(PATCH, 2**steps), 2**steps
        self.tile = min(self.whole, TILE)
        channels = _encoder_width(int(log2(self.patch)), width)
        layers: list[nn.Module] = [_convolution(picture[0] * self.patch**2, channels), _Residual(channels)]
        for step in range(int(log2(self.patch)), steps):
            wider = _encoder_width(step + 1, width)
            halving = nn.Conv2d(channels, wider, 2, stride=2, bias=False)
            layers += [halving, nn.BatchNorm2d(wider), nn.SiLU(), _Residual(wider)]
            channels = wider
        self.layers = nn.Sequential(*layers)
        cells = prod(self.grid)
        self.head: nn.Linear | nn.Conv2d = (
            nn.Linear(channels * cells, code[0]) if len(code) == 1 else nn.Conv2d(channels, code[0], 3, padding=1)
        )
        self.linear = None if len(code) == 1 else _still(nn.Conv2d(picture[0], code[0], self.tile, stride=self.tile))
        if self.linear is not None:
            with torch.no_grad():
                self.head.weight *= 0.1

    def forward(self, pictures: Tensor) -> Tensor:
        """Codes ``(N, C, h, w)`` or ``(N, D)`` of pictures, or of crops with in proportion fewer places."""
        cells = [
            max(round(there * cells / side), 1)
            for there, cells, side in zip(pictures.shape[2:], self.grid, self.picture[1:], strict=True)
        ]
        fitting = self.fitting(pictures)
        features = _to_grid(self.layers(F.pixel_unshuffle(fitting, self.patch)), cells)
        code: Tensor = self.head(features.flatten(1) if len(self.code) == 1 else features)
        return code if self.linear is None else code + _to_grid(self.linear(self.small(fitting)), cells)

    def fitting(self, pictures: Tensor) -> Tensor:
        """Pictures of whole cells."""
        whole = [ceil(side / self.whole) * self.whole for side in pictures.shape[2:]]
        return pictures if list(pictures.shape[2:]) == whole else F.interpolate(pictures, whole, mode="bilinear")

    def small(self, fitting: Tensor) -> Tensor:
        """Pictures whose cells have at most `TILE` pixels a side."""
        return fitting if self.tile == self.whole else F.avg_pool2d(fitting, self.whole // self.tile)

    def idle(self) -> set[str]:
        """Nothing in it is without use."""
        return set()


def _start(prior: Tensor) -> Tensor:
    """The mean colour of a picture ``(G, H, W)`` in log-odds, ``(G, 1, 1)``."""
    return torch.logit(prior.mean((1, 2)).clamp(0.02, 0.98))[:, None, None]


def _still(convolution: nn.Conv2d) -> nn.Conv2d:
    """Zero until it is solved, and never trained."""
    with torch.no_grad():
        for part in convolution.parameters():
            part.zero_()
    return convolution.requires_grad_(requires_grad=False)


def _to_grid(features: Tensor, cells: list[int]) -> Tensor:
    if list(features.shape[2:]) == cells:
        return features
    return F.interpolate(features, cells, mode="bilinear", antialias=True)


def _width(left: int, width: int) -> int:
    return width * WIDTHS[min(max(left, 1), len(WIDTHS)) - 1]


def _encoder_width(halved: int, width: int) -> int:
    """Channels where the resolution was halved so often."""
    return width * (1, 2, 4, 6, 8)[min(halved, 4)]

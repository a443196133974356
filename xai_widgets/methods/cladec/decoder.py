"""Decoders: from a layer's code back to a picture.

A code is what `xai_widgets.layers.Layer.code` makes of an activation: maps ``(N, C, h, w)`` or vectors ``(N, D)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log2

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Shape = tuple[int, ...]

GRID = 4
"""Shorter side in cells of the grid on which a vector is unfolded."""

WIDE, SMALL = 24, 16
"""Blocks of at least so many channels, on maps of at most so many cells a side, have a further convolution: there it
costs little."""


class ConditionalDecoder(nn.Module):
    """One decoder for every subset of units and every trade-off alpha, with `width` channels at the picture's side.

    It sees the code without the hidden units, which units are shown, and alpha, so that hiding a unit is something
    it was trained on and no surprise. Blocks of nearest upsampling, 3x3 convolution and SiLU; the last doubling
    is a sub-pixel convolution, which spares the costly full resolution. Normalisation is by batch: by picture
    (GroupNorm) it would wipe out how bright and how full of contrast a picture is, which is what is to be shown.
    """

    def __init__(self, code: Shape, picture: tuple[int, int, int], width: int = 16) -> None:
        super().__init__()
        self.picture = picture
        self.grid = code[1:] if len(code) == 3 else _vector_grid(picture)
        doublings = _doublings(self.grid, picture[1:])
        channels = min(width * 2 ** max(doublings - 1, 1), 3 * width)
        seen = 2 * code[0] + 1  # the code, which units are shown, alpha
        self.stem: nn.Module = (
            _block(seen, channels, self.grid)
            if len(code) == 3
            else nn.Linear(seen, channels * self.grid[0] * self.grid[1])
        )
        stages: list[nn.Module] = []
        for stage in range(1, doublings):
            halved = max(channels // 2, width)
            cells = [side * 2**stage for side in self.grid]
            stages += [nn.Upsample(scale_factor=2), _block(channels, halved, cells)]
            channels = halved
        if doublings == 0:  # a code as large as the picture
            stages += [_block(channels, width, self.grid), _block(width, width, self.grid)]
            channels = width
        self.stages = nn.Sequential(*stages)
        fold = 2 if doublings else 1
        self.mean = _sub_pixel(channels, picture[0], fold)
        self.log_variance = _sub_pixel(channels, 1, fold)

    def forward(self, code: Tensor, shown: Tensor, alpha: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
        """Mean picture ``(N, G, H, W)`` in [0, 1] and log variance ``(N, 1, H, W)``, one for all colours of a pixel.

        From standardised codes ``(N, C, h, w)`` or ``(N, D)`` without the hidden units; `shown` ``(N, C)``, 1 for units
        that may be seen; alpha ``(N,)`` in [0, 1]. What is decoded is how the picture differs, in log-odds, from the
        mean picture `prior` ``(G, H, W)``.
        """
        seen = _together(code, shown, alpha)
        features = self.stages(self.stem(seen).view(len(code), -1, *self.grid))
        start = torch.logit(prior.clamp(0.02, 0.98))
        mean = torch.sigmoid(start + _resized(self.mean(features), self.picture))
        return mean, _resized(self.log_variance(features.detach()), self.picture)


def _together(code: Tensor, shown: Tensor, alpha: Tensor) -> Tensor:
    """What a decoder sees: the code, which of its units are shown, alpha."""
    each_place = (1,) * (code.dim() - 2)
    seen = shown.view(*shown.shape, *each_place)
    # The fourth root spreads the small values of alpha, where pictures change most.
    dial = (alpha**0.25).view(-1, 1, *each_place).expand(-1, 1, *code.shape[2:])
    return torch.cat([code, seen.expand_as(code), dial], dim=1)


class PaperDecoder(nn.Module):
    """The decoder of the authors' implementation: transposed convolutions and ReLU, no normalisation.

    Built for any picture side by the same rule (there it is 32): doublings of 64 channels, halved down to 64, then
    the picture's channels and a sigmoid. It sees all units, and no alpha.
    """

    def __init__(self, code: Shape, picture: tuple[int, int, int]) -> None:
        super().__init__()
        self.picture = picture
        flat = len(code) == 1
        stem_width = max(code[0], 64) if flat else code[0]
        self.stem = nn.Linear(code[0], stem_width) if flat else nn.Conv2d(stem_width, stem_width, 3, padding=1)
        side = 1 if flat else code[1]
        steps = max(round(log2(picture[1] / side)), 1)
        widths = [stem_width, *(64 * 2**k for k in reversed(range(steps - 1))), picture[0]]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
        self.stages = nn.Sequential(*layers[:-1], nn.Sigmoid())

    def forward(self, code: Tensor) -> Tensor:
        """Pictures ``(N, G, H, W)`` in [0, 1]."""
        features = F.relu(self.stem(code))
        return _resized(self.stages(features if code.dim() == 4 else features[:, :, None, None]), self.picture)


class _Residual(nn.Module):
    """What comes in, plus a convolution of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = _convolution(channels, channels)

    def forward(self, features: Tensor) -> Tensor:
        changed: Tensor = features + self.change(features)
        return changed


def _convolution(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.SiLU())


def _block(channels: int, out: int, cells: Sequence[int]) -> nn.Sequential:
    deeper = [_Residual(out)] if out >= WIDE and max(cells) <= SMALL else []
    return nn.Sequential(*_convolution(channels, out), *deeper)


def _sub_pixel(channels: int, out: int, fold: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out * fold**2, 3, padding=1), nn.PixelShuffle(fold))


def _vector_grid(picture: tuple[int, int, int]) -> tuple[int, int]:
    """A grid of the picture's proportions."""
    short = min(picture[1:])
    return max(round(GRID * picture[1] / short), 1), max(round(GRID * picture[2] / short), 1)


def _doublings(grid: Shape, picture: Shape) -> int:
    """How often the grid is doubled until both sides reach the picture's."""
    return max(0, *((side - 1) // cells for side, cells in zip(picture, grid, strict=True))).bit_length()


def _resized(pictures: Tensor, shape: tuple[int, int, int]) -> Tensor:
    if pictures.shape[-2:] == shape[1:]:
        return pictures
    return F.interpolate(pictures, shape[1:], mode="bilinear", align_corners=False, antialias=True)

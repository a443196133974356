"""The default networks: two codes for each picture, and a decoder that puts any two codes together.

The class code comes from the evidence (the last layer before the logits), so that the map explains the classifier and
not the pictures. The individual code is a narrow map of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log2

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xai_widgets.methods.cae.decoding import FittedNetworks
from xai_widgets.methods.cae.pasting import pasted

Picture = tuple[int, int, int]

HIDDEN = 64
"""Width of the class encoder's one hidden layer."""

STYLE = 96
"""Width of the two layers through which the class code reaches the decoder's blocks."""

BLOCKS = 3
"""Conditioned blocks on the grid of the individual code."""


def grid_sides(picture: Picture) -> list[tuple[int, int]]:
    """Sides of all maps between a picture and the grid of its individual code, the picture's own first.

    Halved, rounded up, until the shorter side is about 8 cells; 16 for pictures of more than 64 pixels.
    """
    shorter = min(picture[1:])
    halvings = max(1, round(log2(shorter / (8 if shorter <= 64 else 16))))
    sides = [(picture[1], picture[2])]
    for _ in range(halvings):
        sides.append(((sides[-1][0] + 1) // 2, (sides[-1][1] + 1) // 2))
    return sides


def default_width(picture: Picture) -> int:
    """Channels at the picture's side: more where there is more to draw."""
    shorter = min(picture[1:])
    return 24 if shorter <= 64 else 32 if shorter <= 128 else 48


class ClassEncoder(nn.Module):
    """From the evidence to the class-associated code: a linear map plus a small non-linear one.

    The code is standardised (batch normalisation without parameters), so that its scale cannot shrink away.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, evidence: int, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(evidence))
        self.register_buffer("deviation", torch.ones(evidence))
        self.linear = nn.Linear(evidence, dimensions)
        self.bent = nn.Sequential(nn.Linear(evidence, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, dimensions))
        self.standard = nn.BatchNorm1d(dimensions, affine=False)

    def forward(self, evidence: Tensor) -> Tensor:
        """Codes ``(N, d)`` of evidence ``(N, E)``."""
        code: Tensor = self.standard(self._raw(evidence))
        return code

    def of_decoded(self, evidence: Tensor) -> Tensor:
        """The same for decoded pictures, on the scale of the real ones, which they leave as it is."""
        mean, variance = self.standard.running_mean, self.standard.running_var
        return F.batch_norm(self._raw(evidence), mean, variance, training=False)

    def measure(self, evidence: Tensor) -> None:
        """Take mean and deviation from the evidence ``(N, E)`` of real pictures."""
        deviation = evidence.std(0, correction=0)
        self.mean.copy_(evidence.mean(0))
        # A unit that hardly ever fires must not become the loudest when it does.
        self.deviation.copy_(deviation.clamp_min(0.1 * float(deviation.mean()) + 1e-6))

    def _raw(self, evidence: Tensor) -> Tensor:
        scaled = (evidence - self.mean) / self.deviation
        raw: Tensor = self.linear(scaled) + self.bent(scaled)
        return raw


class IndividualEncoder(nn.Module):
    """From a picture to a narrow map: what a picture is, apart from its class.

    It ends in batch normalisation without a scale, so that noise of a given deviation always costs it the same number
    of bits; see `losses`.
    """

    def __init__(self, picture: Picture, channels: int, width: int) -> None:
        super().__init__()
        halvings = len(grid_sides(picture)) - 1
        widths = [picture[0], *(min(width * 2**k, 2 * width) for k in range(halvings))]
        halved = [_convolution(a, b, stride=2) for a, b in pairwise(widths)]
        self.layers = nn.Sequential(*halved, _convolution(widths[-1], widths[-1]))
        self.narrow = nn.Conv2d(widths[-1], channels, 3, padding=1)
        self.standard = nn.BatchNorm2d(channels, affine=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Individual codes ``(N, c, h, w)`` of pictures in [0, 1]."""
        code: Tensor = self.standard(self.narrow(self.layers(pictures * 2 - 1)))
        return code


class Decoder(nn.Module):
    """Any class code with any individual code, as a picture in [0, 1].

    The class code scales and shifts the channels of every block. Normalisation is by batch: by picture it would wipe
    out brightness, which would then have to travel through the class code. The last doubling is a sub-pixel
    convolution, smoothed by one at full resolution, since it leaves a grid otherwise.
    """

    prior: Tensor

    def __init__(self, picture: Picture, channels: int, dimensions: int, width: int) -> None:
        super().__init__()
        self.sides = grid_sides(picture)
        self.register_buffer("prior", torch.zeros(picture))
        self.style = nn.Sequential(nn.Linear(dimensions, STYLE), nn.SiLU(), nn.Linear(STYLE, STYLE), nn.SiLU())
        self.widen = nn.Conv2d(channels, 2 * width, 3, padding=1)
        self.on_grid = nn.ModuleList(_Conditioned(2 * width, 2 * width) for _ in range(BLOCKS))
        doublings = len(self.sides) - 2
        widths = [2 * width] * doublings + [width] if doublings else [2 * width]
        self.upwards = nn.ModuleList(_Conditioned(a, b) for a, b in pairwise(widths))
        self.unfold = nn.Conv2d(widths[-1], 4 * picture[0], 3, padding=1)
        self.smooth = nn.Conv2d(picture[0], picture[0], 3, padding=1)
        nn.init.dirac_(self.smooth.weight)
        nn.init.zeros_(self.smooth.bias)  # type: ignore[arg-type]

    def forward(self, individual: Tensor, code: Tensor) -> Tensor:
        """Pictures ``(N, C, H, W)`` of individual codes ``(N, c, h, w)`` and class codes ``(N, d)``."""
        style = self.style(code)
        features = self.widen(individual)
        for block in self.on_grid:
            features = features + block(features, style)
        for block, side in zip(self.upwards, reversed(self.sides[1:-1]), strict=True):
            features = block(_doubled(features, side), style)
        height, width = self.sides[0]
        drawn = F.pixel_shuffle(self.unfold(features), 2)[..., :height, :width]
        return torch.sigmoid(self.prior + self.smooth(drawn))


class _Conditioned(nn.Module):
    """A convolution whose channels the class code scales and shifts."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out, 3, padding=1, bias=False)
        self.standard = nn.BatchNorm2d(out, affine=False)
        self.affine = nn.Linear(STYLE, 2 * out)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        scale, shift = self.affine(style)[:, :, None, None].chunk(2, dim=1)
        return F.silu(self.standard(self.convolution(features)) * (1 + scale) + shift)


class ClassCritic(nn.Module):
    """Tries to read the class off the individual code, which is trained to give it nothing to read."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _convolution(channels, 32, stride=2), _convolution(32, 48, stride=2),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * 48, classes),
        )  # fmt: skip

    def forward(self, individual: Tensor) -> Tensor:
        """Logits ``(N, K)`` of individual codes."""
        logits: Tensor = self.layers(individual)
        return logits


class CaeNetworks(FittedNetworks):
    """All that a fitted CAE needs: class encoder, affine head, individual encoder and decoder.

    For pictures of shape `picture` and so many numbers of evidence; `width` counts channels at the picture's side.
    """

    def __init__(
        self, picture: Picture, evidence: int, classes: int, dimensions: int, channels: int, width: int
    ) -> None:
        super().__init__()
        self.class_encoder = ClassEncoder(evidence, dimensions)
        self.head = nn.Linear(dimensions, classes)
        self.individual_encoder = IndividualEncoder(picture, channels, width)
        self.decoder = Decoder(picture, channels, dimensions, width)

    def class_code(self, pictures: Tensor, evidence: Tensor) -> Tensor:  # noqa: ARG002 - the paper's encoder sees them
        """Class codes ``(N, d)``."""
        code: Tensor = self.class_encoder(evidence)
        return code

    def decoded(self, individual: Tensor, code: Tensor) -> Tensor:
        """Pictures ``(N, C, H, W)`` in [0, 1] of individual codes with class codes."""
        pictures: Tensor = self.decoder(individual, code)
        return pictures

    def shown(self, pictures: Tensor, rebuilt: Tensor, moved: Tensor, level: float = 1.0) -> Tensor:
        """The pictures with what a move of the code changes pasted into them; see `pasting`."""
        return pasted(pictures, rebuilt, moved, level)


def _convolution(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    kernel = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(kernel, nn.BatchNorm2d(out), nn.SiLU())


def _doubled(features: Tensor, side: Sequence[int]) -> Tensor:
    """Nearest upsampling, cropped where a side is odd."""
    return F.interpolate(features, scale_factor=2)[..., : side[0], : side[1]]

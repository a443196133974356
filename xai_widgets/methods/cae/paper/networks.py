"""The published networks of CAE (class association embedding, arXiv 2406.07961), from their tables of layers.

Two encoders without a common trunk give a picture's class code z and its individual code u; the decoder puts any z
together with any u; a discriminator says how real a picture looks, and of which class.

The tables are for 256 px. Other sizes follow one rule: **each network halves the picture as often as published, but
never below `SMALLEST` cells on the shorter side; stages beyond that are left out, and the decoder doubles as often as
the individual encoder halves.** So from 48 px on the networks are those of 256 px, and from 12 px on the individual
code lies on a grid of a quarter of the picture. An odd side is rounded down when halved; the decoder goes back through
the same sizes. A grey picture has one channel, where the authors repeat it to three.

All convolutions have a bias and reflect the picture at its border.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Picture = tuple[int, int, int]

SMALLEST = 3
"""Fewest cells on the shorter side of a grid; 3 and not 4, so that 28 px are treated as 32 px are."""

BLOCKS = 6
"""Residual blocks of the individual encoder, and of the decoder."""

_kaiming = partial(nn.init.kaiming_normal_, nonlinearity="relu")


class PaperNetworks(nn.Module):
    """Encoders, decoder and discriminator for pictures of one shape.

    All of them have pictures in [0, 1] outside and [-1, 1] inside.

    Parameters
    ----------
    picture
        Shape of one picture, ``(C, H, W)``.
    classes
        How many there are.
    dimensions
        Of the class code; 8 as published.
    width
        Channels of the first convolutions, of which all other widths are multiples; 64 as published.
    """

    def __init__(self, picture: Picture, classes: int, dimensions: int = 8, width: int = 64) -> None:
        super().__init__()
        self.class_encoder = ClassEncoder(picture, dimensions, width)
        self.individual_encoder = IndividualEncoder(picture, width)
        self.decoder = Decoder(picture, dimensions, width)
        self.discriminator = Discriminator(picture, classes, width)

    def class_code(self, pictures: Tensor, evidence: Tensor) -> Tensor:  # noqa: ARG002 - the default encoder's
        """Class codes ``(N, d)`` of pictures; the evidence is not used."""
        code: Tensor = self.class_encoder(pictures)
        return code


class ClassEncoder(nn.Module):
    """From a picture to its class code.

    Without any normalisation, so that it can tell how bright and how full of contrast a picture is.
    """

    def __init__(self, picture: Picture, dimensions: int, width: int) -> None:
        super().__init__()
        widths = [width * min(2**stage, 4) for stage in range(len(_grids(picture, 4)))]
        self.layers = nn.Sequential(Convolution(picture[0], width, 7), nn.ReLU())
        for before, after in pairwise(widths):
            self.layers.extend([Convolution(before, after, 4, stride=2), nn.ReLU()])
        self.layers.extend([Convolution(widths[-1], dimensions, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()])
        _initialise(self, _kaiming)

    def forward(self, pictures: Tensor) -> Tensor:
        """Class codes ``(N, d)`` of pictures in [0, 1]."""
        code: Tensor = self.layers(2 * pictures - 1)
        return code


class IndividualEncoder(nn.Module):
    """From a picture to its individual code; instance normalisation throughout."""

    def __init__(self, picture: Picture, width: int) -> None:
        super().__init__()
        widths = _individual_widths(picture, width)
        self.layers = nn.Sequential(*_normalised(picture[0], width, 7), nn.ReLU())
        for before, after in pairwise(widths):
            self.layers.extend([*_normalised(before, after, 4, stride=2), nn.ReLU()])
        c = widths[-1]
        self.layers.extend(Residual(*_normalised(c, c, 3), nn.ReLU(), *_normalised(c, c, 3)) for _ in range(BLOCKS))
        _initialise(self, _kaiming)

    def forward(self, pictures: Tensor) -> Tensor:
        """Individual codes ``(N, c, h, w)`` of pictures in [0, 1]."""
        code: Tensor = self.layers(2 * pictures - 1)
        return code


class Decoder(nn.Module):
    """Any individual code with any class code, as a picture.

    The class code is heard only in the shifts and scales that `mlp` makes of it for the residual blocks.
    """

    def __init__(self, picture: Picture, dimensions: int, width: int) -> None:
        super().__init__()
        widths = _individual_widths(picture, width)
        c = widths[-1]
        self.mlp = nn.Sequential(
            *(nn.Linear(dimensions, 4 * width), nn.ReLU(), nn.Linear(4 * width, 4 * width), nn.ReLU()),
            *(nn.Linear(4 * width, BLOCKS * 2 * 2 * c), nn.Unflatten(1, (BLOCKS, 2, 2, c))),
        )
        self.blocks = nn.ModuleList(AdaptiveResidual(c) for _ in range(BLOCKS))
        self.doublings = nn.Sequential()
        larger = _grids(picture, 2)[-2::-1]
        for (before, after), size in zip(pairwise(reversed(widths)), larger, strict=True):
            self.doublings.extend([nn.Upsample(size), Convolution(before, after, 5), _layer_norm(after), nn.ReLU()])
        self.last = Convolution(width, picture[0], 7)
        _initialise(self, _kaiming)

    def forward(self, individual: Tensor, code: Tensor) -> Tensor:
        """Pictures ``(N, C, H, W)`` in [0, 1] of individual codes ``(N, c, h, w)`` and class codes ``(N, d)``."""
        features = individual
        for block, styles in zip(self.blocks, self.mlp(code).unbind(1), strict=True):
            features = block(features, styles)
        return (torch.tanh(self.last(self.doublings(features))) + 1) / 2


class Discriminator(nn.Module):
    """From a picture to how fake and how real it looks, and of which class."""

    def __init__(self, picture: Picture, classes: int, width: int) -> None:
        super().__init__()
        halvings = len(_grids(picture, 4)) - 1
        widths = [picture[0], *(width * 2**stage for stage in range(halvings))]
        self.layers = nn.Sequential()
        for before, after in pairwise(widths):
            self.layers.extend([Convolution(before, after, 4, stride=2), nn.LeakyReLU(0.2)])
        c = widths[-1]
        self.layers.extend(Residual(Convolution(c, c, 3), nn.ReLU(), Convolution(c, c, 3)) for _ in range(2))
        self.layers.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten()])
        self.layers.extend([nn.Linear(c, 4 * width), nn.ReLU(), nn.Dropout(0.4), nn.Linear(4 * width, 2 + classes)])
        _initialise(self, partial(nn.init.normal_, std=0.02))

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits ``(N, 2 + K)`` of pictures in [0, 1]: fake, real, and one for each class."""
        logits: Tensor = self.layers(2 * pictures - 1)
        return logits


class Convolution(nn.Conv2d):
    """A convolution that keeps the map's size, or halves it (rounded down), by reflecting it at its border."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__(channels, out, kernel, stride)
        self.border = (kernel - 1) // 2

    def forward(self, features: Tensor) -> Tensor:
        """Maps ``(N, out, h, w)``."""
        # A map no larger than the border cannot be reflected; its edge is repeated.
        mode = "reflect" if min(features.shape[2:]) > self.border else "replicate"
        return super().forward(F.pad(features, (self.border,) * 4, mode=mode))


class Residual(nn.Module):
    """What comes in, plus what the layers make of it."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.change = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Maps of the same shape."""
        changed: Tensor = features + self.change(features)
        return changed


class AdaptiveResidual(nn.Module):
    """A residual block of two convolutions whose normalisations are scaled and shifted from outside."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Convolution(channels, channels, 3)
        self.second = Convolution(channels, channels, 3)

    def forward(self, features: Tensor, styles: Tensor) -> Tensor:
        """Maps of the same shape; `styles` ``(N, 2, 2, C)`` has one style for each convolution."""
        change = F.relu(adain(self.first(features), styles[:, 0]))
        return features + adain(self.second(change), styles[:, 1])


def adain(features: Tensor, style: Tensor) -> Tensor:
    """Adaptive instance normalisation: channels of mean 0 and deviation 1, then scaled and shifted.

    `style` ``(N, 2, C)`` holds first the shift and then the scale of each channel, which is used as it is (not 1 + it).
    """
    shift, scale = style[..., None, None].unbind(1)
    return scale * F.instance_norm(features) + shift


def _normalised(channels: int, out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    return [Convolution(channels, out, kernel, stride), nn.InstanceNorm2d(out)]


def _layer_norm(channels: int) -> nn.GroupNorm:
    """Normalisation over all channels and places of a picture; a scale (at first random) and shift per channel."""
    norm = nn.GroupNorm(1, channels)
    nn.init.uniform_(norm.weight)
    return norm


def _initialise(network: nn.Module, draw: Callable[[Tensor], Tensor]) -> None:
    """Draw the weights of all convolutions and linear layers; their biases are 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            draw(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # all have one


def _grids(picture: Picture, halvings: int) -> list[tuple[int, int]]:
    """The sizes a picture goes through when it is halved at most so often, its own included."""
    sizes = [picture[1:]]
    while len(sizes) <= halvings and min(sizes[-1]) // 2 >= SMALLEST:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    return sizes


def _individual_widths(picture: Picture, width: int) -> list[int]:
    """Channels on the way from the picture to the individual code, with which the decoder begins."""
    return [width * 2**stage for stage in range(len(_grids(picture, 2)))]

"""Blurred pictures."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F


def gaussian(
    pictures: Tensor, sigma: float, kernel: int, edges: Literal["replicate", "reflect"] = "replicate"
) -> Tensor:
    """Pictures ``(N, C, H, W)``, their edges extended, blurred by `sigma` pixels, cut to an odd `kernel` of pixels.

    Torchvision's blur mirrors the edges, always, and multiplies by a square of weights where two lines of them do.
    """
    offsets = torch.arange(kernel, device=pictures.device) - kernel // 2
    weights = torch.exp(-(offsets**2) / (2 * sigma**2)).to(pictures.dtype)
    weights = weights / weights.sum()
    channels, reach = pictures.shape[1], kernel // 2
    # Along columns and then along rows, each with its own edges: all of them at once make more to blur.
    for shape, wider in (((1, 1, -1, 1), (0, 0, reach, reach)), ((1, 1, 1, -1), (reach, reach, 0, 0))):
        each = weights.view(shape).repeat(channels, 1, 1, 1)
        pictures = F.conv2d(F.pad(pictures, wider, mode=edges), each, groups=channels)
    return pictures


def odd(pixels: float) -> int:
    """The nearest odd number, at least 1."""
    return 2 * round((pixels - 1) / 2) + 1


def blur(pictures: Tensor, sigma: float) -> Tensor:
    """As `gaussian`, with a kernel of six sigma, cut to fit the pictures, and mirrored edges."""
    widest = 2 * min(pictures.shape[2:]) - 1  # mirroring reaches no further
    size = max(min(2 * round(3 * sigma) + 1, widest), 3)
    return gaussian(pictures, max(sigma, 0.3), size, "reflect")

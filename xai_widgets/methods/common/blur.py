"""Blurred pictures."""

from __future__ import annotations

from torch import Tensor
from torchvision.transforms.functional import gaussian_blur


def blur(pictures: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with a kernel of six sigma, cut to fit the picture."""
    widest = 2 * min(pictures.shape[-2:]) - 1  # reflection padding reaches no further
    size = min(2 * round(3 * sigma) + 1, widest)
    blurred: Tensor = gaussian_blur(pictures, [max(size, 3)] * 2, [max(sigma, 0.3)] * 2)
    return blurred

"""Blurred pictures."""

from __future__ import annotations

from torch import Tensor
from torchvision.transforms.functional import gaussian_blur


def blur(pictures: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with a kernel of six sigma, cut to fit the picture."""
    widest = 2 * min(pictures.shape[-2:]) - 1  # reflection padding reaches no further
    size = max(min(2 * round(3 * sigma) + 1, widest), 3)
    # Along rows and then along columns: in one pass, torchvision would multiply by all of a square of weights.
    for kernel in ([size, 1], [1, size]):
        pictures = gaussian_blur(pictures, kernel, [max(sigma, 0.3)] * 2)
    return pictures

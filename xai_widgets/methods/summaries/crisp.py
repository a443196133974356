"""From soft masks to crisp ones: connected components, and those too small to matter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

Pixels = npt.NDArray[np.bool_]

_NEIGHBOURS = np.ones((3, 3), dtype=bool)


def crisp(soft: Tensor, smallest: float) -> Tensor:
    """Where soft masks ``(N, H, W)`` exceed 1/2, bool, without components of less than a share of the picture.

    The largest component stays, however small it is.
    """
    masks = (soft > 0.5).cpu().numpy()
    return torch.from_numpy(np.stack([_without_small(mask, smallest * mask.size) for mask in masks]))


def components(mask: Pixels) -> list[Pixels]:
    """Connected components (over edges and corners) of a mask ``(H, W)``, the largest first."""
    labels, count = ndimage.label(mask, structure=_NEIGHBOURS)
    found = [labels == number for number in range(1, count + 1)]
    return sorted(found, key=lambda pixels: -int(pixels.sum()))


def _without_small(mask: Pixels, least: float) -> Pixels:
    found = components(mask)
    large = [pixels for pixels in found[1:] if pixels.sum() >= least]
    return np.logical_or.reduce([*found[:1], *large]) if found else mask

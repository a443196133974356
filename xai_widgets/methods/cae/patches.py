"""Pictures with a patch of another picture: what tells use from coincidence.

Where a cue and an object always come together, pictures alone cannot say which of them a classifier uses. Once patches
are exchanged they come apart, and the classifier is asked anew (the pictures of CutMix, Yun et al., arXiv 1905.04899,
with the classifier's answers in place of labels).
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST, LARGEST = 0.3, 0.9
"""Sides of a patch, as shares of the picture's."""


def exchanged(pictures: Tensor, others: Tensor, generator: torch.Generator) -> Tensor:
    """The pictures ``(n, C, H, W)``, each with a rectangle from `others`, which may lie partly outside."""
    rows = _inside(pictures.shape[2], len(pictures), generator)[:, :, None]
    columns = _inside(pictures.shape[3], len(pictures), generator)[:, None, :]
    mask = (rows & columns)[:, None].to(pictures.device)
    return torch.where(mask, others, pictures)


def _inside(side: int, count: int, generator: torch.Generator) -> Tensor:
    """Which rows (or columns) of each picture its rectangle covers, bool ``(n, side)``."""
    length, middle = torch.rand(2, count, 1, generator=generator)
    half = (SMALLEST + (LARGEST - SMALLEST) * length) * side / 2
    inside: Tensor = (torch.arange(side) + 0.5 - middle * side).abs() <= half
    return inside

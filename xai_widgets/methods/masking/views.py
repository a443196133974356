"""Pictures through masks: what the classifier sees of them, and how they are shown to people."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.masking import fineness
from xai_widgets.sizes import is_small

DIMMED, DIMMED_PHOTO = 0.25, 0.45
"""Brightness of what is outside a mask, where small pictures and photos are shown: these are darker by themselves."""


def blend(pictures: Tensor, others: Tensor, mask: Tensor) -> Tensor:
    """The pictures where the mask is 1, the others where it is 0, and a mixture in between."""
    return pictures * mask + others * (1 - mask)


def dimmed(pictures: Tensor, mask: Tensor) -> Tensor:
    """Pictures that are darker the smaller the mask is."""
    dark = DIMMED if is_small(pictures.shape) else DIMMED_PHOTO
    return pictures * (dark + (1 - dark) * mask)


def outlined(picture: Tensor, inside: Tensor) -> Tensor:
    """A picture ``(C, H, W)`` with a white line around a region, bool ``(H, W)``, and everything outside dimmed."""
    return drawn_around(dimmed(picture, inside.float()), inside)


def drawn_around(picture: Tensor, inside: Tensor) -> Tensor:
    """A picture ``(C, H, W)`` with a white line around a region, bool ``(H, W)``."""
    region = inside.float()[None, None]
    width = int(fineness.enlargement(min(inside.shape)))
    line = (F.max_pool2d(region, 2 * width + 1, stride=1, padding=width) - region)[0]
    return torch.where(line > 0, torch.ones_like(picture), picture)

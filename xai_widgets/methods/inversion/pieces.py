"""Pieces of a mask that its picture does without: they are dropped at the end of a search on large pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

INSIDE = 0.1
"""Pixels of greater values that touch each other are one piece; all others belong to the nearest one."""

MOST = 6
"""The greatest pieces of a mask, so many, are tried one at a time, and all others together."""


@torch.no_grad()
def without_needless(masks: Tensor, losses: Callable[[Tensor], Tensor]) -> Tensor:
    """Masks ``(N, 1, H, W)`` without the pieces that are worth nothing: without each alone, the loss is no greater.

    `losses` gives the losses ``(N,)`` of masks. A mask stays as it is if dropping all these pieces at once would make
    its loss greater.
    """
    pieces = torch.stack([pieces_of(mask[0].cpu()) for mask in masks]).to(masks.device)
    used = int(pieces.flatten(2).any(2).sum(1).max())
    if used < 2:
        return masks
    whole = losses(masks)
    alone = torch.stack([losses(masks * ~pieces[:, [piece]]) for piece in range(used)], 1)
    needless = (pieces[:, :used] & (alone <= whole[:, None])[..., None, None]).any(1, keepdim=True)
    if not needless.any():
        return masks
    fewer = masks * ~needless
    better = (losses(fewer) <= whole) & (fewer.amax((1, 2, 3)) > 0)
    return torch.where(better[:, None, None, None], fewer, masks)


def pieces_of(mask: Tensor) -> Tensor:
    """The pieces of a mask ``(H, W)``, bool ``(MOST + 1, H, W)``, the greatest first and the small ones together.

    Each pixel is in one of them, unless the mask is nowhere above `INSIDE`.
    """
    labels, count = ndimage.label(mask.numpy() > INSIDE)
    found = torch.zeros(MOST + 1, *mask.shape, dtype=torch.bool)
    if count:
        nearest = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
        mass = ndimage.sum_labels(mask.numpy(), labels, np.arange(1, count + 1))
        rank = np.empty(count + 1, dtype=np.int64)
        rank[1 + np.argsort(-mass, kind="stable")] = np.arange(count)
        own = torch.from_numpy(rank[labels[tuple(nearest)]]).clamp_max(MOST)
        found.scatter_(0, own[None], value=True)
    return found

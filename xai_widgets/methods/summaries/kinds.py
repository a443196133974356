"""Cut the masks of photos into parts: places that look alike to a layer, in all pictures of a class at once.

The mask of a photo holds a whole bee, and often its flower: one connected region of many parts. A layer tells these
apart. Its maps at all places inside the masks are clustered, and a region is a connected piece of one cluster.
"""

from __future__ import annotations

import torch
from sklearn.cluster import KMeans
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.summaries.descriptors import activation_maps
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.sizes import is_small
from xai_widgets.study import Study

KINDS = 8
"""Clusters of places in photos."""

STARTS = 4
"""Beginnings of the clustering, of which the best result counts."""

HALF = 0.5
"""A place of the layer is inside a mask with at least this share of its pixels."""


def kinds(study: Study, masks: Masks, layer: str, *, seed: int = 0) -> Tensor | None:
    """Which kind of place each pixel is, ``(N, H, W)``; None for small pictures, whose masks are of single parts."""
    sides = (masks.pictures.shape[2], masks.pictures.shape[3])
    if is_small(sides):
        return None
    maps = F.normalize(activation_maps(study, masks.pictures, layer), dim=1)
    share = F.adaptive_avg_pool2d(masks.masks.any(1, keepdim=True).float(), (maps.shape[2], maps.shape[3]))
    places = maps.movedim(1, 3)[share[:, 0] >= HALF]
    if len(places) <= KINDS:
        return None
    centres = KMeans(KINDS, n_init=STARTS, random_state=seed).fit(places.numpy()).cluster_centers_
    directions = torch.from_numpy(centres).to(maps)
    fits = torch.einsum("ndhw,kd->nkhw", maps, directions) - (directions**2).sum(1)[:, None, None] / 2
    return F.interpolate(fits, sides, mode="bilinear", align_corners=False).argmax(1)

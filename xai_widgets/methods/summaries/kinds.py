"""Cut the masks of photos into parts, and group these: places that look alike to a layer, in all pictures of a class.

The mask of a photo holds a whole bee, and often its flower: one connected region of many parts. A layer tells these
apart. Its maps at all places inside the masks are clustered, a region is a connected piece of one cluster, and the
regions of one cluster are a group. So every group is looked for in every picture, which takes fewer pictures than to
find out how many groups there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.summaries.clusters import Clusters, Floats, Ints, medoids
from xai_widgets.methods.summaries.descriptors import activation_maps, describe
from xai_widgets.methods.summaries.many import centres, nearest
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.regions import Region
from xai_widgets.sizes import is_small
from xai_widgets.study import Study

KINDS = 4
"""Kinds of places in photos; `benchmarks/photos/summaries.py --sweep kinds=4,6,8` compares others."""

STARTS = 40
"""Beginnings of the clustering: few photos have few places, and of four beginnings the best one is often not found."""

DIRECTIONS = 8
"""Principal directions of the layer's places in which kinds differ: in all channels, other pictures give others.

`benchmarks/photos/summaries.py --sweep directions=4,8,16` compares others.
"""

HALF = 0.5
"""A place of the layer is inside a mask with at least this share of its pixels."""


@dataclass(frozen=True, eq=False)
class Kinds:
    """The kinds of places that the masks of a class hold."""

    maps: Tensor  # of the layer, in a few directions, (N, D, h, w)
    inside: Tensor  # whether a place is in a mask, bool (N, h, w)
    count: int
    seed: int

    def centres(self, pictures: Ints) -> Tensor:
        """The middle of each kind in some of the pictures ``(K, D)``."""
        places = (self.maps[row].movedim(0, 2)[self.inside[row]] for row in pictures)
        return centres(places, min(self.count, int(self.inside[pictures].sum())), starts=STARTS, seed=self.seed)

    def where(self, sides: tuple[int, int]) -> Tensor:
        """The kind of each pixel ``(N, H, W)``."""
        middles = self.centres(np.arange(len(self.maps)))
        fits = torch.einsum("ndhw,kd->nkhw", self.maps, middles) - (middles**2).sum(1)[:, None, None] / 2
        return F.interpolate(fits, sides, mode="bilinear", align_corners=False).argmax(1)

    def grouped(self, regions: Sequence[Region], similarity: Floats, rows: Ints) -> Clusters:
        """Some of the regions, by the kinds of places in their pictures."""
        some = [regions[row] for row in rows]
        middles = self.centres(np.unique([region.picture for region in some]))
        own = nearest(describe(self.maps, some), middles).numpy()
        return medoids(similarity[np.ix_(rows, rows)], np.unique(own, return_inverse=True)[1])


def kinds(
    study: Study, masks: Masks, layer: str, *, count: int = KINDS, directions: int = DIRECTIONS, seed: int = 0
) -> Kinds | None:
    """The kinds of places in the masks of photos; None for small pictures, whose masks are of single parts."""
    if is_small(masks.pictures.shape):
        return None
    maps = principal(F.normalize(activation_maps(study, masks.pictures, layer), dim=1), directions)
    share = F.adaptive_avg_pool2d(masks.masks.any(1, keepdim=True).float(), (maps.shape[2], maps.shape[3]))
    inside = share[:, 0] >= HALF
    return Kinds(maps, inside, count, seed) if int(inside.sum()) > count else None


def principal(maps: Tensor, directions: int) -> Tensor:
    """Maps ``(N, D, h, w)`` in the directions in which their places differ most, ``(N, directions, h, w)`` or fewer."""
    from sklearn.decomposition import PCA  # noqa: PLC0415  (slow to import)

    places = maps.movedim(1, 3).flatten(0, 2)
    found = PCA(min(directions, *places.shape), random_state=0).fit_transform(places.numpy())
    return torch.from_numpy(found).to(maps).view(len(maps), *maps.shape[2:], -1).movedim(3, 1)

"""Describe a region by the mean of a layer's maps over it, and measure how alike two regions are.

The layer is one of the network itself, rather than HOG, so that the summaries show what *this network* distinguishes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.errors import NO_LAYERS, LayerError
from xai_widgets.methods.masking import fineness
from xai_widgets.methods.summaries.regions import Region
from xai_widgets.sizes import is_small
from xai_widgets.study import Study

HEIGHT_WEIGHT, HEIGHT_REACH = 0.2, 0.2
"""How much the same height of two regions counts, and the reach of "the same", as a share of the picture's height.

Pictures are upright but may be mirrored: a head is at the same height on the left and on the right.
"""

CELLS = 14
"""Rows of the maps of a photo, at most."""


def default_layer(study: Study) -> str:
    """The block whose maps suit the size of the pictures (see `fineness.cells`).

    Of small pictures it is the first one whose maps are at most half as high, rounded up, as strided layers do: it
    sees more than single pixels, and deeper layers distinguish more kinds of regions than people do, and lose their
    positions. Of a photo of 224 pixels it is the last one of those of a sixteenth: earlier blocks tell edges and
    colours apart, and not bodies from legs; `benchmarks/photos/summaries.py --sweep layer=...` compares others.
    Raises a `LayerError` if no layer gives maps.
    """
    blocks = [(layer.name, layer.places) for layer in study.blocks() if layer.places]
    spatial = blocks + [(layer.name, layer.places) for layer in study.layers() if layer.places]
    if not spatial:
        said = f"no layer of {study!r} gives maps or a grid of tokens, in which regions could be found"
        raise LayerError(said if study.layers() else f"{said}: {NO_LAYERS}")
    smaller = [one for one in spatial if one[1][0] <= fineness.cells(study.shape[1], CELLS)]
    first = smaller[0] if smaller else spatial[0]
    as_high = [name for name, (rows, _) in blocks if rows == first[1][0]]
    return first[0] if is_small(study.shape) or not as_high else as_high[-1]


def require_maps(study: Study, layer: str) -> str:
    """Return the layer's name, or raise a `LayerError` if it gives no maps: neither ``(C, H, W)`` nor others."""
    found = study.layer(layer)
    if not found.places:
        raise LayerError(
            f"layer {layer!r} gives {found.shape}, and regions need maps (C, H, W) or a grid of tokens: "
            f"{found.layout.reason}; {default_layer(study)!r} has some"
        )
    return layer


def activation_maps(study: Study, pictures: Tensor, layer: str) -> Tensor:
    """A layer's maps ``(N, D, h, w)``, each channel with mean 0 and deviation 1 over these pictures."""
    maps = study.codes(pictures, require_maps(study, layer))
    deviation = maps.std((0, 2, 3), keepdim=True, correction=0)
    # A constant channel carries no information.
    return (maps - maps.mean((0, 2, 3), keepdim=True)) / torch.where(deviation > 0, deviation, torch.inf)


def describe(maps: Tensor, regions: Sequence[Region]) -> Tensor:
    """Mean of the maps ``(N, D, h, w)`` over each region, cells weighted by their pixels in the region, ``(R, D)``."""
    pixels = torch.stack([region.pixels for region in regions]).float()
    weights = F.adaptive_avg_pool2d(pixels[:, None], (maps.shape[2], maps.shape[3]))
    rows = [(maps[region.picture] * weight).sum((1, 2)) for region, weight in zip(regions, weights, strict=True)]
    return torch.stack(rows) / weights.sum((1, 2, 3))[:, None]


def layer_likeness(study: Study, pictures: Tensor, layer: str, regions: Sequence[Region]) -> Tensor:
    """How alike regions of pictures are to a layer, ``(R, R)``."""
    return likeness(describe(activation_maps(study, pictures, layer), regions), regions)


def likeness(descriptors: Tensor, regions: Sequence[Region]) -> Tensor:
    """How alike regions are, ``(R, R)``: the cosine of their centred descriptors, plus a little for one height.

    Symmetric, in [-1, 1 + `HEIGHT_WEIGHT`]; the greatest for a region with itself.
    """
    directions = F.normalize(descriptors - descriptors.mean(0), dim=1)
    heights = torch.tensor([region.centre[0] for region in regions])
    near = torch.exp(-((heights[:, None] - heights) ** 2) / (2 * HEIGHT_REACH**2))
    return directions @ directions.T + HEIGHT_WEIGHT * near

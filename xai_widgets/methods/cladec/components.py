"""Where the reference of large pictures begins: its code is the main components of tiles of the pictures."""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.cladec.large import PatchEncoder
from xai_widgets.methods.common.codes import CachedPass

PHOTOS, TILES = 200, 24_000
"""Photos that the components are of, and tiles of them in all."""

LEAST_VARIANCE = 1e-6
"""Added to the variance of a component, so that what is next to nothing is not blown up."""


@torch.no_grad()
def start_at_components(encoder: PatchEncoder, seen: CachedPass, among: int) -> None:
    """Let the encoder give the main components of tiles of the first `among` pictures, each with variance 1.

    No linear code of tiles has a smaller squared error, with as many numbers. What else the encoder has to say is
    nothing yet, and is trained.
    """
    if (linear := encoder.linear) is None:
        return
    middle, variances, components = _components(_tiles(encoder, seen, among))
    count = min(len(linear.weight), len(variances))
    main = components[:count] * (variances[:count, None] + LEAST_VARIANCE).rsqrt()
    linear.weight[:count] = main.reshape(count, *linear.weight.shape[1:])
    if linear.bias is not None:
        linear.bias[:count] = -main @ middle


def _tiles(encoder: PatchEncoder, seen: CachedPass, among: int) -> Tensor:
    """Tiles ``(n, D)`` of some photos; where there are many, only some of each, evenly spread."""
    photos = min(among, PHOTOS)
    every = ceil(photos * encoder.grid[0] * encoder.grid[1] / TILES)
    found = []
    for photo in range(photos):
        picture = encoder.small(encoder.fitting(seen.picture(slice(photo, photo + 1))))
        columns = F.unfold(picture, encoder.tile, stride=encoder.tile)[0]
        found.append(columns.T[photo % every :: every])
    return torch.cat(found)


def _components(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean ``(D,)``, variances ``(D,)`` of the components from the largest on, and these as rows ``(D, D)``."""
    middle = rows.mean(0)
    centred = rows - middle
    variances, components = torch.linalg.eigh(centred.T @ centred / len(rows))
    return middle, variances.clamp_min(0).flip(0), components.T.flip(0)

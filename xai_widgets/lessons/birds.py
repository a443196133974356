"""Birds drawn for the lessons' experiments: two in one picture, another sky, another ring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import PARTS, SLOT_PARTS, pair
from xai_widgets.scores.bird_cases import CUE, redrawn
from xai_widgets.scores.counterfactual_measures import dilated

BLUISH, SANDY, RED = (196, 213, 224), (236, 227, 210), (230, 30, 30)
# Colours for a sky, as red, green and blue: two that occur in the pictures, and one that does not.


def part_maps(birds: BirdPictures, count: int) -> Tensor:
    """The part of every pixel of the first pictures, ``(N, H, W)``, as numbered in `PARTS`."""
    return torch.from_numpy(np.stack([birds.part_map(index) for index in range(count)]))


def places(birds: BirdPictures, count: int) -> dict[str, Tensor]:
    """Where the background and the deciding parts are in the first pictures, bool ``(N, H, W)`` each."""
    parts = part_maps(birds, count)
    deciding = torch.tensor([PARTS[part] for names in SLOT_PARTS.values() for part in names])
    return {"background": parts == PARTS["background"], "deciding parts": torch.isin(parts, deciding)}


def ring(birds: BirdPictures, count: int) -> Tensor:
    """Where the ring is in the first pictures, with two pixels around it, bool ``(N, H, W)``."""
    return dilated(part_maps(birds, count) == PARTS[CUE])


def with_sky(birds: BirdPictures, count: int, colour: Sequence[int]) -> Tensor:
    """The first pictures ``(N, C, H, W)`` with a sky of one colour, given as red, green and blue of 0 to 255."""
    pictures = torch.stack([birds[index][0] for index in range(count)])
    height = pictures.shape[2]
    horizons = torch.tensor([birds.bird(index).traits.horizon * height // 1000 for index in range(count)])
    above = torch.arange(height)[:, None] < horizons[:, None, None]
    sky = above & (part_maps(birds, count) == PARTS["background"])
    return torch.where(sky[:, None], torch.tensor(colour).view(3, 1, 1) / 255, pictures)


def other_rings(birds: BirdPictures, count: int) -> Tensor:
    """For each of the first pictures, a species whose ring it does not have, ``(N,)``."""
    own = [birds.cue(index) or 0 for index in range(count)]
    return torch.tensor([(cue + 1 + index % (birds.species - 1)) % birds.species for index, cue in enumerate(own)])


def with_rings(birds: BirdPictures, rings: Tensor) -> Tensor:
    """The first pictures ``(N, C, H, W)``, each with the ring of another species ``(N,)``; the birds stay the same."""
    numbered = enumerate(rings.tolist())
    return torch.stack([redrawn(birds, index, birds.labels[index], cue) for index, cue in numbered])


def two_birds(birds: BirdPictures, left: int, right: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Two birds of a set in one picture ``(C, H, W)``, and where each of them is, bool ``(H, W)``."""
    pixels, parts = pair(birds.bird(left), birds.bird(right))
    where = [torch.from_numpy(drawn != PARTS["background"]) for drawn in parts]
    picture = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255
    return picture, dict(zip(("left bird", "right bird"), where, strict=True))

"""Pictures made of photos: four in one, and the shape of a horse with the texture of something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import skimage
import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.study import Study

ANIMALS = 398
"""ImageNet's first so many classes are animals."""

MARGIN = 0.05
"""Share of the picture that is left white around a shape."""


def mosaic(photos: Sequence[Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Four photos ``(3, S, S)`` in one, at half their size; and where each of them is, bool ``(S, S)``."""
    whole = four_in_one(halved(torch.stack(list(photos[:4]))))
    side = whole.shape[-1] // 2
    where = {}
    for place, name in enumerate(("top left", "top right", "bottom left", "bottom right")):
        quarter = torch.zeros(whole.shape[1:], dtype=torch.bool)
        row, column = divmod(place, 2)
        quarter[row * side : (row + 1) * side, column * side : (column + 1) * side] = True
        where[name] = quarter
    return whole, where


def halved(photos: Tensor) -> Tensor:
    """Photos ``(N, 3, S, S)`` at half their size."""
    return F.interpolate(photos, scale_factor=0.5, mode="bilinear", antialias=True).clamp(0, 1)


def four_in_one(four: Tensor) -> Tensor:
    """Four pictures ``(4, C, S, S)`` as one ``(C, 2 S, 2 S)``, row by row."""
    return torch.cat([torch.cat([*four[:2]], -1), torch.cat([*four[2:]], -1)], -2)


def horse(texture: Tensor) -> Tensor:
    """The silhouette of a horse on white, filled with a texture ``(3, S, S)``: the middle of a photo, enlarged."""
    inside = _horse(texture.shape[-1])
    quarter = texture.shape[-1] // 6
    middle = texture[None, :, quarter:-quarter, quarter:-quarter]
    filling = F.interpolate(middle, size=texture.shape[1:], mode="bilinear", align_corners=False)[0].clamp(0, 1)
    return inside * filling + 1 - inside


def _horse(side: int) -> Tensor:
    """1 inside of scikit-image's silhouette of a horse, 0 around it, ``(1, side, side)``."""
    outside = np.asarray(skimage.data.horse())  # type: ignore[no-untyped-call]
    shape = torch.from_numpy(~outside).float()[None, None]
    high, wide = shape.shape[2:]
    square = F.pad(shape, (0, 0, (wide - high) // 2, wide - high - (wide - high) // 2))
    margin = int(MARGIN * side)
    inner = F.interpolate(square, size=(side - 2 * margin,) * 2, mode="area")
    return F.pad(inner, (margin,) * 4)[0]


def animal(study: Study, pictures: Mapping[str, Tensor]) -> dict[str, dict[str, float]]:
    """For each picture ``(3, S, S)`` the probability that an ImageNet classifier gives to all animals together."""
    chances = study.predict(torch.stack([*pictures.values()]))[:, :ANIMALS].sum(1)
    return {name: {"any animal": chance} for name, chance in zip(pictures, chances.tolist(), strict=True)}


def likeliest(study: Study, picture: Tensor, count: int = 5) -> dict[str, dict[str, float]]:
    """The most probable classes of one picture ``(C, H, W)``, with their probabilities."""
    chances, classes = study.predict(picture)[0].topk(count)
    found = zip(classes.tolist(), chances.tolist(), strict=True)
    return {study.class_names[k]: {"probability": chance} for k, chance in found}

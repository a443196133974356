"""Linear decoders of large pictures: of small copies of the pictures, and place by place."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.common.codes import CachedPass
from xai_widgets.sizes import is_large

THUMBNAIL = 56
"""Shorter side of the small copies."""

PHOTOS, PENALTIES = 300, (1e-5, 1e-4, 1e-3, 1e-2)
"""Photos that the decoder of places is fitted on, and its penalties in units of a channel's mean square."""

WIDEST = 4096
"""Numbers in 3 x 3 places of a layer, above which there is no decoder of places."""


def thumbnails(cached: CachedPass, most: int | None = None) -> Tensor:
    """Pictures in [0, 1], on the CPU; of large ones small copies, whose linear decoder costs a sixteenth."""
    pictures = cached.pictures[:most]
    if not is_large(cached.study.shape):
        return pictures.float() / 255
    return torch.cat([_small(batch.float() / 255) for batch in pictures.split(64)])


def thumbnail_error(cached: CachedPass, guessed: np.ndarray) -> float:
    """Squared error of guessed thumbnails ``(N, D)``: of large pictures, once they are enlarged."""
    if not is_large(cached.study.shape):
        return float(((guessed - thumbnails(cached).flatten(1).numpy()) ** 2).mean())
    shape = thumbnails(cached, 1).shape[1:]
    pairs = zip(cached.pictures.split(64), torch.from_numpy(guessed).float().split(64), strict=True)
    wrong = sum(
        float((_enlarged(one.view(-1, *shape), true) - true.float() / 255).square().sum()) for true, one in pairs
    )
    return wrong / cached.pictures.numel()


def local_error(layer: str, seen: CachedPass, unseen: CachedPass) -> dict[str, float]:
    """The error, as "local", of a linear decoder from 3 x 3 places of a map to the pixels of the one in the middle.

    Nothing for vectors, for very wide layers, where places are not whole numbers of pixels, and for fewer than five
    pictures, of which none is left to choose a penalty with.
    """
    grid = seen.study.layer(layer).places
    code = seen.code(layer, slice(0, 1))
    if (
        grid is None
        or len(seen) < 5
        or 9 * code.shape[1] > WIDEST
        or any(a % b for a, b in zip(seen.study.shape[1:], grid, strict=True))
    ):
        return {}
    count = min(len(seen), PHOTOS)
    train, test = range(count - count // 5), range(count - count // 5, count)
    moments = _moments(seen, layer, train)
    chosen = min(PENALTIES, key=lambda penalty: _local(seen, layer, test, _solved(*moments, penalty)))
    weights = _solved(*moments, chosen)
    return {"local": _local(unseen, layer, range(len(unseen)), weights)}


def _moments(cached: CachedPass, layer: str, which: range) -> tuple[Tensor, Tensor]:
    """Mean products of what is seen with itself, and with what is wanted."""
    first = _places(cached, layer, torch.tensor(which[:1]))
    with_itself, with_wanted = (torch.zeros(first[0].shape[1], part.shape[1]) for part in first)
    count = 0
    for batch in torch.tensor(which).split(20):
        seen, wanted = _places(cached, layer, batch)
        with_itself, with_wanted = with_itself + seen.T @ seen, with_wanted + seen.T @ wanted
        count += len(seen)
    return with_itself / count, with_wanted / count


def _solved(with_itself: Tensor, with_wanted: Tensor, penalty: float) -> Tensor:
    scale = penalty * with_itself.diagonal().mean()
    solved: Tensor = torch.linalg.solve(with_itself + scale * torch.eye(len(with_itself)), with_wanted)
    return solved


def _local(cached: CachedPass, layer: str, which: range, weights: Tensor) -> float:
    total, count = 0.0, 0
    for batch in torch.tensor(which).split(20):
        seen, wanted = _places(cached, layer, batch)
        total += float(((seen @ weights).clamp(0, 1) - wanted).square().sum())
        count += wanted.numel()
    return total / max(count, 1)


def _places(cached: CachedPass, layer: str, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Of every place, the numbers around it with a 1, and its pixels; on the CPU."""
    code, pictures = cached.code(layer, batch).cpu(), cached.picture(batch).cpu()
    around = F.unfold(code, 3, padding=1).transpose(1, 2).flatten(0, 1)
    tile = (pictures.shape[2] // code.shape[2], pictures.shape[3] // code.shape[3])
    pixels = F.unfold(pictures, tile, stride=tile).transpose(1, 2).flatten(0, 1)
    return torch.cat([around, torch.ones(len(around), 1)], 1), pixels


def _small(pictures: Tensor) -> Tensor:
    scale = THUMBNAIL / min(pictures.shape[2:])
    return F.interpolate(pictures, [round(side * scale) for side in pictures.shape[2:]], mode="area")


def _enlarged(small: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(small, like.shape[2:], mode="bilinear", align_corners=False)

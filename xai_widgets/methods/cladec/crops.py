"""Examples from few photos: each is flipped, moved and scaled anew, read by the classifier, and cut into crops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.cladec.large import crop_cells
from xai_widgets.methods.common.codes import CachedPass, read_codes
from xai_widgets.together import ALONE, Group, Part

PER_PHOTO = 4
"""Crops of one photo in a step: reading it costs as much as decoding so many."""

WHOLE, SMALLEST = 0.4, 0.57
"""Share of the photos that are not scaled, and the smallest part of a side that is enlarged to all of it."""


class Crops(NamedTuple):
    """Some crops, as pixels ``(N, G, H, W)`` and as codes ``(N, C, h, w)``; whole pictures for vectors."""

    pictures: Tensor
    codes: Tensor


def draw_photos(cached: CachedPass, among: int, count: int, generator: torch.Generator) -> Tensor:
    """Photos of a pass ``(N, G, H, W)``, of which the first `among` may be used, each changed at random."""
    drawn = torch.randint(among, (count,), generator=generator)
    return torch.stack([_changed(photo, generator) for photo in cached.picture(drawn)])


def draw_crops(
    cached: CachedPass,
    layer: str,
    among: int,
    count: int,
    generator: torch.Generator,
    group: Group = ALONE,
    each: int = PER_PHOTO,
) -> Crops:
    """About `count` crops with the layer's codes, `each` of one changed photo, which the classifier reads whole.

    All processes of a group draw the same ones; each makes those of its part, see `crops_of`.
    """
    grid = cached.study.layer(layer).places
    part = group.of(_photos(count, grid, each))
    photos = part.of(draw_photos(cached, among, part.size, generator))
    with cached.study.borrowed(), torch.no_grad():
        codes = read_codes(cached.study, photos, [layer])[layer]
    if grid is None:
        return Crops(photos, codes)
    cut = [
        _cut(photos[row], codes[row], begin)
        for row, begin in _begins(part, tuple(codes.shape[2:]), photos.shape[1:], generator, each)
    ]
    pictures, maps = (torch.stack(column) for column in zip(*cut, strict=True))
    return Crops(pictures, maps.contiguous(memory_format=torch.channels_last))


def draw_pixels(
    cached: CachedPass,
    grid: tuple[int, int] | None,
    among: int,
    count: int,
    generator: torch.Generator,
    group: Group = ALONE,
    each: int = PER_PHOTO,
) -> Tensor:
    """As `draw_crops` of a layer with so many places, without its codes."""
    part = group.of(_photos(count, grid, each))
    photos = part.of(draw_photos(cached, among, part.size, generator))
    if grid is None:
        return photos
    blank = photos.new_zeros(0, *grid)
    begins = _begins(part, grid, photos.shape[1:], generator, each)
    cut = [_cut(photos[row], blank, begin)[0] for row, begin in begins]
    return torch.stack(cut)


def crops_of(count: int, grid: tuple[int, int] | None, group: Group, each: int = PER_PHOTO) -> Part:
    """Which of the crops this process makes: those of its photos, so many of each."""
    return group.of(_photos(count, grid, each)).times(1 if grid is None else each)


def _photos(count: int, grid: tuple[int, int] | None, each: int) -> int:
    """Two at least: batch normalisation fails on a lone vector."""
    return max(count // (1 if grid is None else each), 2)


def _changed(photo: Tensor, generator: torch.Generator) -> Tensor:
    """Mirrored or not, and a part of it enlarged, or all of it."""
    mirrored, whole, scale, down, right = torch.rand(5, generator=generator).tolist()
    photo = photo.flip(-1) if mirrored < 0.5 else photo
    if whole < WHOLE:
        return photo
    height, width = photo.shape[1:]
    part = SMALLEST + (1 - SMALLEST) * scale
    rows, columns = round(part * height), round(part * width)
    top, left = round(down * (height - rows)), round(right * (width - columns))
    cut = photo[None, :, top : top + rows, left : left + columns]
    return F.interpolate(cut, (height, width), mode="bilinear", align_corners=False)[0]


def _begins(
    part: Part, grid: tuple[int, ...], photo: torch.Size, generator: torch.Generator, each: int
) -> list[tuple[int, list[int]]]:
    """Where each crop begins, in places of the grid, with the number of its photo among those of the part."""
    cells, drawn = crop_cells(grid, photo), []
    for row in range(part.size):
        for _ in range(each):
            begin = [
                int(torch.randint(there - cut + 1, (1,), generator=generator))
                for there, cut in zip(grid, cells, strict=True)
            ]
            drawn.append((row - part.start, begin))
    return [(row, begin) for row, begin in drawn if 0 <= row < part.stop - part.start]


def _cut(photo: Tensor, code: Tensor, begin: Sequence[int]) -> tuple[Tensor, Tensor]:
    """A crop of a photo that begins at a place, and the places of its code that lie there."""
    whole, sides = code.shape[1:], photo.shape[1:]
    cells = crop_cells(whole, photo.shape)
    (top, left), (rows, columns) = begin, cells
    (y, height), (x, width) = (_pixels(*axis) for axis in zip(begin, cells, whole, sides, strict=True))
    return photo[:, y : y + height, x : x + width], code[:, top : top + rows, left : left + columns]


def _pixels(begin: int, cells: int, whole: int, side: int) -> tuple[int, int]:
    """The first pixel of some places in a row, and how many pixels there are: always as many, wherever they begin."""
    size = round(cells * side / whole)
    return min(round(begin * side / whole), side - size), size

"""ClaDec's pictures and maps as tiles, each with a caption and a text for those who cannot see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.cladec.explanation import SPOKEN, ClaDecExplanation
from xai_widgets.methods.cladec.scene import nearest
from xai_widgets.pool import Pool
from xai_widgets.show.images import BITS_LIMIT, DEVIATION_LIMIT, DIFFERENCE_LIMIT, data_uri, diverging, sequential
from xai_widgets.study import Study
from xai_widgets.widgets.views.elements import Row, Tile

MAPS = ("difference", "bits lost", "bits kept", "uncertainty")
"""Kinds of `map_tile`."""

NEAREST = "nearest picture"
LAST_COLUMNS = (*MAPS, NEAREST)


def columns(layer: str, last: str, *, reference: bool, units: Sequence[int] | None = None) -> list[str]:
    """Headings of the versions of a picture, and of the last column."""
    some = "" if units is None else f", {len(units)} units"
    spoken = {"difference": "difference of the two"}.get(last, last)
    return ["original", f"ClaDec of {layer}{some}", *(["auto-encoder"] if reference else []), spoken]


def columns_of(found: ClaDecExplanation, last: str) -> list[str]:
    """The same for an explanation."""
    return columns(found.layer, last, reference=found.reference is not None, units=found.units)


def tile_side(study: Study) -> int:
    """Side of a tile: large enough to see, whole multiples of small pictures."""
    side = max(study.shape[1:])
    return side * max(round(128 / side), 1) if side < 128 else 160


def picture_tile(picture: Tensor, caption: str, alt: str) -> Tile:
    """A picture as it is."""
    return {"src": data_uri(picture), "alt": alt, "caption": caption}


def version_tiles(shown: ClaDecExplanation, row: int) -> list[Tile]:
    """All versions of one picture, captioned with what the classifier says of each."""
    tiles = []
    for name, pictures in shown.versions().items():
        said = shown.said(name, row)
        error = float((pictures[row] - shown.original[row]).square().mean())
        alt = f"{SPOKEN[name]} at {shown.layer}, called {said}; squared error {error:.2g}"
        tiles.append(picture_tile(pictures[row], said, alt))
    return tiles


def map_tile(shown: ClaDecExplanation, row: int, kind: str) -> Tile:
    """One map of one row on a scale that is the same for all pictures."""
    if kind == "difference":
        values = shown.difference[row].mean(0)
        other = "original" if shown.reference is None else "auto-encoder"
        caption = f"|Δ| {float(values.abs().mean()):.2f} on average"
        return _drawn(diverging(values, DIFFERENCE_LIMIT), caption, f"ClaDec minus {other}")
    if kind == "bits lost":
        values = shown.bits_lost[row]
        return _drawn(
            diverging(values, BITS_LIMIT), f"{float(values.mean()):.2f} bits/px", "bits lost against the auto-encoder"
        )
    if kind == "bits kept":
        values = shown.bits_kept[row]
        return _drawn(
            sequential(values, 0.0, BITS_LIMIT),
            f"{float(values.mean()):.2f} bits/px",
            "bits kept over the mean picture",
        )
    values = shown.deviation[row]
    return _drawn(
        sequential(values, 0.0, DEVIATION_LIMIT), f"± {float(values.mean()):.2f}", "standard deviation given the code"
    )


def last_tiles(cladec: ClaDec, found: ClaDecExplanation, kind: str) -> list[Tile]:
    """The last column: a map of each picture, or the nearest training picture."""
    if kind != NEAREST:
        return [map_tile(found, row, kind) for row in range(len(found.original))]
    return [
        picture_tile(picture, name, f"nearest training picture in this layer{f': {name}' if name else ''}")
        for picture, name in nearest(cladec, found)
    ]


def waiting_rows(pool: Pool, indices: Sequence[int], count: int) -> list[Row]:
    """Rows of so many tiles of which only the first one, a picture of the pool, is there."""
    blank: Tile = {"src": "", "alt": "not fitted yet", "caption": ""}
    return [
        {"label": pool.title(i), "tiles": [picture_tile(pool.picture(i), "", pool.title(i)), *[blank] * (count - 1)]}
        for i in indices
    ]


def _drawn(pixels: Any, caption: str, alt: str) -> Tile:
    return {"src": data_uri(torch.from_numpy(pixels)), "alt": f"{alt}, {caption}", "caption": caption}

"""ClaDec's pictures and maps as tiles, each with a caption and a text for those who cannot see it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from xai_widgets.methods.cladec.explanation import SPOKEN, ClaDecExplanation
from xai_widgets.show.images import BITS_LIMIT, DEVIATION_LIMIT, DIFFERENCE_LIMIT, data_uri, diverging, sequential
from xai_widgets.widgets.views.elements import Tile

MAPS = ("difference", "bits lost", "bits kept", "uncertainty")
"""Kinds of `map_tile`."""


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


def _drawn(pixels: Any, caption: str, alt: str) -> Tile:
    return {"src": data_uri(torch.from_numpy(pixels)), "alt": f"{alt}, {caption}", "caption": caption}

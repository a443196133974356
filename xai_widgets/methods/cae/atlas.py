"""Many counterfactuals of one picture, spread over the map: what a browser needs to follow a drag on its own."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import torch
from torch import Tensor

from xai_widgets.methods.cae.decoding import BATCH, Decodes, Encoded
from xai_widgets.progress import Progress

Box = tuple[float, float, float, float]
"""Left, right, lower and upper edge of a map."""

MARGIN = 0.08
"""Room around the outermost codes, as a share of the map's side."""


@dataclass(frozen=True, eq=False)
class Atlas:
    """Counterfactuals of one picture at ``n x n`` points of a map.

    Attributes
    ----------
    pictures
        ``(n * n, C, H, W)`` in [0, 1], row by row: row r, column c is number ``r * n + c``; columns go from the left
        edge to the right one, rows from the lower edge to the upper one.
    probabilities
        The classifier's probabilities for each, ``(n * n, K)``.
    box
        The edges of the map.
    """

    pictures: Tensor
    probabilities: Tensor
    box: Box

    @property
    def side(self) -> int:
        """Points along one side, n."""
        return isqrt(len(self.pictures))


def draw_atlas(model: Decodes, encoded: Encoded, codes: Tensor, box: Box, progress: Progress) -> Atlas:
    """Decode one picture (N = 1) with the codes ``(n * n, d)`` of a map's points, and ask the classifier about each."""
    batches = codes.split(BATCH)
    progress.start("drawing the map", len(batches))
    pictures, probabilities = [], []
    for batch in batches:
        pictures.append(model.decode(encoded, batch))
        probabilities.append(model.predict(pictures[-1]))
        progress.advance()
    return Atlas(torch.cat(pictures), torch.cat(probabilities), box)


def grid(box: Box, n: int) -> Tensor:
    """``(n * n, 2)`` points of a map, its edges included, in the order of an `Atlas`."""
    x, y = torch.linspace(box[0], box[1], n), torch.linspace(box[2], box[3], n)
    up, across = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([across, up], dim=2).flatten(0, 1)


def box_around(points: Tensor) -> Box:
    """A box with some room around points ``(N, 2)``."""
    low, high = points.min(0).values, points.max(0).values
    room = MARGIN * (high - low).clamp_min(1e-3)
    (x0, y0), (x1, y1) = (low - room).tolist(), (high + room).tolist()
    return x0, x1, y0, y1

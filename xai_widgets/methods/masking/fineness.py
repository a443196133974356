"""How fine the search is, by the size of the pictures: constants that were chosen on small pictures do not fit photos.

A network that sees a photo of 224 pixels halves it five times, and fine patterns fool it: a mask of many small cells
finds such patterns, and a layer of many small cells tells edges from edges and not parts from parts. Up to 64 pixels
half the side is right, for both. ``benchmarks/photos/summaries.py --sweep cells=10,12,14,32`` compares them on photos.
"""

from __future__ import annotations

from xai_widgets.sizes import SMALL

FINEST = SMALL // 2
"""Cells along the side of a small picture of the greatest size."""


def cells(side: int, coarsest: int) -> int:
    """Cells along a side: half of it, rounded up, to `SMALL`; then the fewer the larger it is, down to the coarsest."""
    return min((side + 1) // 2, max(coarsest, FINEST * SMALL // side))


def enlargement(side: int) -> float:
    """How many times as large as the largest small picture a picture is; 1 for small ones."""
    return max(1.0, side / SMALL)


def smallest(side: int) -> float:
    """Share of a picture below which a region is too small to be shown: on a photo, a square of a tenth of its side."""
    return 0.0025 if side <= SMALL else 0.01

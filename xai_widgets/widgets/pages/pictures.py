"""The pictures that a page is written for: the same ones in every view, so that one line chooses for all of them."""

from __future__ import annotations

from typing import Any

from xai_widgets.pool import Pool
from xai_widgets.widgets.views.drawing import Draw, thumbnail
from xai_widgets.widgets.views.picture_strip import TILE, picture_cards

PICTURES = 6
"""So many pictures of the pool are written, and the chosen one."""


def written(pool: Pool, chosen: int) -> list[int]:
    """Numbers in the pool of the pictures of a page: the first ones, and the chosen one."""
    return list(dict.fromkeys([*range(min(PICTURES, len(pool))), chosen]))


def picture_line(pool: Pool, chosen: int, draw: Draw = thumbnail, *, pixelated: bool) -> dict[str, Any]:
    """What ``picture_line.js`` draws; of somebody's own pictures the page around this one knows no indices."""
    numbers = written(pool, chosen)
    return {
        "cards": picture_cards(pool, numbers, draw),
        "indices": [] if pool.own else [pool.indices[number] for number in numbers],
        "chosen": numbers.index(chosen),
        "tile": TILE,
        "pixelated": pixelated,
    }

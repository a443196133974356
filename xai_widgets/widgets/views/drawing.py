"""Pictures as what a tile of a view shows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from torch import Tensor

from xai_widgets.show.images import SMALL, data_uri

LARGEST = 320
"""Pixels of the longer side of a picture in a tile: twice a tile's own."""

ON_PAGE = 160
"""The same on a page of its own: as large as its largest tiles."""

SHARP = 128
"""Pictures up to so many pixels are sent as they are; larger ones smaller, and not exactly."""


Draw = Callable[[Tensor], str]
"""Turns a picture into the source of a tile."""


def exactly(picture: Tensor) -> str:
    """A picture as it is, if that costs little."""
    return data_uri(picture) if max(picture.shape[-2:]) <= SHARP else smaller(picture)


def smaller(picture: Tensor) -> str:
    """A picture in few bytes."""
    return data_uri(picture, min(max(picture.shape[-2:]), LARGEST), "webp")


def thumbnail(picture: Tensor) -> str:
    """A picture in very few bytes, to be chosen among many."""
    return exactly(picture) if max(picture.shape[-2:]) < SMALL else data_uri(picture, SMALL * 2, "webp")


def on_page(picture: Tensor) -> str:
    """A picture in fewer bytes, for a page that holds hundreds of them."""
    return data_uri(picture, min(max(picture.shape[-2:]), ON_PAGE), "webp")


def each_once(draw: Draw) -> Draw:
    """The same, but a picture that comes again is not drawn again."""
    drawn: dict[bytes, str] = {}

    def drawn_once(picture: Tensor) -> str:
        key = hashlib.sha256(picture.contiguous().numpy().tobytes()).digest()
        if key not in drawn:
            drawn[key] = draw(picture)
        return drawn[key]

    return drawn_once

"""Which pictures are small, and which are large: both get settings of their own. A shape ends with height and width."""

from __future__ import annotations

from collections.abc import Sequence

SMALL = 64
"""Pictures whose shorter side has at most so many pixels are small, as the drawn birds are."""

LARGE = 128
"""Pictures whose shorter side has at least so many pixels are large, as photos are for most networks."""


def is_small(shape: Sequence[int]) -> bool:
    """Whether pictures of this shape are small."""
    return min(shape[-2:]) <= SMALL


def is_large(shape: Sequence[int]) -> bool:
    """Whether pictures of this shape are large."""
    return min(shape[-2:]) >= LARGE

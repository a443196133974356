"""How many pictures pass at once while something is optimised for each of them."""

from __future__ import annotations

from xai_widgets.study import Study

MOST_PIXELS = 2**20
"""Most pixels of the pictures that are optimised at once; gradients of VGG16 then take about 3 GB."""


def batch_size(study: Study, sides: tuple[int, int]) -> int:
    """Half of what may pass at once: each picture, of this height and width, is asked about twice."""
    return max(1, min(study.batch_size, MOST_PIXELS // (sides[0] * sides[1])) // 2)

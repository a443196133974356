"""What a map is drawn of, in a notebook and on a page alike: a mark for every class, a legend, ticks."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import MaxNLocator

from xai_widgets.show.colours import PALETTE

Box = tuple[float, float, float, float]
"""Lowest and highest x, lowest and highest y."""
Place = tuple[float, float]
Floats = npt.NDArray[np.floating[Any]]
Classes = npt.NDArray[np.int64]

WIDTH, HEIGHT = 380, 350
"""Size of a map in pixels, with its axes."""

SHAPES = {
    "circle": "M0,-1A1,1 0 1,1 0,1A1,1 0 1,1 0,-1Z",
    "square": "M-.89,-.89H.89V.89H-.89Z",
    "triangle-up": "M0,-1.35L1.17,.67H-1.17Z",
    "diamond": "M0,-1.34L1.06,0L0,1.34L-1.06,0Z",
    "cross": "M-.4,-1.19H.4V-.4H1.19V.4H.4V1.19H-.4V.4H-1.19V-.4H-.4Z",
    "triangle-down": "M0,1.35L-1.17,-.67H1.17Z",
    "rectangle": "M-.5,-1.58H.5V1.58H-.5Z",
    "ellipse": "M0,-1.78A.56,1.78 0 1,1 0,1.78A.56,1.78 0 1,1 0,-1.78Z",
}
"""bqplot's markers that can be told apart when small, and the SVG path of each, of the area of a unit circle."""

MOST = 16
"""More kinds of marks than these nobody tells apart; classes beyond them share one."""

MOST_POINTS = 1000
"""More points than these make a drawing slow."""


class ClassMark(NamedTuple):
    """How the points of a class are drawn."""

    colour: str
    shape: str


OTHERS = ClassMark("#888888", "circle")
"""The mark of all classes that have none of their own."""


def class_marks(count: int) -> list[ClassMark]:
    """Marks, no two alike, and the first eight unlike in colour and in shape; after `MOST` of them comes `OTHERS`."""
    shapes = list(SHAPES)
    own = [
        ClassMark(PALETTE[i % len(PALETTE)], shapes[(i + i // len(PALETTE)) % len(shapes)])
        for i in range(min(count, MOST))
    ]
    return own if count <= MOST else [*own, OTHERS]


def mark_places(count: int, classes: Classes) -> Classes:
    """Say which mark of ``class_marks(count)`` each of ``count`` classes has, (count,).

    If there are too few marks, the most frequent of the points' `classes` (M,) get them; otherwise a class keeps its
    own.
    """
    if count <= MOST:
        return np.arange(count)
    shown = np.bincount(classes, minlength=count)
    frequent = np.argsort(-shown, kind="stable")[:MOST]
    places = np.full(count, MOST)
    places[np.sort(frequent)] = np.arange(MOST)
    return places


class MarkedPoints(NamedTuple):
    """The points that share a mark."""

    name: str
    mark: ClassMark
    #: Their places among all points.
    members: Classes


def marked_points(names: Sequence[str], classes: Classes) -> list[MarkedPoints]:
    """Distribute points with `classes` (M,) over all marks, some without any; of many points evenly many are kept."""
    places = mark_places(len(names), classes)
    owner = dict(zip(places.tolist(), names, strict=True))
    if len(names) > MOST:
        owner[MOST] = "other classes"
    kept = np.unique(np.linspace(0, len(classes) - 1, min(len(classes), MOST_POINTS)).round().astype(np.int64))
    own = places[classes[kept]]
    marks = enumerate(class_marks(len(names)))
    return [MarkedPoints(owner[place], mark, kept[own == place]) for place, mark in marks]


def legend(groups: Sequence[MarkedPoints]) -> str:
    """The marks of which there are points, and what they stand for, as HTML; names are escaped."""
    entries = [
        f'<span class="xw-legend-entry">{_icon(group.mark)}{html.escape(group.name)}</span>'
        for group in groups
        if len(group.members)
    ]
    return f'<div class="xw xw-legend">{"".join(entries)}</div>'


def _icon(mark: ClassMark) -> str:
    path = f'<path d="{SHAPES[mark.shape]}" fill="{mark.colour}"/>'
    return f'<svg viewBox="-2 -2 4 4" aria-hidden="true">{path}</svg>'


def ticks(low: float, high: float, most: int = 5) -> tuple[list[float], int]:
    """Round numbers between two ends, at `most` so many steps, and how many decimals they have."""
    values = np.asarray(MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high))
    step = values[1] - values[0]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    inside = (values >= low - 1e-9 * step) & (values <= high + 1e-9 * step)
    return [round(float(value), decimals) for value in values[inside]], decimals

"""A film strip as a matplotlib figure: frames, the probability on the way, and maps of what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xai_widgets.show.colours import BLUE
from xai_widgets.show.figures import INCHES, NotebookFigure, draw_picture, plain


def film(
    frames: Sequence[Any],
    captions: Sequence[str],
    curve: tuple[Sequence[float], Sequence[float]],
    stops: tuple[Sequence[float], Sequence[float]],
    labels: tuple[str, str],
    maps: Mapping[str, Any],
    footer: str,
) -> NotebookFigure:
    """Frames in one row; below them the curve and the maps.

    Parameters
    ----------
    frames
        Pictures of any form that `to_uint8` takes.
    captions
        A line below each frame.
    curve, stops
        x and y of a line, and of the frames on it; y in [0, 1].
    labels
        Of the two axes.
    maps
        Pictures by heading.
    footer
        The numbers that say whether to believe it.
    """
    figure = NotebookFigure(figsize=(INCHES * len(frames), 2 * INCHES + 2.2), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(INCHES + 0.3, INCHES + 1.1)).flat
    for axes, frame, caption in zip(above.subplots(1, len(frames)), frames, captions, strict=True):
        draw_picture(axes, frame, caption)
    drawing, *places = below.subplots(1, 1 + len(maps), width_ratios=(2, *(1 for _ in maps)))
    drawing.plot(*curve, color="0.5", linewidth=1)
    drawing.plot(*stops, "o", color=BLUE, markersize=4)
    drawing.set(xlabel=plain(labels[0]), ylabel=plain(labels[1]), ylim=(-0.03, 1.03))
    for axes, (name, picture) in zip(places, maps.items(), strict=True):
        draw_picture(axes, picture)
        axes.set_title(plain(name), fontsize=9)
    figure.supxlabel(plain(footer), fontsize=7, wrap=True)
    return figure

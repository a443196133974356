"""Rows of pictures as matplotlib figures; made without pyplot, so that nothing global changes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from xai_widgets.show.images import to_uint8

INCHES = 1.5
"""Side of a picture in a figure."""


class NotebookFigure(Figure):
    """A matplotlib figure that a notebook shows, although pyplot was never asked to."""

    def _repr_png_(self) -> bytes:
        png = io.BytesIO()
        self.savefig(png, format="png", dpi=110)
        return png.getvalue()


def picture_rows(columns: Mapping[str, list[Any]], captions: Mapping[str, list[str]], footer: str) -> NotebookFigure:
    """A figure with one column per name and one row per picture.

    Parameters
    ----------
    columns
        Pictures of any form that `to_uint8` takes, by heading.
    captions
        A line below each picture, for some of the columns.
    footer
        The numbers that say whether to believe it.
    """
    rows = len(next(iter(columns.values())))
    figure = NotebookFigure(figsize=(INCHES * len(columns), (INCHES + 0.25) * rows + 0.9), layout="constrained")
    axes = figure.subplots(rows, len(columns), squeeze=False)
    for column, (name, pictures) in enumerate(columns.items()):
        axes[0, column].set_title(plain(name), fontsize=10)
        for row, picture in enumerate(pictures):
            draw_picture(axes[row, column], picture, captions[name][row] if name in captions else "")
    figure.supxlabel(plain(footer), fontsize=7, wrap=True)
    return figure


def draw_picture(axes: Any, picture: Any, caption: str = "") -> None:
    """Draw a picture alone, without a frame, and a line below it."""
    axes.imshow(to_uint8(picture), interpolation="nearest")
    axes.set_xlabel(plain(caption), fontsize=7)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def plain(text: str) -> str:
    """Text that matplotlib takes for no formula: names of classes may hold dollar signs."""
    return text.replace("$", r"\$")

"""Explanations as matplotlib figures; made without pyplot, so that nothing global changes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from xai_widgets.show.images import diverging, sequential, to_uint8

if TYPE_CHECKING:
    from xai_widgets.methods.cladec_explanation import ClaDecExplanation

INCHES = 1.5
"""Side of a picture in a figure."""

DIFFERENCE_LIMIT, BITS_LIMIT, DEVIATION_LIMIT = 0.5, 3.0, 0.3
"""Ends of the colour scales; fixed, so that pictures compare."""


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
        axes[0, column].set_title(name, fontsize=10)
        for row, picture in enumerate(pictures):
            axes[row, column].imshow(to_uint8(picture), interpolation="nearest")
            axes[row, column].set(xticks=[], yticks=[])
            axes[row, column].spines[:].set_visible(False)
            if name in captions:
                axes[row, column].set_xlabel(captions[name][row], fontsize=7)
    figure.supxlabel(footer, fontsize=7, wrap=True)
    return figure


def cladec_figure(shown: ClaDecExplanation) -> NotebookFigure:
    """Original, ClaDec, auto-encoder, difference and bits lost, one row per picture."""
    columns: dict[str, list[Any]] = {"original": list(shown.original), "ClaDec": list(shown.cladec)}
    if shown.reference is not None:
        columns["auto-encoder"] = list(shown.reference)
    columns["difference"] = [diverging(values.mean(0), DIFFERENCE_LIMIT) for values in shown.difference]
    columns["bits lost"] = [diverging(values, BITS_LIMIT) for values in shown.bits_lost]
    columns["uncertainty"] = [sequential(values, 0.0, DEVIATION_LIMIT) for values in shown.deviation]
    spoken = {"original": "original", "ClaDec": "cladec", "auto-encoder": "reference"}
    captions = {
        name: [shown.said(key, row) for row in range(len(shown.original))]
        for name, key in spoken.items()
        if name in columns
    }
    return picture_rows(columns, captions, f"{shown.layer}, alpha {shown.alpha:g}. {shown.verdict()}")

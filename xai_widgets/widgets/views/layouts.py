"""Layouts that several widgets have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bqplot
import ipywidgets

from xai_widgets.show.colours import INK
from xai_widgets.widgets.views.tools import classed

SIDE_BY_SIDE = {"flex_flow": "row wrap", "grid_gap": "12px 28px", "align_items": "flex-start"}
"""In a row, and below each other where there is no room."""

HIDDEN = {"visibility": "hidden", "height": "0px", "overflow": "hidden"}
"""Not ``display: none``, which bqplot takes for a size of zero."""

AXIS_STYLE: dict[str, Any] = {
    "color": "gray", "grid_lines": "none", "label_color": INK, "tick_style": {"fill": INK, "font-size": "11px"},
}  # fmt: skip
"""Grey is legible in both themes; the labels follow the theme."""


def fixed_figure(
    marks: Sequence[bqplot.Mark], axes: Sequence[bqplot.Axis], size: tuple[int, int], **margins: int
) -> bqplot.Figure:
    """A figure of a size in pixels and a fixed proportion: otherwise bqplot measures its surroundings and flickers."""
    width, height = size
    return bqplot.Figure(
        marks=list(marks), axes=list(axes), layout={"width": f"{width}px", "height": f"{height}px"},
        min_aspect_ratio=width / height, max_aspect_ratio=width / height, padding_x=0.0, padding_y=0.0,
        animation_duration=0, fig_margin=margins, background_style={"fill": "transparent"}, display_toolbar=False,
    )  # fmt: skip


def room(figure: bqplot.Figure) -> ipywidgets.Widget:
    """A box of a figure's size around it, in which large type draws the figure larger."""
    return classed(ipywidgets.Box([figure], layout=figure.layout), "xw-room")


def set_visible(widget: ipywidgets.Widget, visible: bool) -> None:
    """Show a widget or hide it, as `HIDDEN` does."""
    with widget.layout.hold_sync():
        for name, value in HIDDEN.items():
            setattr(widget.layout, name, None if visible else value)

"""Layouts that several widgets have."""

from __future__ import annotations

import ipywidgets

SIDE_BY_SIDE = {"flex_flow": "row wrap", "grid_gap": "12px 28px", "align_items": "flex-start"}
"""In a row, and below each other where there is no room."""

HIDDEN = {"visibility": "hidden", "height": "0px", "overflow": "hidden"}
"""Not ``display: none``, which bqplot takes for a size of zero."""


def set_visible(widget: ipywidgets.Widget, visible: bool) -> None:
    """Show a widget or hide it, as `HIDDEN` does."""
    with widget.layout.hold_sync():
        for name, value in HIDDEN.items():
            setattr(widget.layout, name, None if visible else value)

"""Small tools for ipywidgets: to display, to describe, and to close them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import ipywidgets


@cache
def source(name: str) -> str:
    """The text of a JavaScript or style file that lies here.

    anywidget would watch a file that is given as a path, and keep every widget ever made of it for the watching.
    """
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


class Displayed:
    """What Jupyter displays as its `widget`, and as its `repr` where widgets cannot be displayed."""

    widget: ipywidgets.Widget

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        # A closed widget has no bundle any more.
        if not callable(self.widget._repr_mimebundle_):
            return {"text/plain": f"{self!r} (closed)"}
        bundle = self.widget._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**data, "text/plain": repr(self)}


def classed(widget: Any, *names: str) -> Any:
    """The same widget, with these classes of the style sheet."""
    for name in names:
        widget.add_class(name)
    return widget


def fit_description(control: ipywidgets.Widget) -> None:
    """Let a control's description take the room it needs, so that controls begin where the text begins."""
    style = getattr(control, "style", None)
    if style is not None and style.has_trait("description_width"):
        style.description_width = "initial"


def close_all(widget: ipywidgets.Widget) -> None:
    """Close a widget and every widget it holds: children, layouts, styles, scales."""
    held = [value for name, value in widget.trait_values().items() if name != "comm"]
    widget.close()
    for value in held:
        inside = value.values() if isinstance(value, dict) else value
        for inner in inside if isinstance(value, (dict, list, tuple)) else [value]:
            if isinstance(inner, ipywidgets.Widget) and inner.comm is not None:
                close_all(inner)

"""Small tools for ipywidgets: to display, to describe, and to close them."""

from __future__ import annotations

from typing import Any

import ipywidgets


def mimebundle(widget: ipywidgets.Widget, text: str, **kwargs: Any) -> Any:
    """What Jupyter needs to display ``widget``, with ``text`` for where widgets cannot be displayed."""
    # A closed widget has no bundle any more.
    if not callable(widget._repr_mimebundle_):
        return {"text/plain": f"{text} (closed)"}
    bundle = widget._repr_mimebundle_(**kwargs)
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    return {**data, "text/plain": text}


def fit_description(control: ipywidgets.Widget) -> None:
    """Let a control's description take the room it needs, so that controls begin where the text begins."""
    style = getattr(control, "style", None)
    if style is not None and style.has_trait("description_width"):
        style.description_width = "initial"


def close_all(widget: ipywidgets.Widget) -> None:
    """Close a widget and every widget it holds: children, layouts, styles."""
    held = [value for name, value in widget.trait_values().items() if name != "comm"]
    widget.close()
    for value in held:
        for inner in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(inner, ipywidgets.Widget) and inner.comm is not None:
                close_all(inner)

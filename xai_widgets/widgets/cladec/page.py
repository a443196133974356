"""One HTML file in which choosing a layer changes the pictures, without a notebook, a kernel or a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.widgets.pages.frame import Page, shared
from xai_widgets.widgets.views.elements import Row


class LayerPage(TypedDict):
    """What is shown while one layer is chosen."""

    columns: list[str]
    rows: list[Row]
    numbers: str
    sentence: str


def layers_page(
    *,
    title: str,
    sentence: str,
    strip: Mapping[str, Any],
    pages: Mapping[str, LayerPage],
    tile: int = 160,
    pixelated: bool = False,
) -> Page:
    """A page in which choosing a layer in the strip changes the pictures below.

    `strip` is a `LayerPicker.strip_state`, and its layers without a page are left out; raises an XaiWidgetsError if
    none of them has one.
    """
    layers = [layer for layer in strip["layers"] if layer["name"] in pages]
    if not layers:
        raise XaiWidgetsError("a page needs at least one layer with pictures, and none of the strip's layers has any")
    names = [layer["name"] for layer in layers]
    value = strip["value"] if strip["value"] in names else names[0]
    data = {"layers": layers, "value": value, "pages": {name: pages[name] for name in names}}
    data |= {"tile": tile, "pixelated": pixelated}
    return Page("cladec/page.html", title, sentence, shared(data), views=("strip", "grid"))

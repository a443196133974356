"""One HTML file in which choosing a layer changes the pictures, without a notebook, a kernel or a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypedDict

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cladec.explanation import ClaDecExplanation
from xai_widgets.progress import Progress
from xai_widgets.scores.hiding import hidden
from xai_widgets.study import Study
from xai_widgets.widgets.cladec.frames import frame_of, marks, verdict
from xai_widgets.widgets.pages.draft import Draft
from xai_widgets.widgets.pages.frame import Page, shared
from xai_widgets.widgets.views.elements import Row
from xai_widgets.widgets.views.stage import Frame
from xai_widgets.widgets.views.verdict import verdict_data

SENTENCE = "Choose a layer: what does it still know about each picture?"


class LayerPage(TypedDict):
    """What is shown while one layer is chosen."""

    #: Each picture, large.
    frames: list[Frame]
    #: All pictures in rows.
    columns: list[str]
    rows: list[Row]
    sentence: str
    verdict: dict[str, str]
    #: What hiding the evidence in each picture does.
    hidden: list[str]


def layer_page(
    found: ClaDecExplanation, columns: list[str], rows: list[Row], study: Study, progress: Progress
) -> LayerPage:
    """What is shown of a layer: the explained pictures, large and in rows."""
    return LayerPage(
        frames=[frame_of(found, row) for row in range(len(rows))],
        columns=columns,
        rows=rows,
        sentence=found.report.sentence(),
        verdict=verdict_data(verdict(found), found.verdict()),
        hidden=[hidden(study, marks(found, row), progress).sentence() for row in range(len(rows))],
    )


def layers_draft(
    title: str,
    strip: Mapping[str, Any],
    line: Mapping[str, Any],
    layers: Sequence[str],
    page_of: Callable[[str, Progress], LayerPage],
    *,
    tile: int,
) -> Draft:
    """A page of these layers, before it is computed; see `layers_page`."""

    def page(made: list[LayerPage]) -> Page:
        return layers_page(title, strip, line, dict(zip(layers, made, strict=True)), tile)

    return Draft(title, [partial(page_of, layer) for layer in layers], page)


def layers_page(
    title: str, strip: Mapping[str, Any], line: Mapping[str, Any], pages: Mapping[str, LayerPage], tile: int
) -> Page:
    """A page in which choosing a layer in the strip, or a picture in the line, changes the pictures below.

    `strip` is a `LayerPicker.strip_state`, and its layers without a page are left out; `line` is a `picture_line`.
    Raises an XaiWidgetsError if no layer has a page.
    """
    layers = [layer for layer in strip["layers"] if layer["name"] in pages]
    if not layers:
        raise XaiWidgetsError("a page needs at least one layer with pictures, and none of the strip's layers has any")
    names = [layer["name"] for layer in layers]
    value = strip["value"] if strip["value"] in names else names[0]
    data = {"layers": layers, "value": value, "pages": {name: pages[name] for name in names}}
    data |= {"tile": tile, "line": line}
    return Page("cladec/page.html", title, SENTENCE, shared(data), views=("strip", "grid", "stage", "cards"))

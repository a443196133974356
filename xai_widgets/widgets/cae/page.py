"""One HTML file with a map whose point can be dragged, without a notebook, a kernel or a network."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from xai_widgets.methods.cae.scene import Point
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.views.chart import HEIGHT, SHAPES, WIDTH, Box, Floats, legend, marked_points, ticks
from xai_widgets.widgets.views.elements import Tile

# Of points; enough for a map of this size, and a third of the text.
_DECIMALS = 4


def manifold_page(
    *,
    title: str,
    sentence: str,
    numbers: str,
    atlas: Mapping[str, Any],
    points: Floats,
    classes: npt.NDArray[Any],
    box: Box,
    start: Point,
    labels: tuple[str, str] = ("", ""),
    backdrop_png: bytes = b"",
    path_points: Floats | None = None,
    home: Point | None = None,
    strip: Sequence[Tile] = (),
) -> Page:
    """A page in which dragging the point of the map changes the counterfactual.

    `atlas` is an `AtlasView.page_state`, whose classes are the map's too; `strip` are pictures on the way to the
    target; `points` to `home` are a `ManifoldMap.page_state`.
    """
    rounded = np.asarray(points, float).round(_DECIMALS)
    groups = marked_points(atlas["names"], np.asarray(classes, np.int64))
    way = [] if path_points is None else np.asarray(path_points, float).round(_DECIMALS).tolist()
    chart = {
        "x": start[0],
        "y": start[1],
        "box": list(box),
        "width": WIDTH,
        "height": HEIGHT,
        "labels": list(labels),
        "ticks": [ticks(*box[:2]), ticks(*box[2:])],
        "about": _about(atlas["names"], labels),
        "backdrop": f"data:image/png;base64,{base64.b64encode(backdrop_png).decode()}" if backdrop_png else "",
        "marks": [
            {"colour": mark.colour, "path": SHAPES[mark.shape], "points": rounded[members].tolist()}
            for _, mark, members in groups
        ],
        "route": way,
        "home": home and list(home),
    }
    return Page(
        "cae/page.html",
        title,
        sentence,
        {"map": chart, "atlas": atlas, "frames": list(strip)},
        views=("map", "atlas"),
        context={"legend": Markup(legend(groups)), "numbers": numbers},  # noqa: S704  (its names are escaped)
    )


def _about(names: Sequence[str], labels: tuple[str, str]) -> str:
    """The map in words."""
    axes = f"; across: {labels[0]}; up: {labels[1]}" if any(labels) else ""
    keys = "Arrow keys move the point, Home brings it back to the picture."
    return f"Map of {len(names)} classes{axes}. {keys}"

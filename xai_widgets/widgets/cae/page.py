"""One HTML file with maps whose point can be dragged, without a notebook, a kernel or a network."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.scene import Choice, Goal, Point, choose_scene
from xai_widgets.pool import Pool
from xai_widgets.progress import Progress
from xai_widgets.scores.hiding import hidden
from xai_widgets.widgets.cae.controls import NOBODY, RUNNER_UP
from xai_widgets.widgets.cae.target import marks, offered, told, with_target
from xai_widgets.widgets.cae.view import CHIP, ManifoldView
from xai_widgets.widgets.pages.draft import Draft
from xai_widgets.widgets.pages.frame import Page, shared
from xai_widgets.widgets.pages.pictures import picture_line, written
from xai_widgets.widgets.views.chart import HEIGHT, SHAPES, WIDTH, Box, Floats, marked_points, ticks
from xai_widgets.widgets.views.verdict import verdict_data

# Of points; enough for a map of this size, and a third of the text.
_DECIMALS = 4

SIDE = 11
"""Pictures along each side of a map: a page holds dozens of maps, and each picture weighs."""


def manifold_draft(title: str, cae: CAE, pool: Pool, picture: int, target: int | None, goal: Goal) -> Draft:
    """A page of pictures of the pool, each with a map for every class it can be led to as far as the `goal`.

    The map of `picture`, a number in the pool, and `target`, or of all classes for None, is shown first.
    """
    view = ManifoldView(cae.study)
    view.close()  # no browser is to be told
    numbers = written(pool, picture)
    asked = {pool.indices[number]: RUNNER_UP for number in numbers} | {pool.indices[picture]: target}
    pieces = [partial(_of_picture, view, cae, index, asked[index], goal) for index in asked]
    pixelated = view.path.film.pixelated

    def page(made: list[dict[str, Any]]) -> Page:
        data = {"line": picture_line(pool, picture, pixelated=pixelated), "each": made, "chip": CHIP}
        sentence = "Choose a picture and a class, and drag the point: the picture changes, and the prediction follows."
        return Page("cae/page.html", title, sentence, shared(data), views=("map", "atlas", "cards"))

    return Draft(title, pieces, page)


def _of_picture(
    view: ManifoldView, cae: CAE, index: int, target: int | None, goal: Goal, progress: Progress
) -> dict[str, Any]:
    """A picture with all of its maps; `target` is the class that is shown first."""
    first = with_target(cae, Choice(unseen=True, picture=index, target=target))
    picture = first.pictures(cae.study)[index][0]
    classes = offered(cae.predict(picture[None])[0], first.target)
    choices = [first._replace(target=None if k == NOBODY else k) for k in classes]
    try:
        maps = [_map(view, cae, choice, goal, progress) for choice in choices]
    finally:
        view.close()  # each map has a ground of its own
    return {
        "classes": classes,
        "chips": view.cards_of(cae, classes),
        "chosen": classes.index(NOBODY if first.target is None else first.target),
        "maps": maps,
    }


def _map(view: ManifoldView, cae: CAE, choice: Choice, goal: Goal, progress: Progress) -> dict[str, Any]:
    """A map with the path to one class, and what is said about it."""
    scene = choose_scene(cae, choice, progress, side=SIDE)
    explanation = scene.explain(goal)
    end = scene.end(explanation)
    view.show(scene, choice.truth(cae.study), end, end.point)
    view.show_way(scene, explanation)
    sentence, verdict, numbers = told(cae, choice, explanation)
    if explanation is not None:
        numbers = f"{numbers} {hidden(cae.study, marks(explanation), progress).sentence()}"
    state = view.page_state()
    frames, atlas = state.pop("strip"), state.pop("atlas")
    return {
        "map": chart_data(cae.study.class_names, **state),
        "atlas": atlas,
        "frames": frames,
        "sentence": sentence,
        "verdict": verdict_data(verdict, numbers),
    }


def chart_data(
    names: Sequence[str],
    *,
    points: Floats,
    classes: npt.NDArray[Any],
    box: Box,
    start: Point,
    labels: tuple[str, str] = ("", ""),
    backdrop_png: bytes = b"",
    path_points: Floats | None = None,
    home: Point | None = None,
) -> dict[str, Any]:
    """What ``map.js`` draws of a `ManifoldMap.page_state`."""
    rounded = np.asarray(points, float).round(_DECIMALS)
    groups = marked_points(names, np.asarray(classes, np.int64))
    way = [] if path_points is None else np.asarray(path_points, float).round(_DECIMALS).tolist()
    return {
        "x": start[0],
        "y": start[1],
        "box": list(box),
        "width": WIDTH,
        "height": HEIGHT,
        "labels": list(labels),
        "ticks": [ticks(*box[:2]), ticks(*box[2:])],
        "about": _about(names, labels),
        "backdrop": _smaller(backdrop_png) if backdrop_png else "",
        "marks": [
            {"name": name, "colour": mark.colour, "path": SHAPES[mark.shape], "points": rounded[members].tolist()}
            for name, mark, members in groups
        ],
        "route": way,
        "home": home and list(home),
    }


def _smaller(png: bytes) -> str:
    """A picture of soft colours in a tenth of its bytes, as an address that holds it."""
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).save(file, "webp", quality=60, method=2)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def _about(names: Sequence[str], labels: tuple[str, str]) -> str:
    """The map in words."""
    axes = f"; across: {labels[0]}; up: {labels[1]}" if any(labels) else ""
    keys = "Arrow keys move the point, Home brings it back to the picture."
    return f"Map of {len(names)} classes{axes}. {keys}"

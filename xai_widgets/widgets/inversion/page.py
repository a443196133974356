"""One HTML file with the searches of some pictures as films, without a notebook or a network."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.scene import NOTHING, RUNNER_UP, SHARES, Choice, Scene, film_of, make_scene
from xai_widgets.pool import Pool
from xai_widgets.progress import Progress
from xai_widgets.scores.hiding import hidden
from xai_widgets.study import Study
from xai_widgets.widgets.inversion.tiles import (
    COLUMNS,
    judged,
    judged_of,
    large_of,
    marks,
    numbers,
    rows,
    sentence,
    stop_line,
    words,
)
from xai_widgets.widgets.pages.draft import Draft
from xai_widgets.widgets.pages.frame import Page, shared
from xai_widgets.widgets.pages.pictures import picture_line, written
from xai_widgets.widgets.views.drawing import Draw, each_once, on_page
from xai_widgets.widgets.views.verdict import verdict_data

EVERY = 2
"""Every so many steps of the film one is written; and its end."""


def inversion_draft(
    title: str,
    inversion: GuidedFeatureInversion,
    pool: Pool,
    chosen: Choice,
    known: Mapping[Choice, Scene],
    *,
    pixelated: bool = False,
) -> Draft:
    """A page to choose a picture and a class, and to play the search back; scenes that are `known` are not made again.

    Without a second class, the runner-up is written beside the first.
    """
    chosen = chosen._replace(second=RUNNER_UP) if chosen.second == NOTHING else chosen
    choices = [chosen._replace(picture=number) for number in written(pool, chosen.picture)]
    draw = each_once(on_page)

    def scene_page(choice: Choice, progress: Progress) -> dict[str, Any]:
        scene = known.get(choice) or make_scene(inversion, pool, choice, progress)
        return _scene_page(inversion.study, scene, draw, progress)

    def page(scenes: list[dict[str, Any]]) -> Page:
        data = {
            "line": picture_line(pool, chosen.picture, draw, pixelated=pixelated),
            "scenes": scenes,
            "frames": len(scenes[0]["stops"]) - len(SHARES) + 1,
            "shares": list(SHARES),
            "columns": COLUMNS,
        }
        what = "Choose a picture and a class, and play the search back: where is the evidence?"
        return Page("inversion/page.html", title, what, shared(data), views=("cards", "grid", "stage"))

    return Draft(title, [partial(scene_page, choice) for choice in choices], page)


def _stops(scene: Scene) -> list[int]:
    """The stops that are written: some steps of the film, its end, and all shares."""
    end = len(film_of(scene.stops[-1].step)) - 1
    return [*range(0, end, EVERY), *range(end, len(scene.stops))]


def _scene_page(study: Study, scene: Scene, draw: Draw, progress: Progress) -> dict[str, Any]:
    classes, stops, found = range(len(scene.classes)), _stops(scene), scene.explanation
    scene.blends.ask(stops)
    *own, together = (
        hidden(study, marks(one), progress).sentence() for one in [*map(found.__getitem__, classes), found]
    )
    return {
        "names": [scene.name(row) for row in classes],
        "sentence": sentence(scene),
        "words": words(scene),
        # Of each class, and of all of them.
        "verdicts": [
            *(verdict_data(judged_of(scene, row), f"{found[row].verdict()} {own[row]}") for row in classes),
            verdict_data(judged(scene), f"{numbers(scene)} {together}"),
        ],
        "stops": [
            {
                "line": stop_line(scene, stop),
                "large": [large_of(scene, stop, row, draw) for row in classes],
                "rows": rows(scene, stop, draw),
            }
            for stop in stops
        ],
    }

"""One HTML file with the sums of some pictures of each class, without a notebook or a network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from xai_widgets.methods.srae.explanation import Step
from xai_widgets.methods.srae.scene import ClassScene, class_scene
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.srae.turning import STOPS
from xai_widgets.pool import Pool
from xai_widgets.progress import Progress
from xai_widgets.scores.hiding import hidden
from xai_widgets.study import Study
from xai_widgets.widgets.pages.draft import Draft
from xai_widgets.widgets.pages.frame import Page, shared
from xai_widgets.widgets.pages.pictures import picture_line, written
from xai_widgets.widgets.srae import tiles
from xai_widgets.widgets.srae.measures import judged, marks
from xai_widgets.widgets.views.drawing import Draw, each_once, on_page
from xai_widgets.widgets.views.score_bar import COLOURS, MARK
from xai_widgets.widgets.views.verdict import verdict_data

PAGE_STOPS = tuple(stop for stop in range(len(STOPS)) if stop % 2 == 0)
"""Indices in `STOPS` that the page has answers for."""


def concepts_draft(title: str, srae: SRAE, pool: Pool, target: int, picture: int, *, pixelated: bool = False) -> Draft:
    """A page in which class, picture and x-feature are chosen, and the x-feature is turned.

    All classes of the fitted `srae` are written, with pictures of the `pool`; `target` and `picture` are the class and
    the picture that are shown first.
    """
    draw, classes, pictures = each_once(on_page), sorted(srae.classes), written(pool, picture)
    seen = srae.study.predict(pool.batch(pictures)).argmax(1).tolist()

    def page(made: list[dict[str, Any]]) -> Page:
        data = {
            "line": picture_line(pool, picture, draw, pixelated=pixelated),
            "classes": made,
            "chosen": classes.index(target),
            "predicted": [classes.index(k) if k in classes else -1 for k in seen],
            "columns": tiles.exemplar_columns(),
            "stops": [STOPS[stop] for stop in PAGE_STOPS],
            "mark": MARK,
            "legend": f"From the bias to the score; {MARK} together 90 % of the support for the class",
        }
        sentence = "Choose a class, a picture and an x-feature: which few concepts make up the score?"
        return Page("srae/page.html", title, sentence, shared(data), views=("cards", "grid"))

    return Draft(title, [partial(_class, srae, pool, k, pictures, draw) for k in classes], page)


def _class(
    srae: SRAE, pool: Pool, target: int, pictures: Sequence[int], draw: Draw, progress: Progress
) -> dict[str, Any]:
    """Everything that can be chosen for one class."""
    scene = class_scene(srae, pool, target, pictures, progress)
    return {
        "name": srae.study.class_names[target],
        "pictures": [_picture(srae.study, scene, row, draw, progress) for row in range(len(pictures))],
        "features": [
            {
                "line": tiles.exemplars_line(scene.explanation, feature),
                "rows": tiles.exemplar_rows(exemplars, feature, draw),
            }
            for feature, exemplars in enumerate(scene.exemplars)
        ],
    }


def _picture(study: Study, scene: ClassScene, row: int, draw: Draw, progress: Progress) -> dict[str, Any]:
    """A picture's sum and maps, and the answers when each x-feature is turned."""
    found, own = scene.explanation, scene.explanation.rows([row])
    numbers = f"{own.verdict()} {hidden(study, marks(own), progress).sentence()}"
    return {
        "sentence": found.sentence(row),
        "verdict": verdict_data(judged(own), numbers),
        "line": tiles.features_line(found, row),
        "rows": [tiles.large_row(found, row, "chosen", draw)],
        "order": found.order(row),
        "cards": tiles.feature_cards(found, row, draw),
        "steps": [_step(step) for step in found.steps(row)],
        "turned": [
            [turned.sentence(stop, name, found.score_name) for stop in PAGE_STOPS]
            for name, turned in zip(found.names, scene.turned[row], strict=True)
        ],
    }


def _step(step: Step) -> dict[str, Any]:
    """A step with everything that drawing needs."""
    colour = "" if step.feature is None else COLOURS[step.feature % len(COLOURS)]
    return vars(step) | {"text": step.text, "colour": colour}

"""One HTML file with the sums of some pictures of each class, without a notebook or a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xai_widgets.methods.srae.explanation import Step
from xai_widgets.methods.srae.scene import ClassScene, class_scene, class_steps
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.srae.turning import STOPS
from xai_widgets.pool import Pool
from xai_widgets.progress import Progress
from xai_widgets.widgets.pages.frame import Page, shared
from xai_widgets.widgets.srae import tiles
from xai_widgets.widgets.views.drawing import Draw, each_once, on_page
from xai_widgets.widgets.views.picture_strip import picture_cards
from xai_widgets.widgets.views.score_bar import COLOURS, MARK

OWN_PICTURES, OTHER_PICTURES = 8, 4
"""So many pictures of the class, and of other ones, are written for each class."""

PAGE_STOPS = tuple(stop for stop in range(len(STOPS)) if stop % 2 == 0)
"""Indices in `STOPS` that the page has answers for."""


def concepts_page(
    title: str, srae: SRAE, pool: Pool, target: int, *, pixelated: bool = False, progress: Progress
) -> Page:
    """A page in which class, picture and x-feature are chosen, and the x-feature is turned.

    All classes of the fitted `srae` are written, with pictures of the `pool`; `target` is the class that is shown
    first.
    """
    draw, classes = each_once(on_page), sorted(srae.classes)
    pictures = {k: _pictures_of(pool, k) for k in classes}
    progress.start(f"Writing {title}", sum(class_steps(srae, chosen) for chosen in pictures.values()))
    data = {
        "classes": [_class(srae, pool, k, pictures[k], draw, progress) for k in classes],
        "chosen": classes.index(target),
        "columns": tiles.exemplar_columns(),
        "stops": [STOPS[stop] for stop in PAGE_STOPS],
        "mark": MARK,
        "legend": f"From the bias to the score; {MARK} together 90 % of the support for the class",
        "pixelated": pixelated,
    }
    sentence = "Choose a class, a picture and an x-feature: which few concepts make up the score?"
    return Page("srae/page.html", title, sentence, shared(data), views=("cards", "grid"))


def _pictures_of(pool: Pool, target: int) -> list[int]:
    """Numbers in the pool of the pictures that are written for a class."""
    own = pool.like(target)
    others = [number for number in range(len(pool)) if number not in own]
    return [*own[:OWN_PICTURES], *others[:OTHER_PICTURES]]


def _class(
    srae: SRAE, pool: Pool, target: int, pictures: Sequence[int], draw: Draw, progress: Progress
) -> dict[str, Any]:
    """Everything that can be chosen for one class."""
    scene = class_scene(srae, pool, target, pictures, progress)
    return {
        "name": srae.study.class_names[target],
        "cards": picture_cards(pool, pictures, draw),
        "pictures": [_picture(scene, row, draw) for row in range(len(pictures))],
        "features": [
            {
                "line": tiles.exemplars_line(scene.explanation, feature),
                "rows": tiles.exemplar_rows(exemplars, feature, draw),
            }
            for feature, exemplars in enumerate(scene.exemplars)
        ],
    }


def _picture(scene: ClassScene, row: int, draw: Draw) -> dict[str, Any]:
    """A picture's sum and maps, and the answers when each x-feature is turned."""
    found = scene.explanation
    return {
        "sentence": found.sentence(row),
        "numbers": found.rows([row]).verdict(),
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

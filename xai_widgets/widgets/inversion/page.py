"""One HTML file with the searches of some pictures as films, without a notebook or a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.scene import NOTHING, RUNNER_UP, SHARES, Choice, Scene, film_of, make_scene
from xai_widgets.pool import Pool
from xai_widgets.progress import Progress
from xai_widgets.widgets.inversion.tiles import COLUMNS, numbers, rows, sentence, stop_line, words
from xai_widgets.widgets.pages.frame import Page, shared
from xai_widgets.widgets.views.drawing import Draw, each_once, on_page
from xai_widgets.widgets.views.picture_strip import picture_cards

PICTURES = 5
"""At most so many pictures are written."""

EVERY = 2
"""Every so many steps of the film one is written; and its end."""


def inversion_page(
    title: str,
    inversion: GuidedFeatureInversion,
    pool: Pool,
    chosen: Choice,
    known: Mapping[Choice, Scene],
    *,
    pixelated: bool = False,
    progress: Progress,
) -> Page:
    """A page to choose a picture and a class, and to play the search back; scenes that are `known` are not made again.

    The chosen picture comes first; without a second class, the runner-up is written beside the first.
    """
    chosen = chosen._replace(second=RUNNER_UP) if chosen.second == NOTHING else chosen
    others = [number for number in range(len(pool)) if number != chosen.picture]
    written = [chosen.picture, *others[: PICTURES - 1]]
    choices = [chosen._replace(picture=number) for number in written]
    progress.start(f"Writing {title}", len(choices))
    scenes = [_scene(inversion, pool, choice, known, progress) for choice in choices]
    draw = each_once(on_page)
    data = {
        "cards": picture_cards(pool, written, draw),
        "scenes": [_scene_page(scene, draw) for scene in scenes],
        "frames": len(_stops(scenes[0])) - len(SHARES) + 1,
        "shares": list(SHARES),
        "columns": COLUMNS,
        "pixelated": pixelated,
    }
    what = "Choose a picture and a class, and play the search back: where is the evidence?"
    return Page("inversion/page.html", title, what, shared(data), views=("cards", "grid"))


def _scene(
    inversion: GuidedFeatureInversion, pool: Pool, choice: Choice, known: Mapping[Choice, Scene], progress: Progress
) -> Scene:
    found = known.get(choice) or make_scene(inversion, pool, choice, progress.part())
    progress.advance()
    return found


def _stops(scene: Scene) -> list[int]:
    """The stops that are written: some steps of the film, its end, and all shares."""
    end = len(film_of(scene.stops[-1].step)) - 1
    return [*range(0, end, EVERY), *range(end, len(scene.stops))]


def _scene_page(scene: Scene, draw: Draw) -> dict[str, Any]:
    return {
        "names": [scene.name(row) for row in range(len(scene.classes))],
        "sentence": sentence(scene),
        "words": words(scene),
        "numbers": numbers(scene),
        "stops": [{"line": stop_line(scene, stop), "rows": rows(scene, stop, draw)} for stop in _stops(scene)],
    }

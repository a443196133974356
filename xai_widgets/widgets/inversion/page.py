"""One HTML file with the searches of some pictures as films, without a notebook or a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.scene import NOTHING, RUNNER_UP, SHARES, Choice, Scene, film_of, make_scene
from xai_widgets.pool import Pool
from xai_widgets.progress import Progress
from xai_widgets.widgets.inversion.tiles import COLUMNS, picture_cards, rows, sentence, stop_line, verdict, words
from xai_widgets.widgets.pages.frame import Page, shared
from xai_widgets.widgets.views.drawing import Draw, each_once, on_page

PICTURES = 5
"""So many are written."""

EVERY = 2
"""Of so many frames of a film one is written; and its end."""


def inversion_page(
    title: str,
    made: GuidedFeatureInversion,
    pool: Pool,
    chosen: Choice,
    known: Mapping[Choice, Scene],
    *,
    pixelated: bool = False,
    progress: Progress,
) -> Page:
    """A page in which picture and class are chosen, and the search is played back.

    Parameters
    ----------
    title
        Heading.
    made
        What searches; always with the chosen layer.
    pool
        Pictures to choose from.
    chosen
        What is shown first; without a second class, the likeliest other one is written beside it.
    known
        Searches that need not be made again.
    pixelated
        Whether pixels stay sharp squares.
    progress
        Told each step, and asked whether to stop.

    Returns
    -------
    Page
        Not rendered yet.

    Raises
    ------
    CancelledError
        If the progress was cancelled.
    """
    chosen = chosen._replace(second=RUNNER_UP) if chosen.second == NOTHING else chosen
    others = [place for place in range(len(pool)) if place != chosen.picture]
    choices = [chosen._replace(picture=place) for place in (chosen.picture, *others[: PICTURES - 1])]
    progress.start(f"Writing {title}", len(choices))
    scenes = [_scene(made, pool, choice, known, progress) for choice in choices]
    draw = each_once(on_page)
    written = [choice.picture for choice in choices]
    data = {
        "cards": picture_cards(pool, lambda number: draw(pool.pictures[number]), written),
        "scenes": [_scene_page(scene, draw) for scene in scenes],
        "frames": len(_stops(scenes[0])) - len(SHARES) + 1,
        "shares": list(SHARES),
        "columns": COLUMNS,
        "pixelated": pixelated,
    }
    what = "Choose a picture and a class, and play the search back: what does the classifier need of the picture?"
    return Page("inversion/page.html", title, what, shared(data), views=("cards", "grid"))


def _scene(
    made: GuidedFeatureInversion, pool: Pool, choice: Choice, known: Mapping[Choice, Scene], progress: Progress
) -> Scene:
    found = known.get(choice) or make_scene(made, pool, choice, progress.part())
    progress.advance()
    return found


def _stops(scene: Scene) -> list[int]:
    """Stops that are written: some of the film, its end, and all shares."""
    end = len(film_of(scene.stops[-1].step)) - 1
    return [*range(0, end, EVERY), *range(end, len(scene.stops))]


def _scene_page(scene: Scene, draw: Draw) -> dict[str, Any]:
    return {
        "names": [scene.name(row) for row in range(len(scene.classes))],
        "sentence": sentence(scene),
        "words": words(scene),
        "numbers": verdict(scene),
        "stops": [{"line": stop_line(scene, stop), "rows": rows(scene, stop, draw)} for stop in _stops(scene)],
    }

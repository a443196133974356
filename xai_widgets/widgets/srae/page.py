"""One HTML file with the sums of some pictures of each class, without a notebook or a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xai_widgets.methods.srae.explanation import SRAEExplanation, Step
from xai_widgets.methods.srae.scene import find_exemplars
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.srae.turning import STOPS, turn
from xai_widgets.pool import EVERYTHING, OWN, Pool
from xai_widgets.progress import Progress
from xai_widgets.widgets.pages.frame import Page, shared
from xai_widgets.widgets.srae.tiles import (
    exemplar_columns,
    exemplar_rows,
    exemplars_line,
    feature_cards,
    features_line,
    large_row,
)
from xai_widgets.widgets.views.drawing import Draw, each_once, on_page
from xai_widgets.widgets.views.picture_strip import picture_cards
from xai_widgets.widgets.views.score_bar import COLOURS, MARK

OWN_PICTURES, OTHER_PICTURES = 8, 4
"""So many pictures of the class, and of other ones, are written for each class."""

PAGE_STOPS = tuple(stop for stop in range(len(STOPS)) if stop % 2 == 0)
"""Places in `STOPS` that the page has answers for."""


def concepts_page(
    title: str,
    srae: SRAE,
    pool: Pool,
    chosen: int,
    *,
    pixelated: bool = False,
    progress: Progress,
) -> Page:
    """A page in which class, picture and x-feature are chosen, and the x-feature is turned.

    Parameters
    ----------
    title
        Heading.
    srae
        FittedFeatures; all of its classes are written.
    pool
        Pictures to choose from.
    chosen
        The class that is shown first.
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
    draw = each_once(on_page)
    classes = sorted(srae.classes)
    pictures = {of: _pictures_of(pool, of) for of in classes}
    each = srae.settings.features
    progress.start(f"Writing {title}", sum(1 + len(places) + each for places in pictures.values()))
    data = {
        "classes": [_class_page(srae, pool, of, pictures[of], draw, progress) for of in classes],
        "chosen": classes.index(chosen),
        "columns": exemplar_columns(),
        "stops": [STOPS[stop] for stop in PAGE_STOPS],
        "mark": MARK,
        "legend": f"From the bias to the score; {MARK} together 90 % of what speaks for the class",
        "pixelated": pixelated,
    }
    what = "Choose a class, a picture and an x-feature: into which few concepts does the score add up?"
    return Page("srae/page.html", title, what, shared(data), views=("cards", "grid"))


def _pictures_of(pool: Pool, of: int) -> list[int]:
    """Places of the pictures that are written for a class."""
    own = pool.chosen(OWN, of)[:OWN_PICTURES]
    others = [place for place in pool.chosen(EVERYTHING, of) if int(pool.labels[place]) != of]
    return [*own, *others[:OTHER_PICTURES]]


def _class_page(
    srae: SRAE, pool: Pool, of: int, pictures: Sequence[int], draw: Draw, progress: Progress
) -> dict[str, Any]:
    """Everything that can be chosen of one class."""
    shown = srae.explain(pool.pictures[pictures], of)
    progress.advance()
    cards = picture_cards(pool, pictures, None, lambda place: draw(pool.pictures[place]))
    return {
        "name": srae.study.class_names[of],
        "numbers": srae.report(of).verdict(),
        "cards": cards,
        "pictures": [_picture_page(srae, shown, row, draw, progress) for row in range(len(shown))],
        "features": [_feature_page(srae, of, feature, draw, progress) for feature in range(srae.settings.features)],
    }


def _feature_page(srae: SRAE, of: int, feature: int, draw: Draw, progress: Progress) -> dict[str, Any]:
    """An x-feature's exemplars."""
    (found,) = find_exemplars(srae, of, [feature])
    progress.advance()
    return {"line": exemplars_line(found.explanation, feature), "rows": exemplar_rows(found, feature, draw)}


def _picture_page(srae: SRAE, shown: SRAEExplanation, row: int, draw: Draw, progress: Progress) -> dict[str, Any]:
    """A picture's sum, maps, and what turning each x-feature does."""
    answers = turn(srae, shown.pictures[row], shown.class_index, range(len(shown.names)))
    progress.advance()
    return {
        "sentence": shown.sentence(row),
        "line": features_line(shown, row),
        "rows": [large_row(shown, row, "chosen", draw)],
        "order": shown.order(row),
        "cards": feature_cards(shown, row, draw),
        "steps": _drawn(shown.steps(row)),
        "turned": [
            [turned.sentence(stop, name, shown.score_name) for stop in PAGE_STOPS]
            for name, turned in zip(shown.names, answers, strict=True)
        ],
    }


def _drawn(sum_of: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps with everything that drawing needs."""
    return [
        {
            "name": step.name, "start": step.start, "stop": step.stop, "kind": step.kind, "said": step.text,
            "feature": step.feature, "significant": step.significant,
            "colour": "" if step.feature is None else COLOURS[step.feature % len(COLOURS)],
        }
        for step in sum_of
    ]  # fmt: skip

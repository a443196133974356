"""One HTML file with summaries, their members and each member in detail, without a notebook or a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xai_widgets.methods.summaries.scene import VIEWS, Founds, Goal, Networks, compared, members
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.widgets.pages.frame import Page, shared
from xai_widgets.widgets.summaries.lines import Cell, Filter, lines
from xai_widgets.widgets.summaries.measures import meanings
from xai_widgets.widgets.summaries.tiles import (
    member_cards,
    member_line,
    member_tiles,
    members_line,
    summary_cards,
)
from xai_widgets.widgets.summaries.words import numbers_line, sentence
from xai_widgets.widgets.views.cards import Card
from xai_widgets.widgets.views.drawing import Draw, each_once, on_page

MEASURE = "evidence"

MEMBERS = 10
"""So many of each summary are written; all of them would take four times the room."""


def summaries_page(
    title: str,
    networks: Networks,
    classes: Sequence[Goal],
    chosen: Goal,
    state: Mapping[str, Any],
    *,
    progress: Progress,
) -> Page:
    """A page in which class, summary and member are chosen.

    `state` is the `Cards.page_state` of the rows.
    """
    draw = each_once(on_page)
    founds = [found for goal in classes for found in networks.founds(goal) if found is not None]
    progress.start(f"Writing {title}", sum(len(found.summaries) for found in founds))
    data = {
        "rows": {**state, "cards": [], "selected": -1},
        "classes": [_class_page(networks, goal, draw, progress) for goal in classes],
        "chosen": classes.index(chosen) if chosen in classes else 0,
    }
    what = "Choose a class, one of its rows, and one of the row's members: what does the classifier rely on?"
    return Page(
        "summaries/page.html",
        title,
        what,
        shared(data),
        views=("cards", "grid"),
        context={"meanings": meanings()},
    )


def _class_page(networks: Networks, goal: Goal, draw: Draw, progress: Progress) -> dict[str, Any]:
    """Everything that can be chosen of one class."""
    founds, names = networks.founds(goal), networks.names
    comparison, incomparable = compared(founds)
    both = incomparable or (comparison.verdict() if comparison is not None else "")
    shown = lines(founds, comparison, Filter(MEASURE, rejected=True))
    cells = [cell for line in shown for cell in line.cells]
    why = networks.reasons(goal)
    title = networks.title(goal)
    studies = [network.summaries.study for network in networks.each]
    return {
        "name": title,
        "sentence": sentence(title, founds, why, both, left=False, running=False),
        "numbers": numbers_line(founds, names),
        "cards": summary_cards(founds, shown, MEASURE, names, why, draw=draw),
        "summaries": [_summary_page(founds, studies, cell, draw, progress) for cell in cells],
    }


def _summary_page(
    founds: Founds, studies: Sequence[Study], cell: Cell | None, draw: Draw, progress: Progress
) -> dict[str, Any] | None:
    """The first members of a summary, each with its detail."""
    found = None if cell is None else founds[cell.network]
    if cell is None or found is None:
        return None
    written = _members(found, studies[cell.network], cell.summary, draw)
    progress.advance()
    left_out = len(found.summaries[cell.summary].members) > MEMBERS
    line = f"{members_line(found, cell.summary)}{f'; here the first {MEMBERS}' if left_out else ''}"
    return {"line": line, **written}


def _members(found: ClassSummaries, study: Study, index: int, draw: Draw) -> dict[str, Any]:
    cards: list[Card] = member_cards(found, index, most=MEMBERS, draw=draw)
    detailed = members(found, study, found.summaries[index].members[:MEMBERS])
    return {
        "cards": cards,
        "details": [
            {"line": member_line(one), "columns": list(VIEWS), "tiles": member_tiles(one, draw)} for one in detailed
        ],
    }

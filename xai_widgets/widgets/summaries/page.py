"""One HTML file with summaries, their members and each member in detail, without a notebook or a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from xai_widgets.methods.summaries.scene import VIEWS, Goal, Networks, members
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.progress import Progress
from xai_widgets.scores.hiding import hidden
from xai_widgets.study import Study
from xai_widgets.widgets.pages.draft import Draft
from xai_widgets.widgets.pages.frame import Page, shared
from xai_widgets.widgets.summaries.lines import Filter, lines
from xai_widgets.widgets.summaries.measures import meanings
from xai_widgets.widgets.summaries.tiles import member_cards, member_line, member_tiles, members_line, summary_cards
from xai_widgets.widgets.summaries.words import judged, marks, numbers_line, only, sentence
from xai_widgets.widgets.views.drawing import Draw, each_once, on_page
from xai_widgets.widgets.views.verdict import verdict_data

MEASURE = "evidence"

MEMBERS = 10
"""So many of each summary are written; all of them would take four times the room."""


def summaries_draft(
    title: str, networks: Networks, classes: Sequence[Goal], chosen: Goal, state: Mapping[str, Any]
) -> Draft:
    """A page in which class, summary and member are chosen.

    `state` is the `Cards.page_state` of the rows.
    """
    draw = each_once(on_page)

    def page(made: list[dict[str, Any]]) -> Page:
        data = {
            "rows": {**state, "cards": [], "selected": -1},
            "classes": made,
            "chosen": classes.index(chosen) if chosen in classes else 0,
        }
        what = "Choose a class, one of its rows, and one of the row's members: what does the classifier rely on?"
        context = {"meanings": meanings()}
        return Page("summaries/page.html", title, what, shared(data), views=("cards", "grid"), context=context)

    return Draft(title, [partial(_class_page, networks, goal, draw) for goal in classes], page)


def _class_page(networks: Networks, goal: Goal, draw: Draw, progress: Progress) -> dict[str, Any]:
    """Everything that can be chosen of one class."""
    scene = networks.scene(goal)
    shown, found, numbers = lines(scene, Filter(MEASURE, rejected=True)), only(scene), numbers_line(scene)
    if found is not None:
        numbers = f"{numbers} {hidden(networks.study(0), marks(found), progress).sentence()}"
    return {
        "name": scene.title,
        "sentence": sentence(scene, left=False, running=False),
        "verdict": verdict_data(judged(scene), numbers),
        "cards": summary_cards(scene, shown, MEASURE, draw=draw),
        "summaries": [
            cell and _summary_page(cell.found(scene), networks.study(cell.network), cell.summary, draw, progress)
            for line in shown
            for cell in line.cells
        ],
    }


def _summary_page(found: ClassSummaries, study: Study, index: int, draw: Draw, progress: Progress) -> dict[str, Any]:
    """The first members of a summary, each with its detail."""
    regions = found.summaries[index].members
    detailed = members(found, study, regions[:MEMBERS])
    progress.check()
    return {
        "line": f"{members_line(found, index)}{f'; here the first {MEMBERS}' if len(regions) > MEMBERS else ''}",
        "cards": member_cards(found, index, most=MEMBERS, draw=draw),
        "details": [
            {"line": member_line(one), "columns": list(VIEWS), "tiles": member_tiles(one, draw)} for one in detailed
        ],
    }

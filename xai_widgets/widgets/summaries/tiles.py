"""Visual summaries as cards: each summary with its exemplar, each member, and one member in detail."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from xai_widgets.methods.summaries.regions import Region
from xai_widgets.methods.summaries.scene import VIEWS, Member, Scene
from xai_widgets.methods.summaries.summary import ClassSummaries, Summary
from xai_widgets.widgets.summaries.lines import Line
from xai_widgets.widgets.summaries.measures import MEASURES, longest, measured, nats, percent, title
from xai_widgets.widgets.views.cards import Card
from xai_widgets.widgets.views.drawing import Draw, exactly
from xai_widgets.widgets.views.elements import Tile

FEW = 5, 4
"""Members on a card, with the text beside them and below them."""

# --- summaries -----------------------------------------------------------------------------------------------------


def summary_cards(scene: Scene, shown: Sequence[Line], measure: str, *, draw: Draw = exactly) -> list[Card]:
    """A card for each cell of the lines, line after line; for a missing counterpart, a card with the reason.

    The measure is drawn as a bar, and named first.
    """
    top, tiles = longest(scene.known, measure), FEW[len(scene.founds) > 1]
    cards: list[Card] = []
    for line in shown:
        for cell, name, reason in zip(line.cells, scene.names, scene.reasons, strict=True):
            if cell is None:
                cards.append({"title": "No counterpart", "lines": [reason]})
                continue
            card = _summary_card(cell.found(scene), cell.summary, measure, top, tiles=tiles, draw=draw)
            cards.append({**card, "mark": _mark(cell.of(scene), line, name)})
    return cards


def waiting_cards(networks: int) -> list[Card]:
    """Cards of the final size, to be shown until something is found."""
    blank: Tile = {"src": "", "alt": "", "caption": ""}
    return [{"tiles": [blank] * FEW[networks > 1]} for _ in range(3 * networks)]


def _summary_card(found: ClassSummaries, index: int, measure: str, top: float, *, tiles: int, draw: Draw) -> Card:
    summary = found.summaries[index]
    return {
        "title": title(found, index),
        "gauge": [value / top for value in MEASURES[measure].of(summary)],
        "lines": measured(summary, len(found.indices), measure),
        "tiles": [_member_tile(found, index, number, draw) for number in range(min(tiles, len(summary.members)))],
        "dull": not summary.sound,
        "blink": draw(found.masks.pictures[found.regions[summary.members[0]].picture]),
    }


def _mark(summary: Summary, line: Line, network: str) -> str:
    if not summary.sound:
        return f"not kept: {'; '.join(summary.problems)}"
    if len(line.cells) == 1:
        return ""
    return f"only in {network}" if line.overlap is None else f"in both, overlap {line.overlap:.2f}"


def _member_tile(found: ClassSummaries, index: int, number: int, draw: Draw) -> Tile:
    members = found.summaries[index].members
    role = "exemplar" if number == 0 else f"member {number + 1} of {len(members)}"
    alt = f"{role} of {title(found, index)}: {_measures(found.regions[members[number]])}"
    return {"src": draw(found.outline(members[number])), "alt": alt, "caption": "" if number else "exemplar"}


def _measures(region: Region) -> str:
    return f"{region.area:.1%} of the picture, evidence {nats(region.evidence)} nats, drop {percent(region.drop)}"


# --- members -------------------------------------------------------------------------------------------------------


def member_cards(found: ClassSummaries, index: int, *, most: int | None = None, draw: Draw = exactly) -> list[Card]:
    """All members of a summary, or at most so many, the exemplar first."""
    cards: list[Card] = []
    for number, member in enumerate(found.summaries[index].members[:most]):
        tile, region = _member_tile(found, index, number, draw), found.regions[member]
        lines = [f"{nats(region.evidence)} nats", f"drop {percent(region.drop)}"]
        cards.append({"title": tile["caption"], "lines": lines, "tiles": [{**tile, "caption": ""}]})
    return cards


def members_line(found: ClassSummaries, index: int) -> str:
    """The summary, and how many members it has."""
    summary = found.summaries[index]
    regions = _counted(len(summary.members))
    return f"{title(found, index)}: {regions} in {summary.pictures} pictures, the most typical one first"


def member_line(member: Member) -> str:
    """What a member's picture loses without it."""
    number = int(member.found.indices[member.region.picture])
    lost = f"{nats(member.region.evidence)} nats of evidence and {percent(member.region.drop)} of its probability"
    return f"Picture {number}: without this region, {member.found.class_name} loses {lost}"


def member_tiles(member: Member, draw: Draw = exactly) -> list[Tile]:
    """A tile for each of the `VIEWS` of a member's picture."""
    found, region = member.found, member.region
    area = float(found.masks.area[region.picture, region.mask])
    count = sum(other.picture == region.picture for other in found.regions)
    captions = {name: _answer(found, answer) for name, answer in member.predictions.items()} | {
        "this region": f"{region.area:.1%} of the picture",
        "all evidence": f"{area:.1%} of the picture, {_counted(count)}",
    }
    return [
        {"src": draw(member.pictures[view]), "alt": f"{view}: {captions[view]}", "caption": captions[view]}
        for view in VIEWS
    ]


def _answer(found: ClassSummaries, answer: Tensor) -> str:
    """The class, and the predicted one where that differs."""
    names, predicted = found.masks.class_names, int(answer.argmax())
    line = f"{found.class_name} {float(answer[found.class_index]):.0%}"
    return line if predicted == found.class_index else f"{line}; {names[predicted]} {float(answer[predicted]):.0%}"


def _counted(regions: int) -> str:
    return "1 region" if regions == 1 else f"{regions} regions"

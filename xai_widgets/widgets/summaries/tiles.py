"""Visual summaries as cards: each summary with its exemplar, each member, and one member in detail."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from xai_widgets.methods.summaries.regions import Region
from xai_widgets.methods.summaries.scene import VIEWS, Founds, Member
from xai_widgets.methods.summaries.summary import ClassSummaries, Summary
from xai_widgets.widgets.summaries.lines import Line
from xai_widgets.widgets.summaries.measures import MEASURES, longest, measured, nats, percent, title
from xai_widgets.widgets.views.cards import Card
from xai_widgets.widgets.views.drawing import Draw, exactly
from xai_widgets.widgets.views.elements import Tile

FEW = 5, 4
"""Members on a card, with the text beside them and below them."""

# --- summaries -----------------------------------------------------------------------------------------------------


def summary_cards(
    founds: Founds, shown: Sequence[Line], measure: str, networks: Sequence[str], reasons: Sequence[str],
    *, draw: Draw = exactly,
) -> list[Card]:  # fmt: skip
    """A card for each cell of the lines, line after line; for a missing counterpart, a card with the reason.

    The measure is drawn as a bar, and named first.
    """
    top = longest([found for found in founds if found is not None], measure)
    cards: list[Card] = []
    for line in shown:
        for network, cell in enumerate(line.cells):
            found = founds[network]
            if cell is None or found is None:
                cards.append({"title": "No counterpart", "lines": [reasons[network]]})
                continue
            card = _summary_card(found, cell.summary, measure, top, tiles=FEW[len(founds) > 1], draw=draw)
            cards.append({**card, "mark": _mark(found.summaries[cell.summary], line, networks[network])})
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
    lost = f"{nats(member.region.evidence)} nats of evidence and {percent(member.region.drop)} of its probability"
    return f"Picture {member.index}: without this region, {member.class_names[member.class_index]} loses {lost}"


def member_tiles(member: Member, draw: Draw = exactly) -> list[Tile]:
    """A tile for each of the `VIEWS` of a member's picture."""
    captions = {name: _answer(member, answer) for name, answer in member.predictions.items()} | {
        "this region": f"{member.region.area:.1%} of the picture",
        "all evidence": f"{member.area:.1%} of the picture, {_counted(member.count)}",
    }
    return [
        {"src": draw(member.pictures[view]), "alt": f"{view}: {captions[view]}", "caption": captions[view]}
        for view in VIEWS
    ]


def _answer(member: Member, answer: Tensor) -> str:
    """The class, and the predicted one where that differs."""
    names, own, predicted = member.class_names, member.class_index, int(answer.argmax())
    line = f"{names[own]} {float(answer[own]):.0%}"
    return line if predicted == own else f"{line}; {names[predicted]} {float(answer[predicted]):.0%}"


def _counted(regions: int) -> str:
    return "1 region" if regions == 1 else f"{regions} regions"

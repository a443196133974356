"""Visual summaries as cards: each summary with its exemplar, each member, and one member in detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from xai_widgets.methods.summaries.regions import Region
from xai_widgets.methods.summaries.summary import ClassSummaries, Summary
from xai_widgets.study import Study
from xai_widgets.widgets.summaries.lines import Founds, Line
from xai_widgets.widgets.summaries.measures import MEASURES, longest, measured, nats, percent, title
from xai_widgets.widgets.views.cards import Card
from xai_widgets.widgets.views.drawing import Draw, exactly
from xai_widgets.widgets.views.elements import Tile

FEW = 5, 4
"""Members on a card, beside words and above them."""


# --- summaries -----------------------------------------------------------------------------------------------------


def summary_cards(
    founds: Founds, shown: Sequence[Line], measure: str, networks: Sequence[str], nothing: Sequence[str],
    *, draw: Draw = exactly,
) -> list[Card]:  # fmt: skip
    """A card for each cell of the lines, line after line; where there is no counterpart, a card that says so.

    Parameters
    ----------
    founds
        The summaries of each network.
    shown
        Lines with as many cells.
    measure
        The one that is drawn as a bar, and named first.
    networks
        What the networks are called.
    nothing
        Why a network has no counterpart.
    draw
        How pictures become tiles.
    """
    top = longest([found for found in founds if found is not None], measure)
    cards: list[Card] = []
    for line in shown:
        for network, cell in enumerate(line.cells):
            found = founds[network]
            if cell is None or found is None:
                cards.append({"title": "No counterpart", "lines": [nothing[network]]})
                continue
            card = _summary_card(found, cell.place, measure, top, tiles=FEW[len(founds) > 1], draw=draw)
            cards.append({**card, "mark": _mark(found.summaries[cell.place], line, networks[network])})
    return cards


def waiting_cards(networks: int) -> list[Card]:
    """Cards of the final size, for as long as nothing was found."""
    blank: Tile = {"src": "", "alt": "", "caption": ""}
    return [{"tiles": [blank] * FEW[networks > 1]} for _ in range(3 * networks)]


def _summary_card(found: ClassSummaries, place: int, measure: str, top: float, *, tiles: int, draw: Draw) -> Card:
    summary = found.summaries[place]
    return {
        "title": title(found, place),
        "gauge": [value / top for value in MEASURES[measure].of(summary)],
        "lines": measured(summary, len(found.places), measure),
        "tiles": [_member_tile(found, place, number, draw) for number in range(min(tiles, len(summary.members)))],
        "dull": not summary.sound,
    }


def _mark(summary: Summary, line: Line, network: str) -> str:
    if not summary.sound:
        return f"not kept: {'; '.join(summary.problems)}"
    if len(line.cells) == 1:
        return ""
    return f"only in {network}" if line.overlap is None else f"in both, overlap {line.overlap:.2f}"


def _member_tile(found: ClassSummaries, place: int, number: int, draw: Draw) -> Tile:
    members = found.summaries[place].members
    role = "exemplar" if number == 0 else f"member {number + 1} of {len(members)}"
    alt = f"{role} of {title(found, place)}: {_said(found.regions[members[number]])}"
    caption = "exemplar" if number == 0 else ""
    return {"src": draw(found.outline(members[number])), "alt": alt, "caption": caption}


def _said(region: Region) -> str:
    return f"{region.area:.1%} of the picture, evidence {nats(region.evidence)} nats, drop {percent(region.drop)}"


# --- members -------------------------------------------------------------------------------------------------------


def member_cards(found: ClassSummaries, place: int, *, most: int | None = None, draw: Draw = exactly) -> list[Card]:
    """All members of a summary, or at most so many, the exemplar first."""
    cards: list[Card] = []
    for number, member in enumerate(found.summaries[place].members[:most]):
        tile, region = _member_tile(found, place, number, draw), found.regions[member]
        lines = [f"{nats(region.evidence)} nats", f"drop {percent(region.drop)}"]
        cards.append({"title": tile["caption"], "lines": lines, "tiles": [{**tile, "caption": ""}]})
    return cards


def members_line(found: ClassSummaries, place: int) -> str:
    """What the members are members of."""
    summary = found.summaries[place]
    count = len(summary.members)
    kind = "region" if count == 1 else "regions"
    return f"{title(found, place)}: {count} {kind} in {summary.pictures} pictures, the most like the exemplar first"


# --- one member ----------------------------------------------------------------------------------------------------


class Detail(NamedTuple):
    """A member's picture with and without what the classifier rests on."""

    line: str
    columns: list[str]
    tiles: list[Tile]
    #: Probabilities ``(K,)`` of the picture, of its evidence alone, and of what is left.
    predictions: dict[str, Tensor]


COLUMNS = ["picture", "this region", "without it", "all evidence", "only the evidence", "without the evidence"]
_CALLED = {"picture": 0, "only the evidence": 2, "without the evidence": 3}


def details(found: ClassSummaries, study: Study, regions: Sequence[int], *, draw: Draw = exactly) -> list[Detail]:
    """Members in detail; the classifier is asked about all of them at once."""
    asked = [_asked(found, region) for region in regions]
    answers = study.predict(torch.cat(asked)).split([len(pictures) for pictures in asked])
    return [_detail(found, *each, draw) for each in zip(regions, asked, answers, strict=True)]


def _asked(found: ClassSummaries, place: int) -> Tensor:
    """The picture, it without the region, with only the evidence, and without the evidence, ``(4, C, H, W)``."""
    region, masks = found.regions[place], found.masks
    picture, reference = masks.pictures[region.picture], masks.references[region.picture]
    without = torch.where(region.pixels, reference, picture)
    return torch.stack(
        [picture, without, masks.only(region.picture, region.mask), masks.removed(region.picture, region.mask)]
    )


def _detail(found: ClassSummaries, place: int, asked: Tensor, answers: Tensor, draw: Draw) -> Detail:
    region = found.regions[place]
    names, wanted = found.masks.class_names, found.class_index
    said = [_answer(answer, names, wanted) for answer in answers]
    area = float(found.masks.area[region.picture, region.mask])
    of_this = sum(other.picture == region.picture for other in found.regions)
    captions = [
        said[0],
        f"{region.area:.1%} of the picture",
        said[1],
        f"{area:.1%} of the picture, {of_this} {'region' if of_this == 1 else 'regions'}",
        said[2],
        said[3],
    ]
    evidence = found.masks.shown(region.picture, region.mask)
    pictures = [asked[0], found.outline(place), asked[1], evidence, asked[2], asked[3]]
    tiles: list[Tile] = [
        {"src": draw(picture), "alt": f"{column}: {caption}", "caption": caption}
        for picture, column, caption in zip(pictures, COLUMNS, captions, strict=True)
    ]
    number = int(found.places[region.picture])
    lost = f"{nats(region.evidence)} nats of evidence and {percent(region.drop)} of its probability"
    line = f"Picture {number}: without this region, {names[wanted]} loses {lost}"
    return Detail(line, COLUMNS, tiles, {name: answers[row] for name, row in _CALLED.items()})


def _answer(answer: Tensor, names: Sequence[str], wanted: int) -> str:
    """The class, and the one that is likelier, if there is one."""
    first = int(answer.argmax())
    line = f"{names[wanted]} {float(answer[wanted]):.0%}"
    return line if first == wanted else f"{line}; {names[first]} {float(answer[first]):.0%}"

"""Pictures and signed maps of ConceptExplorer as cards and tiles, each with a text made from its numbers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from xai_widgets.methods.srae.explanation import SRAEExplanation
from xai_widgets.methods.srae.heatmaps import TOP
from xai_widgets.methods.srae.scene import EXEMPLARS, Exemplars
from xai_widgets.methods.srae.steps import amount, signed
from xai_widgets.methods.srae.table import KINDS
from xai_widgets.show.images import diverging
from xai_widgets.widgets.views.cards import Card
from xai_widgets.widgets.views.drawing import Draw, exactly
from xai_widgets.widgets.views.elements import Row, Tile
from xai_widgets.widgets.views.score_bar import COLOURS, MARK

SHADE = 0.35
"""How much of a map's lightness the picture below it may take away, so that one sees what the map lies on."""

SMALL_SHARE = 0.05
"""A map's own check counts where the x-feature makes up this share of all contributions."""

_WAYS: dict[str, str] = {
    "spatial": ", and a map adds up to its number",
    "gradient": " (gradient times activation)",
    "occlusion": " (what is lost where a cell is blurred)",
    "mask": " (the smallest mask that takes it away)",
}
"""How the maps were made, in words."""


# --- the chosen picture ---------------------------------------------------------------------------------------------


def large_row(shown: SRAEExplanation, row: int, said: str, draw: Draw = exactly) -> Row:
    """A picture, large, with what it is for and what the network says of it."""
    caption = f"{said}: the network sees {shown.said(row)}"
    return {"label": "", "tiles": [{"src": draw(shown.pictures[row]), "alt": caption, "caption": caption}]}


# --- x-features ----------------------------------------------------------------------------------------------------


def full_scale(maps: Tensor) -> float:
    """The value of the full colour of maps that are compared: that of their strongest place."""
    return max(float(maps.abs().max()), 1e-9)


def shaded(signed_map: Tensor, picture: Tensor, limit: float) -> Tensor:
    """A signed map ``(H, W)`` in colours, ``(3, H, W)`` in [0, 1], darker where the picture is dark."""
    light = 1 - SHADE * (1 - picture.mean(0))
    colours = torch.from_numpy(np.asarray(diverging(signed_map, limit))).permute(2, 0, 1).float() / 255
    return colours * light


def feature_cards(shown: SRAEExplanation, row: int = 0, draw: Draw = exactly) -> list[Card]:
    """The x-features of a picture with their maps, the largest contribution first."""
    limit, large = full_scale(shown.maps[row]), shown.heatmaps()[row]
    cards: list[Card] = []
    for feature in shown.order(row):
        contribution, name = float(shown.contributions[row, feature]), shown.names[feature]
        alt = f"{name} adds {signed(contribution)}, {where(shown.maps[row, feature])}"
        tile: Tile = {"src": draw(shaded(large[feature], shown.pictures[row], limit)), "alt": alt, "caption": ""}
        dead = not bool(shown.alive[feature])
        mark = "dead: never varies" if dead else f"{MARK} of the 90 %" if bool(shown.significant[row, feature]) else ""
        lines = [signed(contribution), *_checked(shown, row, feature)]
        colour = COLOURS[feature % len(COLOURS)]
        cards.append({"title": name, "mark": mark, "lines": lines, "tiles": [tile], "dull": dead, "colour": colour})
    return cards


def _checked(shown: SRAEExplanation, row: int, feature: int) -> list[str]:
    """The map's own check, where there is enough to check."""
    gone, every = float(shown.deletion[row, feature]), shown.contributions[row].abs()
    if not float(every[feature]) > SMALL_SHARE * float(every.sum()):
        return []
    if gone < TOP:
        return [f"map fails its check: only {gone:.0%} gone"]
    return [f"blurred there: {min(gone, 1.0):.0%} gone"]


def where(signed_map: Tensor) -> str:
    """In words where most of a map ``(rows, columns)`` is."""
    rows, columns = signed_map.shape
    if rows == columns == 1:
        return "everywhere alike"
    mass = signed_map.abs() / signed_map.abs().sum().clamp_min(1e-12)
    down = _third(mass.sum(1), ("top", "middle", "bottom"))
    across = _third(mass.sum(0), ("left", "centre", "right"))
    return f"most of it at the {down} {across}"


def _third(mass: Tensor, words: tuple[str, str, str]) -> str:
    at = float((mass * (torch.arange(len(mass)) + 0.5) / len(mass)).sum())
    return words[min(int(at * 3), 2)]


# --- exemplars -----------------------------------------------------------------------------------------------------


def waiting_rows() -> list[Row]:
    """Rows of the final size, for as long as there are no exemplars."""
    blank: Tile = {"src": "", "alt": "not there yet", "caption": ""}
    return [{"label": kind, "tiles": [blank] * (2 * EXEMPLARS)} for kind in KINDS]


def exemplar_rows(found: Exemplars, feature: int, draw: Draw = exactly) -> list[Row]:
    """Top, median and zero pictures, each beside its map, on one scale."""
    large = found.shown.heatmaps()[:, feature]
    return [
        {"label": kind, "tiles": [tile for row in rows for tile in _pair(found, row, feature, large[row], draw)]}
        for kind, rows in found.rows.items()
    ]


def exemplar_columns() -> list[str]:
    """Headings of `exemplar_rows`."""
    return ["picture", "where"] * EXEMPLARS


def _pair(found: Exemplars, row: int, feature: int, large: Tensor, draw: Draw) -> list[Tile]:
    shown, label, names = found.shown, found.labels[row], found.shown.class_names
    name = names[label] if 0 <= label < len(names) else f"label {label}"
    value = signed(float(shown.contributions[row, feature]))
    alt = f"{shown.names[feature]} adds {value} to this picture, {where(shown.maps[row, feature])}"
    drawn = shaded(large, shown.pictures[row], full_scale(shown.maps[:, feature]))
    return [
        {"src": draw(shown.pictures[row]), "alt": f"{name}, {value}", "caption": name},
        {"src": draw(drawn), "alt": alt, "caption": value},
    ]


# --- what is said ---------------------------------------------------------------------------------------------------


def features_line(shown: SRAEExplanation, row: int = 0) -> str:
    """What the maps show, and their scale."""
    limit = amount(full_scale(shown.maps[row]))
    return (
        f"Where each x-feature is: orange speaks for {shown.class_name}, blue against it; full colour is {limit} of "
        f"the {shown.target} at one place{_WAYS[shown.way]}. Choose one to see what it stands for."
    )


def exemplars_line(shown: SRAEExplanation, feature: int) -> str:
    """What the exemplars are."""
    return (
        f"What {shown.names[feature]} stands for: training pictures to which it adds most (top), as much as usual "
        "(median), and nothing (zero)"
    )

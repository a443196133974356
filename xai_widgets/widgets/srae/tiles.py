"""Pictures and signed maps of ConceptExplorer as cards and tiles, each with a text made from its numbers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from xai_widgets.methods.srae.explanation import SRAEExplanation
from xai_widgets.methods.srae.heatmaps import TOP
from xai_widgets.methods.srae.scene import EXEMPLARS, Exemplars
from xai_widgets.methods.srae.table import KINDS
from xai_widgets.names import class_name
from xai_widgets.show.images import diverging
from xai_widgets.show.words import amount, signed, where
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


def large_row(explanation: SRAEExplanation, row: int, said: str, draw: Draw = exactly) -> Row:
    """A picture, large, with what it is for and what the network says of it."""
    caption = f"{said}: the network sees {explanation.prediction_label(row)}"
    return {"label": "", "tiles": [{"src": draw(explanation.pictures[row]), "alt": caption, "caption": caption}]}


# --- x-features ----------------------------------------------------------------------------------------------------


def full_scale(maps: Tensor) -> float:
    """The value of the full colour of maps that are compared: that of their strongest place."""
    return max(float(maps.abs().max()), 1e-9)


def shaded(signed_map: Tensor, picture: Tensor, limit: float) -> Tensor:
    """A signed map ``(H, W)`` in colours, ``(3, H, W)`` in [0, 1], darker where the picture is dark."""
    light = 1 - SHADE * (1 - picture.mean(0))
    colours = torch.from_numpy(np.asarray(diverging(signed_map, limit))).permute(2, 0, 1).float() / 255
    return colours * light


def feature_cards(explanation: SRAEExplanation, row: int = 0, draw: Draw = exactly) -> list[Card]:
    """The x-features of a picture with their maps, the largest contribution first."""
    limit, large = full_scale(explanation.maps[row]), explanation.heatmaps()[row]
    cards: list[Card] = []
    for feature in explanation.order(row):
        contribution, name = float(explanation.contributions[row, feature]), explanation.names[feature]
        alt = f"{name} adds {signed(contribution)}, {where(explanation.maps[row, feature])}"
        tile: Tile = {"src": draw(shaded(large[feature], explanation.pictures[row], limit)), "alt": alt, "caption": ""}
        dead = not bool(explanation.alive[feature])
        mark = (
            "dead: never varies"
            if dead
            else f"{MARK} of the 90 %"
            if bool(explanation.significant[row, feature])
            else ""
        )
        lines = [signed(contribution), *_checked(explanation, row, feature)]
        colour = COLOURS[feature % len(COLOURS)]
        cards.append({"title": name, "mark": mark, "lines": lines, "tiles": [tile], "dull": dead, "colour": colour})
    return cards


def _checked(explanation: SRAEExplanation, row: int, feature: int) -> list[str]:
    """The map's own check, where there is enough to check."""
    gone, every = float(explanation.deletion[row, feature]), explanation.contributions[row].abs()
    if not float(every[feature]) > SMALL_SHARE * float(every.sum()):
        return []
    if gone < TOP:
        return [f"map fails its check: only {gone:.0%} gone"]
    return [f"blurred there: {min(gone, 1.0):.0%} gone"]


# --- exemplars -----------------------------------------------------------------------------------------------------


def waiting_rows() -> list[Row]:
    """Rows of the final size, for as long as there are no exemplars."""
    blank: Tile = {"src": "", "alt": "not there yet", "caption": ""}
    return [{"label": kind, "tiles": [blank] * (2 * EXEMPLARS)} for kind in KINDS]


def exemplar_rows(found: Exemplars, feature: int, draw: Draw = exactly) -> list[Row]:
    """Top, median and zero pictures, each beside its map, on one scale."""
    large = found.explanation.heatmaps()[:, feature]
    return [
        {"label": kind, "tiles": [tile for row in rows for tile in _pair(found, row, feature, large[row], draw)]}
        for kind, rows in found.rows.items()
    ]


def exemplar_columns() -> list[str]:
    """Headings of `exemplar_rows`."""
    return ["picture", "where"] * EXEMPLARS


def _pair(found: Exemplars, row: int, feature: int, large: Tensor, draw: Draw) -> list[Tile]:
    explanation, label, names = found.explanation, found.labels[row], found.explanation.class_names
    name = class_name(names, label)
    value = signed(float(explanation.contributions[row, feature]))
    alt = f"{explanation.names[feature]} adds {value} to this picture, {where(explanation.maps[row, feature])}"
    drawn = shaded(large, explanation.pictures[row], full_scale(explanation.maps[:, feature]))
    return [
        {"src": draw(explanation.pictures[row]), "alt": f"{name}, {value}", "caption": name},
        {"src": draw(drawn), "alt": alt, "caption": value},
    ]


# --- what is said ---------------------------------------------------------------------------------------------------


def features_line(explanation: SRAEExplanation, row: int = 0) -> str:
    """What the maps show, and their scale."""
    limit = amount(full_scale(explanation.maps[row]))
    return (
        f"Where each x-feature is: orange speaks for {explanation.class_name}, blue against it; full colour is {limit} of "
        f"the {explanation.score_name} at one place{_WAYS[explanation.heatmap_method]}. Choose one to see what it stands for."
    )


def exemplars_line(explanation: SRAEExplanation, feature: int) -> str:
    """What the exemplars are."""
    return (
        f"What {explanation.names[feature]} stands for: training pictures to which it adds most (top), as much as usual "
        "(median), and nothing (zero)"
    )

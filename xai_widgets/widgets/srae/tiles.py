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
from xai_widgets.widgets.views.score_bar import COLOURS

SHADE = 0.35
"""How much of a map's lightness the picture below it may take away, so that one sees what the map lies on."""

SMALL_SHARE = 0.05
"""A map's own check counts where the x-feature makes up this share of all contributions."""

_METHODS: dict[str, str] = {
    "spatial": ", and a map sums to its number",
    "gradient": " (gradient times activation)",
    "occlusion": " (the loss when a cell is blurred)",
    "mask": " (the smallest mask that removes it)",
}
"""How the maps were made, in words."""


# --- the chosen picture --------------------------------------------------------------------------------------------


def large_row(found: SRAEExplanation, row: int, role: str, draw: Draw = exactly) -> Row:
    """A picture, large, with its role and its predicted class."""
    caption = f"{role} · predicted: {found.prediction_label(row)}"
    return {"label": "", "tiles": [{"src": draw(found.pictures[row]), "alt": caption, "caption": caption}]}


# --- x-features ----------------------------------------------------------------------------------------------------


def full_scale(maps: Tensor) -> float:
    """The value of the full colour of maps that are compared: their largest absolute value."""
    return max(float(maps.abs().max()), 1e-9)


def shaded(signed_map: Tensor, picture: Tensor, limit: float) -> Tensor:
    """A signed map ``(H, W)`` in colours, ``(3, H, W)`` in [0, 1], darker where the picture is dark."""
    light = 1 - SHADE * (1 - picture.mean(0))
    colours = torch.from_numpy(np.asarray(diverging(signed_map, limit))).permute(2, 0, 1).float() / 255
    return colours * light


def feature_cards(found: SRAEExplanation, row: int = 0, draw: Draw = exactly) -> list[Card]:
    """The x-features of a picture with their maps, the largest contribution first."""
    large, limit = found.heatmaps()[row], full_scale(found.maps[row])
    drawn = {feature: draw(shaded(large[feature], found.pictures[row], limit)) for feature in found.order(row)}
    return [_feature_card(found, row, feature, source) for feature, source in drawn.items()]


def _feature_card(found: SRAEExplanation, row: int, feature: int, source: str) -> Card:
    name, dead = found.names[feature], not bool(found.alive[feature])
    value = signed(float(found.contributions[row, feature]))
    return {
        "title": name,
        "mark": "dead: never varies" if dead else "",
        "lines": [value, *_checked(found, row, feature)],
        "tiles": [{"src": source, "alt": f"{name} adds {value}, {where(found.maps[row, feature])}", "caption": ""}],
        "dull": dead,
        "colour": COLOURS[feature % len(COLOURS)],
    }


def _checked(found: SRAEExplanation, row: int, feature: int) -> list[str]:
    """The map's own check, where the contribution is large enough for one."""
    removed, every = float(found.deletion[row, feature]), found.contributions[row].abs()
    if not float(every[feature]) > SMALL_SHARE * float(every.sum()):
        return []
    if removed < TOP:
        return [f"map fails its check: blurring here removes only {removed:.0%}"]
    return [f"blurring here removes {min(removed, 1.0):.0%}"]


def features_line(found: SRAEExplanation, row: int = 0) -> str:
    """A sentence about the maps and their scale."""
    limit = amount(full_scale(found.maps[row]))
    return (
        f"Where each x-feature is: orange supports {found.class_name}, blue opposes it; full colour is {limit} of "
        f"the {found.score_name} at one position{_METHODS[found.heatmap_method]}. Choose one to see what it means."
    )


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


def _pair(exemplars: Exemplars, row: int, feature: int, large: Tensor, draw: Draw) -> list[Tile]:
    found = exemplars.explanation
    name = class_name(found.class_names, exemplars.labels[row])
    value = signed(float(found.contributions[row, feature]))
    alt = f"{found.names[feature]} adds {value} to this picture, {where(found.maps[row, feature])}"
    drawn = shaded(large, found.pictures[row], full_scale(found.maps[:, feature]))
    return [
        {"src": draw(found.pictures[row]), "alt": f"{name}, {value}" if name else value, "caption": name},
        {"src": draw(drawn), "alt": alt, "caption": value},
    ]


def exemplars_line(found: SRAEExplanation, feature: int) -> str:
    """A sentence about the exemplars."""
    return (
        f"What {found.names[feature]} means: training pictures to which it adds most (top), as much as usual "
        "(median), and nothing (zero)"
    )

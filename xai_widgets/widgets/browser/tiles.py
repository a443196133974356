"""Cards of the browser: places of evidence, and pictures, with their words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from xai_widgets.scale.browsing import Cluster
from xai_widgets.scale.folder import Explanations
from xai_widgets.scale.rows import pixels
from xai_widgets.show.images import data_uri, sequential
from xai_widgets.show.words import where
from xai_widgets.widgets.views.cards import Card
from xai_widgets.widgets.views.elements import Tile

TYPICAL = 3
"""So many pictures stand for a place."""

Thumbnails = Callable[[Sequence[int]], list[str]]
"""Sources of the thumbnails of pictures, by their numbers in the data set."""


def thumbnails_of(found: Explanations) -> Thumbnails:
    """Reads thumbnails when they are asked for, each once."""
    known: dict[int, str] = {}

    def read(indices: Sequence[int]) -> list[str]:
        new = [index for index in indices if index not in known]
        for index, row in zip(new, found.rows(new, ["thumbnail"]), strict=True):
            known[index] = data_uri(pixels(row["thumbnail"]))
        return [known[index] for index in indices]

    return read


def place_card(cluster: Cluster, indices: Sequence[int], whole: int, thumbnails: Thumbnails, name: str = "") -> Card:
    """The mean mask of a group, and its most typical pictures; it is called by its place, if it has no name."""
    place = where(torch.from_numpy(cluster.mean)).removeprefix("most of it ")
    mean = sequential(cluster.mean, 0.0, max(float(cluster.mean.max()), 1e-6))
    tiles: list[Tile] = [{"src": data_uri(mean, 96), "alt": f"mean mask, {place}", "caption": ""}]
    for index, src in zip(indices, thumbnails(indices), strict=True):
        tiles.append({"src": src, "alt": f"picture {index}", "caption": ""})
    count, share = len(cluster.members), len(cluster.members) / whole
    classes = f"{cluster.classes} predicted classes" if cluster.classes > 1 else "one predicted class"
    line = f"{count:,} pictures, {f'likeness {cluster.sameness:.2f}' if name else classes}"
    return {"title": f"{name or place.capitalize()}: {share:.0%}", "lines": [line], "tiles": tiles}


def picture_card(row: Mapping[str, Any], src: str) -> Card:
    """A picture of the strip: what it is called, what it is predicted as, and its trust."""
    tile: Tile = {"src": src, "alt": f"{row['id']}, predicted: {row['prediction_name']}", "caption": ""}
    return {"tiles": [tile], "lines": [row["prediction_name"], f"trust {row['trust']:.0%}"]}


def sentence(row: Mapping[str, Any]) -> str:
    """A picture in a line."""
    true = f" · true class: {row['label_name']}" if row["label_name"] else ""
    return f"Picture {row['id']}{true} · predicted: {row['prediction_name']}, {row['probability']:.0%}"

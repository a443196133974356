"""Cards of the browser: places of evidence, and pictures, with their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from xai_widgets.scale.browsing import Cluster, Floats
from xai_widgets.scale.folder import Explanations
from xai_widgets.scale.rows import pixels
from xai_widgets.show.images import data_uri, sequential
from xai_widgets.show.words import where
from xai_widgets.widgets.views.cards import Card
from xai_widgets.widgets.views.elements import Tile

TYPICAL = 3
"""So many pictures stand for a place."""

RING = 1 / 9
"""Radius of the ring around a place, as a share of the picture's shorter side."""


class Thumbnails:
    """Reads the thumbnails of pictures when they are asked for, each once."""

    def __init__(self, found: Explanations) -> None:
        self._found, self._known = found, dict[int, tuple[Any, str]]()

    def __call__(self, indices: Sequence[int], marks: Floats | None = None) -> list[str]:
        """Their sources, by the numbers of the pictures, each with a ring around a place, row and column as shares."""
        new = [index for index in dict.fromkeys(indices) if index not in self._known]
        for index, row in zip(new, self._found.rows(new, ["thumbnail"]), strict=True):
            there = pixels(row["thumbnail"])
            self._known[index] = there, data_uri(there)
        if marks is None:
            return [self._known[index][1] for index in indices]
        return [data_uri(ringed(self._known[one][0], *at)) for one, at in zip(indices, marks.tolist(), strict=True)]


def ringed(picture: Any, row: float, column: float) -> Any:
    """Pixels ``(H, W, 3)`` with a white ring with dark edges around a place."""
    image = Image.fromarray(picture)
    height, width = picture.shape[:2]
    radius = max(RING * min(height, width), 2.0)
    for more, colour in ((1, "black"), (-1, "black"), (0, "white")):
        reach = radius + more
        box = (column * width - reach, row * height - reach, column * width + reach, row * height + reach)
        ImageDraw.Draw(image).ellipse(box, outline=colour)
    return np.asarray(image)


def place_card(cluster: Cluster, indices: Sequence[int], whole: int, thumbnails: Thumbnails, name: str = "") -> Card:
    """The mean mask of a group, and its most typical pictures; it is called by its place, if it has no name."""
    place = where(torch.from_numpy(cluster.mean)).removeprefix("most of it ")
    mean = sequential(cluster.mean, 0.0, max(float(cluster.mean.max()), 1e-6))
    what = "mean mask" if cluster.at is None else "where its places are"
    tiles: list[Tile] = [{"src": data_uri(mean, 96), "alt": f"{what}, {place}", "caption": ""}]
    marks = None if cluster.at is None else cluster.at[: len(indices)]
    for index, src in zip(indices, thumbnails(indices, marks), strict=True):
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

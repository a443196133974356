"""What every method gives for a batch of pictures, and how this becomes rows of one table."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.methods.summaries.places import Places
from xai_widgets.names import UNKNOWN, class_name
from xai_widgets.scale.folder import PLACES
from xai_widgets.scale.reading import Entry
from xai_widgets.show.images import to_uint8

GRID = 8
"""The place of the evidence is the mask, averaged over so many rows and columns of cells."""

THUMBNAIL = 96
"""Most pixels of a side."""


@dataclass(frozen=True, eq=False)
class Rows:
    """What a method finds in a batch of N pictures.

    Attributes
    ----------
    prediction, probability
        The predicted class of each picture and its probability, ``(N,)``.
    target
        The class that is explained, ``(N,)``.
    trust
        By the method's own checks of each picture, from 0 to 1, ``(N,)``.
    numbers
        The method's own numbers, ``(N,)`` each.
    masks
        Where the evidence is, ``(N, H, W)`` in [0, 1].
    thumbnails
        A picture ``(C, H, W)`` of each explanation, in [0, 1].
    code
        Numbers ``(N, n)`` by which pictures can be compared, such as x-features; None where the masks are all there is.
    places
        Some places inside the mask of each picture; None where the method gives none.
    """

    prediction: Tensor
    probability: Tensor
    target: Tensor
    trust: Tensor
    numbers: Mapping[str, Tensor]
    masks: Tensor
    thumbnails: Sequence[Tensor]
    code: Tensor | None = None
    places: Sequence[Places] | None = None


@dataclass(frozen=True)
class Method:
    """How a method explains a data set.

    Attributes
    ----------
    rows
        Explains pictures ``(N, C, H, W)``.
    numbers
        Names of its own numbers.
    trained
        Whether the fit decides what is explained; methods that search need none.
    places
        Whether it gives places inside masks.
    """

    rows: Callable[[Any, Tensor], Rows]
    numbers: tuple[str, ...]
    trained: bool
    places: bool = False

    def problems(self, explainer: Explainer) -> list[str]:
        """Why the fit cannot be trusted."""
        return list(explainer.problems) if self.trained else []


def kept_and_removed(before: Tensor, kept: Tensor, removed: Tensor, sound: Tensor) -> Tensor:
    """Trust in masks ``(N,)``: the share of the probability that a mask keeps, and that is lost without it."""
    both = torch.minimum(kept, before - removed) / before.clamp_min(1e-12)
    return both.clamp(0, 1) * sound


def records(rows: Rows, entries: Sequence[Entry], class_names: Sequence[str]) -> list[dict[str, Any]]:
    """One row of the table for each picture."""
    share = F.adaptive_avg_pool2d(rows.masks[:, None].float(), GRID)[:, 0]
    middle = centres(share)
    made = []
    for i, entry in enumerate(entries):
        prediction, target = int(rows.prediction[i]), int(rows.target[i])
        made.append(
            head(entry, class_names)
            | {"prediction": prediction, "prediction_name": class_names[prediction]}
            | {"probability": float(rows.probability[i]), "target": target, "target_name": class_names[target]}
            | {"trust": float(rows.trust[i]), "area": float(rows.masks[i].float().mean())}
            | {"place_row": float(middle[i, 0]), "place_column": float(middle[i, 1])}
            | {name: float(values[i]) for name, values in rows.numbers.items()}
            | {"evidence": share[i].flatten().tolist(), "code": None if rows.code is None else rows.code[i].tolist()}
            | {"mask": picture(_grey(rows.masks[i])), "thumbnail": picture(_small(to_uint8(rows.thumbnails[i])))}
            | ({} if rows.places is None else _placed(rows.places[i]))
        )
    return made


def _placed(places: Places) -> dict[str, Any]:
    """Places as the columns `PLACES` of the table."""
    where = (column.tolist() for column in (*places.centres.unbind(1), places.parts))
    return dict(zip(PLACES, (list(places.vectors.numpy()), *where), strict=True))


def head(entry: Entry, class_names: Sequence[str]) -> dict[str, Any]:
    """What is known of a picture before it is explained; the rest is empty if that failed."""
    known = entry.label is not None and entry.label != UNKNOWN
    named = {"label_name": class_name(class_names, entry.label)} if known and entry.label is not None else {}
    return {
        "index": entry.index,
        "id": entry.id,
        "label": entry.label if known else None,
        "failed": entry.failed,
    } | named


def centres(maps: Tensor) -> Tensor:
    """Row and column of the centre of mass of maps ``(N, h, w)``, in [0, 1], ``(N, 2)``; the middle of empty ones."""
    count, height, width = maps.shape
    whole = maps.sum((1, 2))
    rows = (maps.sum(2) * (torch.arange(height) + 0.5)).sum(1) / height
    columns = (maps.sum(1) * (torch.arange(width) + 0.5)).sum(1) / width
    found = torch.stack([rows, columns], 1) / whole.clamp_min(1e-12)[:, None]
    return torch.where(whole[:, None] > 0, found, torch.full((count, 2), 0.5))


def picture(pixels: Any) -> dict[str, Any]:
    """Pixels, uint8, as a PNG file in the form of Hugging Face's ``Image`` feature."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png", compress_level=3)  # as small as the default, in two thirds of the time
    return {"bytes": file.getvalue(), "path": None}


def pixels(stored: Mapping[str, Any]) -> Any:
    """The pixels of what `picture` made."""
    with Image.open(io.BytesIO(stored["bytes"])) as image:
        return np.asarray(image)


def _grey(mask: Tensor) -> Any:
    return (mask.float().clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def _small(pixels: Any) -> Any:
    """Pixels ``(H, W, 3)`` with no side above `THUMBNAIL`."""
    if max(pixels.shape[:2]) <= THUMBNAIL:
        return pixels
    image = Image.fromarray(pixels)
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    return np.asarray(image)

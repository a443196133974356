"""Summaries as tensors and plain values, and back: what a saved file holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.regions import Region
from xai_widgets.methods.summaries.summary import ClassSummaries, Summary

_MASKS = ("pictures", "references", "classes", "masks", "soft", "before", "without", "kept", "deleted")
_SCORES = ("before", "deleted", "kept", "evidence")


def tensors_of(found: ClassSummaries) -> dict[str, Tensor]:
    """All tensors of the summaries of one class, by name."""
    height, width = found.masks.masks.shape[2:]
    pixels = [region.pixels for region in found.regions]
    return {
        "places": found.places,
        "similarity": found.similarity,
        "region_places": torch.tensor([[one.picture, one.mask] for one in found.regions]).reshape(-1, 2).long(),
        "region_scores": torch.tensor([[getattr(one, name) for name in _SCORES] for one in found.regions]).reshape(
            -1, 4
        ),
        "region_pixels": torch.stack(pixels) if pixels else torch.zeros(0, height, width, dtype=torch.bool),
        **{f"mask_{name}": getattr(found.masks, name) for name in _MASKS},
    }


def details_of(found: ClassSummaries) -> dict[str, Any]:
    """The rest, as JSON takes it."""
    return {
        "class_index": found.class_index,
        "errors": found.errors,
        "summaries": [asdict(summary) for summary in found.summaries],
        "reference_names": list(found.masks.reference_names),
        "masks_origin": dict(found.masks.origin),
        "origin": dict(found.origin),
    }


def restored(tensors: Mapping[str, Tensor], details: Mapping[str, Any], class_names: tuple[str, ...]) -> ClassSummaries:
    """The summaries that `tensors_of` and `details_of` described."""
    masks = Masks(
        **{name: tensors[f"mask_{name}"] for name in _MASKS},
        reference_names=tuple(details["reference_names"]),
        class_names=class_names,
        origin=details["masks_origin"],
    )
    return ClassSummaries(
        class_index=details["class_index"],
        class_name=class_names[details["class_index"]],
        errors=details["errors"],
        places=tensors["places"],
        masks=masks,
        regions=_regions(tensors),
        similarity=tensors["similarity"],
        summaries=tuple(_summary(values) for values in details["summaries"]),
        origin=details["origin"],
    )


def _regions(tensors: Mapping[str, Tensor]) -> tuple[Region, ...]:
    places, scores = tensors["region_places"].tolist(), tensors["region_scores"].tolist()
    rows = zip(places, tensors["region_pixels"], scores, strict=True)
    return tuple(Region(picture, mask, pixels, *score) for (picture, mask), pixels, score in rows)


def _summary(values: Mapping[str, Any]) -> Summary:
    lists = {name: tuple(values[name]) for name in ("members", "problems")}
    return Summary(**(dict(values) | lists))

"""What the Layer view shows beside the decoded pictures: mistakes, chosen units, and what a code resembles."""

from __future__ import annotations

from torch import Tensor

from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.cladec.explanation import ClaDecExplanation
from xai_widgets.methods.cladec.units import parse_units
from xai_widgets.names import class_name

MOST_HIDDEN = 512
"""Pictures times units that are decoded to rank units: every unit is hidden in turn, and that should stay quick."""


def chosen_units(cladec: ClaDec, layer: str, text: str) -> list[int] | None:
    """The units of a layer that a person means, None for all; see `parse_units`."""
    count = cladec.units(layer)
    pictures = cladec.study.pool.pictures[: max(MOST_HIDDEN // count, 1)]
    return parse_units(text, lambda: cladec.rank_units(pictures, layer).tolist(), count)


def nearest(cladec: ClaDec, explanation: ClaDecExplanation) -> list[tuple[Tensor, str]]:
    """For each picture the training picture whose code is nearest, and its class, empty where it is not known."""
    indices = cladec.neighbours(explanation.original, explanation.layer, count=1)[:, 0].tolist()
    pictures, labels = cladec.study.load(cladec.study.train, indices)
    return [
        (picture, class_name(cladec.study.class_names, label))
        for picture, label in zip(pictures, labels.tolist(), strict=True)
    ]

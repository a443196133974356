"""Locate a summary in a picture that has neither label nor mask.

Its region has the pixels with the greatest cosine between the layer's maps and the mean descriptor of the members,
both centred on the mean of all regions of the class. It is as large as the members are on average.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.summaries.descriptors import describe
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.study import Study


@dataclass(frozen=True, eq=False)
class Part:
    """A detector of a summary, for any picture."""

    class_index: int  # that it is evidence for
    layer: str  # whose maps it reads
    origin: Tensor  # mean descriptor of all of the class's regions (D,), in the layer's own units
    deviation: Tensor  # of the layer's channels over the class's pictures (D,)
    direction: Tensor  # from the origin to the mean descriptor of its regions, over the deviation (D,)
    area: float  # mean share of the picture in its regions

    def where(self, maps: Tensor, sides: tuple[int, int]) -> Tensor:
        """The summary's region in each picture, bool ``(N, 1, H, W)``, from the layer's maps ``(N, D, h, w)``."""
        away = (maps - self.origin[:, None, None]) / self.deviation[:, None, None]
        alike = torch.einsum("ndhw,d->nhw", F.normalize(away, dim=1), self.direction)
        fine = F.interpolate(alike[:, None], sides, mode="bilinear", align_corners=False)
        count = max(1, round(self.area * sides[0] * sides[1]))
        # Exactly this many, even where all pixels of a flat picture tie.
        best = fine.flatten(1).topk(count, dim=1).indices
        return torch.zeros_like(fine.flatten(1)).scatter_(1, best, 1.0).view_as(fine) > 0


def parts_of(study: Study, found: ClassSummaries) -> list[Part]:
    """The detectors of the sound summaries of a class."""
    if found.origin["model"] != study.fingerprint:
        raise XaiWidgetsError(f"the summaries of {found.title!r} belong to another network than {study!r}")
    if not found.kept:
        return []
    layer = str(found.origin["layer"])
    maps = study.codes(found.masks.pictures, layer)
    deviation = maps.std((0, 2, 3), correction=0)
    # A constant channel carries no information.
    deviation = torch.where(deviation > 0, deviation, torch.inf)
    descriptors = describe(maps, found.regions)
    origin = descriptors.mean(0)
    parts = []
    for one in found.kept:
        area = sum(found.regions[member].area for member in one.members) / len(one.members)
        direction = (descriptors[list(one.members)].mean(0) - origin) / deviation
        parts.append(Part(found.class_index, layer, origin, deviation, direction, area))
    return parts

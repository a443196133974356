"""What a classifier of many classes calls the regions of a group, cut out and enlarged: a name that nobody made up.

A photo of a bee on a flower has regions that alone are "bee", and others that alone are "daisy". It is the classifier
that says so, of a picture it was not made for; the words tell what a group looks like to it, and not what it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.summaries.regions import Region
from xai_widgets.study import Study

MANY = 100
"""Classifiers of fewer classes have no words for parts."""

CUT = 8
"""Regions of a group that are cut out: the most typical ones."""

NAMED = 2
"""Classes that are named."""

MARGIN = 1.25
"""Side of what is cut out, over that of the region."""

NEAREST = 4
"""At most so many times enlarged."""


def called(study: Study, pictures: Tensor, regions: Sequence[Region]) -> tuple[tuple[str, float], ...]:
    """The classes that are predicted for the regions alone with their mean probabilities; none of few classes."""
    if study.classes < MANY:
        return ()
    cut = torch.stack([closeup(pictures[region.picture], region) for region in regions[:CUT]])
    best = study.predict(cut).mean(0).topk(NAMED)
    return tuple((study.class_names[k], p) for p, k in zip(best.values.tolist(), best.indices.tolist(), strict=True))


def closeup(picture: Tensor, region: Region) -> Tensor:
    """The picture ``(C, H, W)`` around a region, enlarged to its own size."""
    top, left, bottom, right = region.box
    height, width = picture.shape[1:]
    zoom = min(NEAREST, height / (MARGIN * (bottom - top)), width / (MARGIN * (right - left)))
    rows, columns = round(height / max(1, zoom)), round(width / max(1, zoom))
    row = min(max(0, (top + bottom - rows) // 2), height - rows)
    column = min(max(0, (left + right - columns) // 2), width - columns)
    cut = picture[None, :, row : row + rows, column : column + columns]
    return F.interpolate(cut, (height, width), mode="bilinear", align_corners=False)[0]

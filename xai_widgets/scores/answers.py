"""The answer map of each method (see `maps`), as a row of the exam."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.scores.maps import MAPS, Question


def _inversion(asked: Question) -> Tensor:
    found = GuidedFeatureInversion(asked.study).explain(asked.pictures, asked.classes, progress=asked.progress)
    return MAPS["inversion"](found)


def _summaries(asked: Question) -> Tensor:
    return MAPS["summaries"](CrispMasks(asked.study).find(asked.pictures, asked.classes, progress=asked.progress))


def _srae(asked: Question) -> Tensor:
    srae: SRAE = asked.study.explainers["srae"]
    maps = torch.zeros(len(asked), *asked.pictures.shape[2:])
    for target in asked.classes.unique().tolist():
        rows = asked.classes == target
        maps[rows] = MAPS["srae"](srae.explain(asked.pictures[rows], target))
    return maps


def _cladec(asked: Question) -> Tensor:
    cladec: ClaDec = asked.study.explainers["cladec"]
    return MAPS["cladec"](cladec.explain(asked.pictures, cladec.layers[-1]))


def _cae(asked: Question) -> Tensor:
    cae: CAE = asked.study.explainers["cae"]
    return torch.cat([MAPS["cae"](cae.explain(picture, frames=2)) for picture in asked.pictures])


ANSWERS: Mapping[str, Callable[[Question], Tensor]] = {
    "cladec": _cladec,
    "summaries": _summaries,
    "srae": _srae,
    "inversion": _inversion,
    "cae": _cae,
}
"""The answer map ``(N, H, W)`` of each method; a fitted one is in ``study.explainers``."""

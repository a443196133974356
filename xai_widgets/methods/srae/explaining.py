"""Explain pictures by the x-features of one class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from xai_widgets.methods.srae.explanation import SRAEExplanation
from xai_widgets.methods.srae.fit_data import scores
from xai_widgets.methods.srae.fitted import FittedFeatures, numbered
from xai_widgets.methods.srae.heatmaps import (
    ON_LAYER,
    HeatmapMethod,
    default_heatmap_method,
    deletion,
    enlarged,
    heatmaps,
)
from xai_widgets.methods.srae.readout import LayerReadout
from xai_widgets.methods.srae.settings import Basis


def explained(
    fitted: FittedFeatures,
    readout: LayerReadout,
    basis: Basis,
    pictures: Tensor,
    heatmap_method: HeatmapMethod | None,
    origin: Mapping[str, Any],
) -> SRAEExplanation:
    """The scores of pictures ``(N, C, H, W)`` for the class of a readout, as sums; see `SRAE.explain`."""
    study, settings, row = readout.study, readout.settings, readout.k
    logits, contributions = study.logits(pictures), readout.each(pictures)
    method = default_heatmap_method(study, settings) if heatmap_method is None else heatmap_method
    maps = heatmaps(readout, pictures, method)
    offset = fitted.map_offset if method in ON_LAYER else (0.0, 0.0)
    names, every = numbered(basis, settings.features), torch.ones(settings.features, dtype=torch.bool)
    return SRAEExplanation(
        pictures=pictures,
        class_index=fitted.classes[row],
        class_names=study.class_names,
        layer=settings.layer,
        score_name=settings.score,
        contributions=contributions,
        bias=float(readout.model.bias[row]),
        score=scores(logits, [fitted.classes[row]], settings.score)[:, 0],
        maps=maps,
        heatmap_method=method,
        map_offset=offset,
        deletion=deletion(readout.each, pictures, enlarged(maps, study.shape[1:], offset)),
        names=fitted.named(row) if basis == "srae" else names,
        alive=fitted.table.alive(row) if basis == "srae" else every,
        probabilities=logits.softmax(1),
        report=fitted.reports[row],
        origin=origin,
    )

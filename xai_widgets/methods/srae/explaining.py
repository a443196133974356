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


def explained(
    fitted: FittedFeatures,
    readout: LayerReadout,
    pictures: Tensor,
    logits: Tensor,
    heatmap_method: HeatmapMethod | None,
    origin: Mapping[str, Any],
) -> SRAEExplanation:
    """The scores of some pictures for the class of a readout, as sums.

    Parameters
    ----------
    fitted, readout
        The fit, and one of its sets of x-features.
    pictures, logits
        ``(N, C, H, W)`` in [0, 1], and the network's logits for them.
    heatmap_method
        See `heatmaps`; default `heatmaps.default_heatmap_method`.
    origin
        How the explanation was made.
    """
    study, settings, model, row = readout.study, readout.settings, readout.model, readout.k
    contributions = readout.each(pictures)
    method = heatmap_method or default_heatmap_method(study, settings)
    maps = heatmaps(readout, pictures, method)
    offset = fitted.map_offset if method in ON_LAYER else (0.0, 0.0)
    names, alive = _names_and_alive(fitted, readout)
    return SRAEExplanation(
        pictures=pictures,
        class_index=fitted.classes[row],
        class_names=study.class_names,
        layer=settings.layer,
        score_name=settings.score,
        contributions=contributions,
        bias=float(model.bias[row]),
        score=scores(logits, [fitted.classes[row]], settings.score)[:, 0],
        maps=maps,
        heatmap_method=method,
        map_offset=offset,
        deletion=deletion(readout.each, pictures, enlarged(maps, study.shape[1:], offset)),
        names=names,
        alive=alive,
        probabilities=logits.softmax(1),
        report=fitted.reports[row],
        origin=origin,
    )


def _names_and_alive(fitted: FittedFeatures, readout: LayerReadout) -> tuple[tuple[str, ...], Tensor]:
    """Names of x-features, and which ones vary; those of the baselines have numbers only, and all count."""
    if readout.model is fitted.network:
        return fitted.named(readout.k), fitted.table.alive(readout.k)
    (basis,) = (name for name, model in fitted.models.items() if model is readout.model)
    count = readout.settings.features
    return numbered(basis, count), torch.ones(count, dtype=torch.bool)

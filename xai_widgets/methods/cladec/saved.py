"""Fitted layers as tensors and plain values, and back: what a saved ClaDec holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from xai_widgets import artifact
from xai_widgets.methods.cladec.explanation import LayerReport
from xai_widgets.methods.cladec.layer import FittedLayer, Settings
from xai_widgets.study import Study

DECODER = "decoder."
"""In the names of matrices that may be rounded; an encoder's rounding errors would be blown up by the whitening."""


def layer_tensors(fitted: Mapping[str, FittedLayer], dtype: torch.dtype) -> dict[str, Tensor]:
    """The weights of layers, those of decoders in another type."""
    return {
        f"{layer}/{key}": value.to(dtype) if DECODER in key and value.dim() > 1 else value
        for layer, made in fitted.items()
        for key, value in made.state_dict().items()
        if key not in made.idle()
    }


def tensors_by_layer(tensors: Mapping[str, Tensor], layers: Collection[str]) -> dict[str, dict[str, Tensor]]:
    """What `layer_tensors` put together, by layer; names of layers may hold a "/", and begin with each other."""
    found: dict[str, dict[str, Tensor]] = {layer: {} for layer in layers}
    for key, tensor in tensors.items():
        owners = [layer for layer in layers if key.startswith(f"{layer}/")]
        if owners:
            owner = max(owners, key=len)
            found[owner][key.removeprefix(f"{owner}/")] = tensor
    return found


def restored_layer(
    study: Study, settings: Settings, layer: str, entry: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> FittedLayer:
    """A fitted layer with its own tensors and report."""
    with torch.random.fork_rng(devices=[]):  # building draws weights, which are then replaced
        fitted = FittedLayer(study, layer, tuple(entry["code"]), settings)
    missing, unexpected = artifact.put_into(fitted, tensors, strict=False)
    if unexpected or not fitted.idle().issuperset(missing):
        raise KeyError(f"{layer}: {', '.join([*unexpected, *missing][:3])}")
    fitted.report = LayerReport(**entry["report"] | {"problems": tuple(entry["report"]["problems"])})
    return fitted.eval()

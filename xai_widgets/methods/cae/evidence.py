"""The evidence: the layer from which the classifier computes its logits."""

from __future__ import annotations

import torch
from torch import Tensor

from xai_widgets.methods.common.codes import before_logits
from xai_widgets.study import Study


def evidence_layer(study: Study) -> str | None:
    """The layer from which the logits are computed; None for a model of a single layer: its logits are all there is."""
    return before_logits(study)


def read_layer(study: Study, pictures: Tensor, layer: str | None) -> tuple[Tensor, Tensor]:
    """Logits ``(N, K)`` and evidence ``(N, E)`` of one batch, differentiable; call it inside ``study.borrowed()``."""
    if layer is None:
        logits = study.forward(pictures)
        return logits, logits
    logits, recorded = study.forward_and_record(pictures, [layer])
    return logits, pooled(study.layer(layer).layout.whole(recorded[layer].float()))


def pooled(code: Tensor) -> Tensor:
    """A code as one vector: of a map the mean and the maximum of every channel, since evidence may be small."""
    return code if code.dim() == 2 else torch.cat([code.mean((2, 3)), code.amax((2, 3))], dim=1)

"""The evidence: the layer from which the classifier computes its logits."""

from __future__ import annotations

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.layers import as_code
from xai_widgets.study import Study


def evidence_layer(study: Study) -> str | None:
    """The last layer that is not the logits; None for a model of a single layer, whose logits then are all there is."""
    inner = [layer.name for layer in study.layers() if layer.shape != (study.classes,)]
    return inner[-1] if inner else None


def read_layer(study: Study, pictures: Tensor, layer: str | None) -> tuple[Tensor, Tensor]:
    """Logits ``(N, K)`` and evidence ``(N, E)`` of one batch, differentiable; call it inside ``study.borrowed()``."""
    if layer is None:
        logits = study.forward(pictures)
        return logits, logits
    logits, recorded = study.forward_and_record(pictures, [layer])
    return logits, pooled(as_code(recorded[layer].float(), study.shape[1:]))


def require_gradients(study: Study) -> None:
    """Raise an `XaiWidgetsError` unless the classifier lets gradients through to its pictures."""
    with study.borrowed(), torch.enable_grad():
        logits = study.forward(torch.zeros(1, *study.shape, requires_grad=True))
    if not logits.requires_grad:
        raise XaiWidgetsError("the classifier gives no gradients, by which a CAE is fitted; is it under torch.no_grad?")


def pooled(code: Tensor) -> Tensor:
    """A code as one vector: of a map the mean and the maximum of every channel, since evidence may be small."""
    return code if code.dim() == 2 else torch.cat([code.mean((2, 3)), code.amax((2, 3))], dim=1)

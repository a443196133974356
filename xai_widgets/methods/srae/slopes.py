"""What the network itself says of a layer: how much a score rises with the mean of each channel.

A regression has to learn this from pictures, and a few hundred photos are too few for the thousand channels of a layer.
Where the layer is averaged and goes through one linear layer, the slopes are all there is, and photos are not needed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from xai_widgets.methods.srae.fit_data import FitData, scores
from xai_widgets.methods.srae.positions import positions

ASKED = 32
"""So many pictures are asked; slopes are means over them."""


def slopes(data: FitData) -> Tensor:
    """Slopes ``(D, K)`` of the scores, of the channels of the positions; 0 if the classifier gives no gradients."""
    study, layer = data.cached.study, data.settings.layer
    cut: list[Tensor] = []

    def leaf(activation: Tensor) -> Tensor:
        cut.append(activation.detach().clone().requires_grad_())
        return cut[0] * 1  # the next layers may work in place, which no leaf allows

    with study.borrowed(), torch.enable_grad():
        logits = study.forward_replacing(data.cached.picture(slice(0, ASKED)), layer, leaf)
        rising = scores(logits, data.classes, data.settings.score).sum(0)
        found = [_gradient(one, cut[0]) for one in rising]
    code, view = study.layer(layer).code, data.settings.view
    each = [positions(code(one.float()), "flat" if view == "flat" else "spatial").sum(1).mean(0) for one in found]
    return torch.stack(each, 1).cpu()


def _gradient(score: Tensor, of: Tensor) -> Tensor:
    if not score.requires_grad:
        return torch.zeros_like(of)
    return torch.autograd.grad(score, of, retain_graph=True, materialize_grads=True, allow_unused=True)[0]

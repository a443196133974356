"""One pass of a model, of whose layers gradients can be taken, and what these tell."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.layers import run_replacing
from xai_widgets.study import Study


class Inner:
    """One pass, of whose layers gradients can be taken; to be made inside `study.borrowed()`, with gradients on."""

    def __init__(self, study: Study, pictures: Tensor, layers: Sequence[str]) -> None:
        self._layers = [study.layer(name) for name in layers]
        self._outputs: dict[str, Tensor] = {}
        self.logits = self._run(study, pictures, layers)

    def attributions(self, scores: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Each layer's maps, and the gradients of the sum of some scores of the logits; they can be asked for again."""
        outputs = [self._outputs[layer.name] for layer in self._layers]
        found: Sequence[Tensor | None] = [None] * len(outputs)
        if scores.requires_grad:
            found = torch.autograd.grad(scores.sum(), outputs, retain_graph=True, allow_unused=True)
        gradients = [torch.zeros_like(one) if own is None else own for one, own in zip(outputs, found, strict=True)]
        return [
            (layer.code(output.detach()), layer.code(gradient))
            for layer, output, gradient in zip(self._layers, outputs, gradients, strict=True)
        ]

    def _run(self, study: Study, pictures: Tensor, layers: Sequence[str]) -> Tensor:
        if not layers:
            return study.forward(pictures)
        name, *others = layers

        def keep(output: Tensor) -> Tensor:
            single = output.float()
            self._outputs[name] = single if single.requires_grad else single.detach().clone().requires_grad_()
            return (self._outputs[name] * 1).to(output.dtype)  # the next layers may work in place, as no leaf allows

        return run_replacing(study.network, lambda: self._run(study, pictures, others), name, keep)


def mattering(study: Study, layers: Sequence[str]) -> set[str]:
    """Those of some layers on whose code the answer to a picture of the study depends; none if it has no gradients."""
    picture, _ = study.load(study.train, [0])
    with study.borrowed(), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of operations that have no gradient, as those of quantised layers
        inner = Inner(study, picture, layers)
        logs = study.scores.log_probabilities(inner.logits)
        # The log-probability of the most probable class has no gradient left where the classifier is sure.
        found = inner.attributions(logs[0, logs.argmin()])
    return {name for name, (_, gradient) in zip(layers, found, strict=True) if (gradient != 0).any()}


def evidence(maps: Tensor, gradient: Tensor) -> Tensor:
    """Where a layer has evidence for what the gradient is of, ``(N, 1, h, w)`` in [0, 1]; 1 everywhere without any.

    The square root, so that weak evidence counts, too, of ``max(0, sum over channels of activation x gradient)``,
    scaled to a maximum of 1 and spread to the neighbouring cells.
    """
    found = (maps * gradient).sum(1, keepdim=True).clamp_min(0)
    # Scaled first: gradients of a sure classifier are tiny.
    return F.max_pool2d(scaled(found).sqrt(), 3, stride=1, padding=1)


def scaled(found: Tensor) -> Tensor:
    """Evidence ``(N, 1, h, w)`` with a maximum of 1; 1 everywhere where there is none."""
    most = found.amax((2, 3), keepdim=True)
    return torch.where(most > 0, found / most.clamp_min(torch.finfo(most.dtype).tiny), torch.ones_like(found))

"""A layer's output as positions with channels, ``(N, P, D)``, and changes of them brought back into the layer."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from xai_widgets.errors import LayerError
from xai_widgets.layout import Layout
from xai_widgets.methods.common.codes import read_codes
from xai_widgets.methods.common.inner import mattering
from xai_widgets.study import Study

View = Literal["spatial", "pooled", "flat"]
VIEWS: tuple[View, ...] = ("spatial", "pooled", "flat")


def positions(code: Tensor, view: View) -> Tensor:
    """A code, maps ``(N, C, H, W)`` or vectors ``(N, D)``, as P positions with D channels each, ``(N, P, D)``."""
    if code.dim() == 2:
        return code[:, None]
    if view == "spatial":
        return code.flatten(2).transpose(1, 2)
    return (code.mean((2, 3)) if view == "pooled" else code.flatten(1))[:, None]


def grid(code: Tensor, view: View) -> tuple[int, int]:
    """Rows and columns of the positions."""
    spatial = code.dim() == 4 and view == "spatial"
    return (code.shape[2], code.shape[3]) if spatial else (1, 1)


def changed(raw: Tensor, change: Tensor, view: View, layout: Layout, *, nonnegative: bool) -> Tensor:
    """A layer's output ``(N, ...)``, with a change ``(N, P, D)`` of its positions brought back; other tokens stay.

    A change of the mean over the positions applies to each of them; in a layer that is never negative (`nonnegative`,
    which cuts what falls below zero), as a factor, so that the mean can really become what it should.
    """
    code = _as_code(change.to(raw), layout.code(raw), view, nonnegative=nonnegative)
    moved = raw + layout.put(code, torch.zeros_like(raw))
    return moved.clamp_min(0) if nonnegative else moved


def _as_code(change: Tensor, code: Tensor, view: View, *, nonnegative: bool) -> Tensor:
    """A change ``(N, P, D)`` of the positions in the form of the code."""
    if code.dim() == 2:
        return change[:, 0]
    if view == "pooled":
        each = change[:, 0, :, None, None].expand_as(code)
        mean = code.mean((2, 3), keepdim=True)
        return torch.where(mean > 0, each * code / mean.clamp_min(1e-12), each) if nonnegative else each
    return (change.transpose(1, 2) if view == "spatial" else change).reshape(code.shape)


def measured_offset(study: Study, layer: str, pictures: Tensor) -> tuple[float, float]:
    """How many pixels lower and further right a layer's positions look than an even grid over the picture would.

    Padded strides move the receptive fields to the upper left, by up to half a cell. Measured on some pictures at the
    middle position, as the centre of its gradients; 0 where the network gives none, or the layer has no positions.
    """
    with study.borrowed(), torch.enable_grad():
        seen = pictures.detach().clone().requires_grad_()
        code = read_codes(study, seen, [layer])[layer]
        if code.dim() == 2 or not code.requires_grad:
            return 0.0, 0.0
        middle = (code.shape[2] // 2, code.shape[3] // 2)
        own = code[:, :, middle[0], middle[1]].sum()
        gradient = torch.autograd.grad(own, seen, allow_unused=True, materialize_grads=True)[0]
    mass = gradient.abs().sum((0, 1))
    down, right = (
        _centre(mass.sum(1 - axis)) - (at + 0.5) * side / count
        for axis, (at, side, count) in enumerate(zip(middle, study.shape[1:], code.shape[2:], strict=True))
    )
    return down, right


def _centre(mass: Tensor) -> float:
    """The mean position of a mass ``(n,)``, each entry at its middle."""
    if not mass.sum() > 0:
        return len(mass) / 2
    return float((mass * (torch.arange(len(mass), device=mass.device) + 0.5)).sum() / mass.sum())


def last_spatial_layer(study: Study, layer: str) -> str | None:
    """The last layer with positions that comes no later than `layer`, if there is one."""
    entries = study.layers()
    before = entries[: [entry.name for entry in entries].index(layer) + 1]
    found = [entry.name for entry in before if entry.places]
    return found[-1] if found else None


def default_layer(study: Study) -> str:
    """The last layer with positions (maps or tokens) that matter; without one, the last one before the logits.

    Of the last tokens of many transformers only the class token is read: a change of their positions changes nothing.
    What is inside a block comes last, and so do frames around most of the blocks.

    A `LayerError` if the model is a single layer: there is nothing between the pictures and the logits.
    """
    inner = [layer for layer in study.layers() if layer.shape != (study.classes,)]
    if not inner:
        raise LayerError(
            "the model is a single layer, or was scripted, traced or exported: it has no inner layer whose x-features "
            "could be found; give the original Python module"
        )
    spatial = [layer.name for layer in reversed(inner) if layer.places] or [inner[-1].name]
    blocks = [f"{block.name}." for block in study.blocks()]

    def is_part_or_frame(name: str) -> bool:
        inside = sum(block.startswith(f"{name}.") and block != f"{name}." for block in blocks)
        return name.startswith(tuple(blocks)) or 2 * inside > len(blocks)

    return next((name for name in sorted(spatial, key=is_part_or_frame) if mattering(study, [name])), spatial[0])


def layer_and_view(
    study: Study, layer: str | None, view: View | None = None, *, spatial: View = "spatial"
) -> tuple[str, View]:
    """A layer's name, by default `default_layer`; and its view, by default `spatial` if it has positions, or "flat"."""
    name = default_layer(study) if layer is None else study.layer(layer).name
    own = spatial if study.layer(name).places else "flat"
    return name, own if view is None else view

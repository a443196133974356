"""A layer's output as positions with channels, ``(N, P, D)``, and changes of them brought back into the layer."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from xai_widgets.errors import LayerError
from xai_widgets.layers import Layer, as_code
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


def changed(raw: Tensor, change: Tensor, view: View, picture: tuple[int, int], *, nonnegative: bool) -> Tensor:
    """A layer's output, with a change of its positions brought back into it.

    Parameters
    ----------
    raw
        Output of the layer ``(N, ...)``: maps, tokens or vectors.
    change
        ``(N, P, D)``, as `positions` gives them. A change of the mean over the positions applies to each of them; in a
        layer that is never negative, as a factor, so that the mean can really become what it should.
    view
        How the positions were made.
    picture
        Height and width of the picture, which decide the proportions of a token grid.
    nonnegative
        Cut what falls below zero: the layer never does.
    """
    code = as_code(raw, picture)
    moved = raw + _as_layer(_as_code(change.to(raw), code, view, nonnegative=nonnegative), raw)
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


def _as_layer(change: Tensor, raw: Tensor) -> Tensor:
    """A change of a code in the form of the layer: undoes `layers.as_code`."""
    if raw.dim() != 3 or change.dim() == 2:
        return change.reshape(raw.shape)
    channels = raw.shape[2]
    cells = change[:, :channels].flatten(2).transpose(1, 2)
    if change.shape[1] == channels:
        return cells
    # The class token stands in every cell; its change is their mean.
    return torch.cat([change[:, channels:].mean((2, 3))[:, None], cells], dim=1)


def measured_offset(study: Study, layer: str, pictures: Tensor) -> tuple[float, float]:
    """How many pixels lower and further right a layer's positions look than an even grid over the picture would.

    Padded strides move the receptive fields to the upper left, by up to half a cell. Measured at the middle position,
    as the centre of its gradients; 0 where the network gives none, or the layer has no positions.

    Parameters
    ----------
    study, layer
        Whose layer.
    pictures
        Some ``(N, C, H, W)`` in [0, 1].
    """
    sides = (study.shape[1], study.shape[2])
    with study.borrowed(), torch.enable_grad():
        seen = pictures.detach().clone().requires_grad_()
        code = as_code(study.record(seen, [layer])[layer].float(), sides)
        if code.dim() == 2 or not code.requires_grad:
            return 0.0, 0.0
        middle = (code.shape[2] // 2, code.shape[3] // 2)
        (gradient,) = torch.autograd.grad(code[:, :, middle[0], middle[1]].sum(), seen)
    mass = gradient.abs().sum((0, 1))
    down, right = (
        _centre(mass.sum(1 - axis)) - (at + 0.5) * side / count
        for axis, (at, side, count) in enumerate(zip(middle, sides, code.shape[2:], strict=True))
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
    found = [entry.name for entry in before if is_spatial(entry, study)]
    return found[-1] if found else None


def default_layer(study: Study) -> str:
    """The last layer that has positions (maps or tokens); without one, the last one before the logits.

    Raises
    ------
    LayerError
        If the model is a single layer: there is nothing between the pictures and the logits.
    """
    inner = [layer for layer in study.layers() if layer.shape != (study.classes,)]
    if not inner:
        raise LayerError("the model is a single layer: it has no inner layer whose x-features could be found")
    spatial = [layer for layer in inner if is_spatial(layer, study)]
    return (spatial or inner)[-1].name


def is_spatial(layer: Layer, study: Study) -> bool:
    """Whether a layer gives maps, or tokens that can be laid out as a grid."""
    if len(layer.shape) == 3:
        return max(layer.shape[1:]) > 1
    return len(layer.shape) == 2 and as_code(torch.zeros(1, *layer.shape), study.shape[1:]).dim() == 4


def layer_and_view(
    study: Study, layer: str | None, view: View | None = None, *, spatial: View = "spatial"
) -> tuple[str, View]:
    """A layer's name, by default `default_layer`; and its view, by default `spatial` if it has positions, or "flat"."""
    name = default_layer(study) if layer is None else study.layer(layer).name
    own = spatial if is_spatial(study.layer(name), study) else "flat"
    return name, own if view is None else view

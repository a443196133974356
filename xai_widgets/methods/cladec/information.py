"""What a reconstruction still tells: in bits per pixel, and by aspect (colour, shape, texture, position, ...)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from xai_widgets.methods.common.blur import blur

FLOOR = 1 / 255**2
"""Squared error below which two errors count as equal: one step of an 8-bit picture."""

ASPECTS = ("luminance", "colour", "shape", "texture", "position", "contrast")
"""Of a picture, each measured apart from the others."""


def smoothed_error(pictures: Tensor, rebuilt: Tensor) -> Tensor:
    """Squared error ``(N, H, W)``, mean over colours, smoothed by a Gaussian of H / 32 pixels."""
    return blur((pictures - rebuilt).square().mean(1, keepdim=True), pictures.shape[-2] / 32)[:, 0]


def bits(error: Tensor, baseline: Tensor) -> Tensor:
    """Information kept, ``log2(baseline / error) / 2`` bits; 0 where as good as the baseline, negative where worse."""
    kept: Tensor = 0.5 * torch.log2((baseline + FLOOR) / (error + FLOOR))
    return kept


def variance_kept(pictures: Tensor, rebuilt: Tensor) -> float:
    """R squared of reconstructions: 1 for perfect ones, 0 for the mean picture, negative for worse."""
    spread = (pictures - pictures.mean(0)).square().mean()
    return float(1 - (pictures - rebuilt).square().mean() / spread.clamp_min(FLOOR))


def correlation_kept(wanted: Tensor, got: Tensor) -> float:
    """Squared correlation (0 for a negative one) of numbers ``(N, D)`` over the pictures, mean over D."""
    theirs, ours = wanted - wanted.mean(0), got - got.mean(0)
    lengths = theirs.norm(dim=0) * ours.norm(dim=0)
    correlation = (ours * theirs).sum(0) / lengths.clamp_min(torch.finfo(lengths.dtype).tiny)
    return float((correlation.clamp(0, 1).square() * _varies(got)).mean())


def aspects_kept(pictures: Tensor, rebuilt: Tensor) -> dict[str, float]:
    """Share of the variation kept for each of `ASPECTS` of pictures ``(N, C, H, W)``; those that do not vary left out.

    R squared for what is a picture itself. Of what is a number or two for each picture, the squared correlation: a
    conditional mean has less contrast than any picture, and may still tell which pictures have more of it.
    """
    found = {}
    got = _aspects(rebuilt)
    for name, wanted in _aspects(pictures).items():
        varies = _varies(wanted)
        if wanted.dim() == 2 and varies.any():
            found[name] = correlation_kept(wanted[:, varies], got[name][:, varies])
        elif varies.any():
            found[name] = variance_kept(wanted, got[name])
    return {name: found[name] for name in ASPECTS if name in found}


def _varies(values: Tensor) -> Tensor:
    """Which numbers differ from picture to picture by more than rounding."""
    return (values - values.mean(0)).square().mean(0) > FLOOR / 100


def _aspects(pictures: Tensor) -> Mapping[str, Tensor]:
    grey = pictures.mean(1, keepdim=True)
    coarse = blur(grey, pictures.shape[-2] / 16)
    found = {
        "luminance": grey.mean((1, 2, 3)).unsqueeze(1),
        "shape": coarse - coarse.mean((2, 3), keepdim=True),
        "texture": grey - coarse,
        "position": _centroid((coarse - coarse.mean((2, 3), keepdim=True)).square()),
        "contrast": grey.flatten(1).std(1).unsqueeze(1),
    }
    if pictures.shape[1] > 1:
        found["colour"] = pictures - grey
    return found


def _centroid(weight: Tensor) -> Tensor:
    """Row and column, in [0, 1], of the centre of mass of ``(N, 1, H, W)``."""
    rows, columns = (torch.linspace(0, 1, side, device=weight.device) for side in weight.shape[-2:])
    total = weight.sum((1, 2, 3)) + FLOOR
    row = (weight.sum((1, 3)) * rows).sum(1) / total
    return torch.stack([row, (weight.sum((1, 2)) * columns).sum(1) / total], dim=1)

"""What a layer keeps and loses, measured with ClaDec on drawn birds."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.lessons.birds import places
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.cladec.explanation import SPOKEN

ERRORS = {"cladec": "ClaDec", "reference": "auto-encoder", "ridge": "linear decoder", "mean": "mean picture"}
"""The names of a report's errors in a chart."""


def errors(cladec: ClaDec) -> dict[str, dict[str, float]]:
    """The mean squared errors of each fitted layer on held-out pictures, by decoder."""
    reports = {layer: cladec.report(layer).error for layer in cladec.layers}
    return {layer: {ERRORS[name]: value for name, value in error.items()} for layer, error in reports.items()}


def kept(cladec: ClaDec) -> dict[str, list[float]]:
    """For each aspect of a picture, the share of the auto-encoder's information that each fitted layer keeps."""
    shares = [cladec.report(layer).shares() for layer in cladec.layers]
    return {aspect: [of_layer[aspect] for of_layer in shares] for aspect in shares[0]}


def dial(cladec: ClaDec, layer: str, pictures: Tensor, alphas: Sequence[float]) -> dict[str, list[float]]:
    """What alpha changes: the error as a multiple of the smallest one, and how often the predicted class survives."""
    found = [cladec.explain(pictures, layer, alpha=alpha) for alpha in alphas]
    error = torch.stack([(one.cladec - pictures).square().mean() for one in found])
    winners = [(one.predictions["cladec"].argmax(1), one.predictions["original"].argmax(1)) for one in found]
    survives = [float((ours == theirs).float().mean()) for ours, theirs in winners]
    return {"error, relative": (error / error.min()).tolist(), "same predicted class": survives}


def arriving(cladec: ClaDec, layer: str, before: Tensor, after: Tensor) -> dict[str, float]:
    """How much of a change of pictures ``(N, C, H, W)`` arrives in their reconstructions: 1 is all of it, 0 nothing."""
    old, new = (cladec.explain(pictures, layer).versions() for pictures in (before, after))
    change = after - before
    arrived = {SPOKEN[name]: new[name] - old[name] for name in old if name != "original"}
    return {name: float((change * seen).sum() / change.square().sum()) for name, seen in arrived.items()}


def lost_beyond(cladec: ClaDec, birds: BirdPictures, count: int) -> dict[str, dict[str, float]]:
    """What each fitted layer loses beyond the auto-encoder on the background and on the deciding parts of some birds.

    A loss is the squared error divided by that of the mean picture at the same pixels: 0 is a perfect reconstruction
    and 1 is as good as knowing nothing. So bright parts, where all errors are large, do not weigh more.
    """
    pictures = torch.stack([birds[index][0] for index in range(count)])
    where = places(birds, count)
    return {
        layer: {name: _lost(cladec, layer, pictures, own) for name, own in where.items()} for layer in cladec.layers
    }


def _lost(cladec: ClaDec, layer: str, pictures: Tensor, where: Tensor) -> float:
    shown = cladec.explain(pictures, layer)
    baseline = _error(shown.mean_picture, pictures, where)
    ours, theirs = (_error(shown.versions()[name], pictures, where) / baseline for name in ("cladec", "reference"))
    return float(ours - theirs)


def _error(guess: Tensor, pictures: Tensor, where: Tensor) -> Tensor:
    return (guess - pictures).square().mean(1)[where].mean()

"""How much of each method's explanation is the square, or the colour, that a network may cheat with.

Each fit has the settings of its preset but for its length: `Lengths` gives ours and the published method about the same
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan

import torch
from torch import Tensor

import xai_widgets as xw
from benchmarks.papers import clothes
from benchmarks.papers import maps as scored
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cladec.information import bits
from xai_widgets.methods.srae.heatmaps import enlarged
from xai_widgets.progress import Progress
from xai_widgets.scores import cae_answers
from xai_widgets.scores.counterfactual_measures import dilated
from xai_widgets.study import Study

LAYER = "dense"
"""Of ClaDec: the last layer before the logits."""

PAPER_WIDTH = 6
"""Of the published CAE's networks: as wide as published, an epoch takes hours."""

LEAST = 0.05
"""Bits per pixel that an auto-encoder must keep for a share of them to mean anything."""

GARMENT = 0.1
"""Grey above which a pixel shows the garment."""


STRENGTH = 0.1
"""A change of which less than this share is left beside one of strength is no change of colour."""


@dataclass(frozen=True)
class Lengths:
    """Epochs of ours and of the published method, which take about as long on a CPU."""

    cladec: int
    cladec_paper: int
    srae: int
    srae_paper: int
    cae: int
    cae_paper: int


@dataclass(frozen=True, eq=False)
class Asked:
    """Pictures that the network gets right, their classes, classes to reach, and where squares are (if any)."""

    pictures: Tensor
    sources: Tensor
    targets: Tensor
    squares: Tensor

    def __len__(self) -> int:
        return len(self.pictures)

    def on_square(self, maps: Tensor) -> float:
        """Mean share of maps ``(N, H, W)`` on the square and the pixels next to it."""
        return float(scored.share(maps, dilated(self.squares, 1)).mean())


# --- fits --------------------------------------------------------------------------------------------------------


def cladec(study: Study, lengths: Lengths, seed: int, progress: Progress, *, paper: bool = False) -> xw.ClaDec:
    """ClaDec of the last layer before the logits."""
    if not paper:
        return xw.ClaDec(study, LAYER, epochs=lengths.cladec, seed=seed).fit(progress=progress)
    settings = xw.ClaDec.paper(study, LAYER, seed=seed).settings
    short = replace(settings.recipe, epochs=lengths.cladec_paper, milestones=())
    settings = replace(settings, recipe=short, reference_recipe=short)
    return xw.ClaDec(study, LAYER, settings=settings).fit(progress=progress)


def srae(study: Study, lengths: Lengths, seed: int, progress: Progress, *, paper: bool = False) -> xw.SRAE:
    """x-features of all classes."""
    made = (
        xw.SRAE.paper(study, epochs=lengths.srae_paper, seed=seed)
        if paper
        else xw.SRAE(study, epochs=lengths.srae, seed=seed)
    )
    return made.fit(progress=progress)


def walks(
    study: Study, asked: Asked, lengths: Lengths, seed: int, progress: Progress, *, paper: bool = False
) -> cae_answers.Walks:
    """Counterfactuals of a CAE."""
    made = (
        xw.CAE.paper(study, epochs=lengths.cae_paper, width=PAPER_WIDTH, seed=seed)
        if paper
        else xw.CAE(study, epochs=lengths.cae, seed=seed)
    )
    # It reads pictures, sources and targets, which both kinds of questions have.
    return cae_answers.walk(made.fit(progress=progress), "straight", asked, progress)  # type: ignore[arg-type]


# --- on the square -----------------------------------------------------------------------------------------------


def kept_on_square(fitted: xw.ClaDec, asked: Asked) -> float:
    """Share of the auto-encoder's bits that the layer keeps on the square, minus that on the garment."""
    shown = fitted.explain(asked.pictures)
    garment = (asked.pictures.mean(1) > GARMENT) & ~dilated(asked.squares, 1)
    mean = shown.mean_picture.expand_as(asked.pictures)

    def kept(rebuilt: Tensor, where: Tensor) -> float:
        error, baseline = (((asked.pictures - one) ** 2).mean(1)[where].mean() for one in (rebuilt, mean))
        return float(bits(error, baseline))

    reference = shown.original if shown.reference is None else shown.reference
    on_square, on_garment = (
        min(max(kept(shown.cladec, where), 0.0) / max(kept(reference, where), LEAST), 1.0)
        for where in (asked.squares, garment)
    )
    return on_square - on_garment


def summarised(finder: xw.VisualSummaries, classes: Sequence[int], progress: Progress) -> float:
    """Share of the pixels of sound summaries on squares, over some classes; NaN where no summary is sound."""
    inside, total = 0.0, 0.0
    for k in classes:
        try:
            found = finder.find(k, progress=progress)
        except XaiWidgetsError:  # too few pictures that the network gets right
            continue
        squares = dilated(where_squares(finder.study.load(finder.pictures, found.indices.tolist())[0]), 1)
        pieces = [found.regions[member] for summary in found.kept for member in summary.members]
        inside += sum(float((piece.pixels & squares[piece.picture]).sum()) for piece in pieces)
        total += sum(float(piece.pixels.sum()) for piece in pieces)
    return inside / total if total else nan


def where_squares(pictures: Tensor) -> Tensor:
    """Where the squares are: at the one place that is all white."""
    blank = torch.zeros(clothes.CLASSES, 1, clothes.SIDE, clothes.SIDE)
    _, places = clothes.with_decoy(blank, torch.arange(clothes.CLASSES))
    white = torch.stack([(pictures[:, 0] * place).sum((1, 2)) for place in places], 1)
    return places[white.argmax(1)]


def strongest(fitted: xw.SRAE, asked: Asked) -> Tensor:
    """For each picture the positive part of the map of the x-feature that adds most, ``(N, H, W)``."""
    maps = torch.zeros(len(asked), clothes.SIDE, clothes.SIDE)
    for k in asked.sources.unique().tolist():
        rows = (asked.sources == k).nonzero().flatten()
        found = fitted.explain(asked.pictures[rows], k)
        own = found.maps[torch.arange(len(rows)), found.contributions.argmax(1)][:, None].clamp_min(0)
        maps[rows] = enlarged(own, (clothes.SIDE, clothes.SIDE))[:, 0]
    return maps


def changed(found: cae_answers.Walks) -> Tensor:
    """Squared change of each pixel, ``(N, H, W)``."""
    return (found.likely.after - found.likely.before).square().sum(1)


# --- colour ------------------------------------------------------------------------------------------------------


def recoloured(before: Tensor, after: Tensor) -> Tensor:
    """Share ``(N,)`` of a squared change, beyond one of strength, that another colour of the old picture explains.

    A change that is next to one of strength alone, such as darker cloth, is no change of colour.
    """
    value = before.amax(1, keepdim=True)
    colour = (value * after).sum((2, 3)) / value.square().sum((2, 3)).clamp_min(1e-9)
    strength = (before * after).sum((1, 2, 3)) / before.square().sum((1, 2, 3)).clamp_min(1e-9)
    guesses = strength[:, None, None, None] * before, colour[:, :, None, None] * value
    of_strength, of_colour = ((after - guess).square().sum((1, 2, 3)) for guess in guesses)
    change = (after - before).square().sum((1, 2, 3))
    return ((of_strength - of_colour) / torch.maximum(of_strength, STRENGTH * change).clamp_min(1e-9)).clamp(0, 1)

"""The regions of crisp masks: connected pieces, split where parts touch, each with its effect on the score."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.summaries.masks import Pixels, components
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.study import Study

NECK = 1.5
"""Two parts are told apart where each is at least so many times as thick as what joins them."""


@dataclass(frozen=True, eq=False)
class Region:
    """One piece of evidence: a connected region of a mask.

    Attributes
    ----------
    picture, mask
        Index of the picture among the masks' pictures, and of the mask among the picture's masks.
    pixels
        Bool ``(H, W)``.
    before
        The class's probability for the whole picture.
    removed, kept
        The same with only this region removed, and with only this region kept.
    evidence
        Loss of the class's log-odds (nats) with this region alone; unlike probabilities it does not saturate.
    """

    picture: int
    mask: int
    pixels: Tensor
    before: float
    removed: float
    kept: float
    evidence: float

    @property
    def area(self) -> float:
        """Share of the picture."""
        return float(self.pixels.float().mean())

    @property
    def centre(self) -> tuple[float, float]:
        """Mean row and column of its pixels, as shares of height and width in [0, 1]."""
        row, column = ((index.float().mean() + 0.5) for index in self.pixels.nonzero(as_tuple=True))
        height, width = self.pixels.shape
        return float(row) / height, float(column) / width

    @property
    def box(self) -> tuple[int, int, int, int]:
        """First row, first column, and the row and column behind the last."""
        rows, columns = self.pixels.nonzero(as_tuple=True)
        return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1

    @property
    def drop(self) -> float:
        """Share of the class's probability that is lost with this region alone; negative if it rises."""
        return (self.before - self.removed) / max(self.before, 1e-12)

    @property
    def drop_per_pixel(self) -> float:
        """Drop over the number of pixels."""
        return self.drop / int(self.pixels.sum())


def regions(
    study: Study, masks: Masks, *, smallest: float = 0.0025, neck: float = NECK, kinds: Tensor | None = None
) -> tuple[Region, ...]:
    """All regions of masks that were found for this study, those of one mask from the largest to the smallest.

    Regions below the share `smallest` of the picture are left out. Two touching parts become two regions if each is at
    least `neck` (1 or more, infinite for no splitting) times as thick as the neck between them. With `kinds`
    ``(N, H, W)``, pixels of different kinds are in different regions, which are then not cut at necks. Raises an
    `XaiWidgetsError` if the masks were found for another classifier.
    """
    if not 0 <= smallest < 1 or not neck >= 1:
        raise XaiWidgetsError(f"smallest is {smallest} and must be 0 to 1; neck is {neck} and must be 1 or more")
    if masks.origin["model"] != study.fingerprint:
        raise XaiWidgetsError(f"these masks belong to another classifier than {study!r}; find them anew")
    pieces = [
        (picture, mask, torch.from_numpy(piece))
        for picture, mask in masks.found.nonzero().tolist()
        for part in _of_one_kind(masks.masks[picture, mask], None if kinds is None else kinds[picture])
        for piece in split(part.numpy(), neck if kinds is None else math.inf)
        if piece.mean() >= smallest
    ]
    return _scored(study, masks, pieces) if pieces else ()


def _of_one_kind(mask: Tensor, kinds: Tensor | None) -> list[Tensor]:
    return [mask] if kinds is None else [mask & (kinds == kind) for kind in kinds[mask].unique()]


def split(mask: Pixels, neck: float = NECK) -> list[Pixels]:
    """Disjoint pieces of a mask ``(H, W)`` that make it up: connected, cut at narrow necks; the largest first."""
    whole = components(mask)
    pieces = [part for component in whole for part in _cut(component, neck)] if math.isfinite(neck) else whole
    return sorted(pieces, key=lambda piece: -int(piece.sum()))


def _cut(component: Pixels, neck: float) -> list[Pixels]:
    """One component, cut at its necks by a watershed from the thick places."""
    # The edge of the picture bounds a component, too.
    depth = ndimage.distance_transform_edt(np.pad(component, 1))[1:-1, 1:-1]
    seeds = _seeds(depth, component, neck)
    if len(seeds) < 2:
        return [component]
    markers = np.zeros(component.shape, dtype=np.int32)
    for number, seed in enumerate(seeds, 1):
        markers[seed] = number
    markers[~component] = -1
    height = (65535 * (1 - depth / depth.max())).astype(np.uint16)
    labels = ndimage.watershed_ift(height, markers, structure=np.ones((3, 3), dtype=bool))
    return [labels == number for number in range(1, len(seeds) + 1)]


def _seeds(depth: npt.NDArray[np.float64], within: Pixels, neck: float) -> list[Pixels]:
    """Thick places of a component: those that a rising threshold of depth parts, each `neck` times as deep as it."""
    for level in np.unique(depth[within]):
        labels, count = ndimage.label(within & (depth > level))
        deep = [labels == k for k in range(1, count + 1) if depth[labels == k].max() >= neck * level]
        if len(deep) > 1:
            return [seed for part in deep for seed in _seeds(depth, part, neck)]
    return [within]


def _scored(study: Study, masks: Masks, pieces: list[tuple[int, int, Tensor]]) -> tuple[Region, ...]:
    rows = torch.tensor([picture for picture, _, _ in pieces])
    classes = masks.class_index[rows]
    pixels = torch.stack([piece for _, _, piece in pieces])[:, None]
    pictures, baselines = masks.pictures[rows], masks.baselines[rows]
    before = study.scores.log_odds(study.logits(masks.pictures)[rows], classes)
    removed = study.scores.log_odds(study.logits(torch.where(pixels, baselines, pictures)), classes)
    kept = study.scores.log_odds(study.logits(torch.where(pixels, pictures, baselines)), classes)
    scores = torch.stack([masks.before[rows], removed.sigmoid(), kept.sigmoid(), before - removed], 1).tolist()
    return tuple(Region(*piece, *score) for piece, score in zip(pieces, scores, strict=True))

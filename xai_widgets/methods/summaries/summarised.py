"""From the crisp masks of a class to its summaries: regions, how alike they are, groups, and whether to trust each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from xai_widgets.methods.masking import fineness
from xai_widgets.methods.summaries.descriptors import layer_likeness
from xai_widgets.methods.summaries.judge import judged
from xai_widgets.methods.summaries.kinds import DIRECTIONS, KINDS, kinds
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.paper_likeness import proposal_flow
from xai_widgets.methods.summaries.regions import Region, regions
from xai_widgets.methods.summaries.summary import Summary
from xai_widgets.progress import Progress
from xai_widgets.study import Study

SIMILARITIES = ("layer", "proposal flow")
"""What makes two regions alike is what the network sees in them, or the published score of shape and place."""


def summarised(
    study: Study,
    masks: Masks,
    layer: str,
    *,
    similarity: str = SIMILARITIES[0],
    count: int = KINDS,
    directions: int = DIRECTIONS,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[tuple[Region, ...], Tensor, tuple[Summary, ...]]:
    """The regions, how alike they are ``(R, R)``, and their groups.

    In photos there are `count` kinds of places, which differ in so many `directions` of the layer.
    Pictures whose baseline still shows the class have no regions.
    """
    progress = progress or Progress()
    options = {"count": count, "directions": directions, "seed": seed}
    seen = kinds(study, masks, layer, **options) if similarity == SIMILARITIES[0] else None
    sides = (masks.masks.shape[2], masks.masks.shape[3])
    where = seen.where(sides) if seen else None
    found = regions(study, masks, smallest=fineness.smallest(min(sides)), kinds=where)
    pieces = tuple(piece for piece in found if masks.sound[piece.picture])
    alike = likeness(study, masks, pieces, layer, similarity, seed=seed, progress=progress)
    if not pieces:
        return pieces, alike, ()
    grouped = partial(seen.grouped, pieces, alike.double().numpy()) if seen else None
    return pieces, alike, judged(study, masks, pieces, alike, grouped=grouped, seed=seed, progress=progress)


def likeness(
    study: Study, masks: Masks, pieces: Sequence[Region], layer: str, similarity: str, *, seed: int, progress: Progress
) -> Tensor:
    """How alike regions are ``(R, R)``, by one of `SIMILARITIES`."""
    if not pieces:
        return torch.zeros(0, 0)
    if similarity == SIMILARITIES[0]:
        return layer_likeness(study, masks.pictures, layer, pieces)
    return proposal_flow(masks, pieces, seed=seed, progress=progress)

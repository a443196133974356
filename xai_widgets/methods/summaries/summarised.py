"""From the crisp masks of a class to its summaries: regions, how alike they are, groups, and whether to trust each.

In photos a sound group is divided in two for as long as both halves are sound: a bee is one kind of place at first, and
its head and its body are parts that the network uses only if each matters more than equal holes do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xai_widgets.methods.masking import fineness
from xai_widgets.methods.summaries.cores import cores
from xai_widgets.methods.summaries.descriptors import layer_likeness
from xai_widgets.methods.summaries.judge import LEAST_STABILITY, judged
from xai_widgets.methods.summaries.kinds import DIRECTIONS, KINDS, Kinds, kinds
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.paper_likeness import proposal_flow
from xai_widgets.methods.summaries.regions import Region, regions
from xai_widgets.methods.summaries.summary import Summary
from xai_widgets.progress import Progress
from xai_widgets.sizes import is_small
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
    alike = partial(likeness, study, masks, layer=layer, similarity=similarity, seed=seed, progress=progress)
    if similarity == SIMILARITIES[0] and not is_small(masks.pictures.shape):
        options: dict[str, Any] = {"directions": directions, "seed": seed, "progress": progress}
        inner = cores(study, masks)
        found = _groups(study, inner, layer, count=count, **options)
        if found is not None:
            finest = [part for one in found for part in _finest(study, inner, layer, one, options)]
            pieces, summaries = _together(finest)
            return pieces, alike(pieces), summaries
    pieces = _cut(study, masks, None)
    likely = alike(pieces)
    return pieces, likely, judged(study, masks, pieces, likely, seed=seed, progress=progress) if pieces else ()


def likeness(
    study: Study, masks: Masks, pieces: Sequence[Region], *, layer: str, similarity: str, seed: int, progress: Progress
) -> Tensor:
    """How alike regions are ``(R, R)``, by one of `SIMILARITIES`."""
    if not pieces:
        return torch.zeros(0, 0)
    if similarity == SIMILARITIES[0]:
        return layer_likeness(study, masks.pictures, layer, pieces)
    return proposal_flow(masks, pieces, seed=seed, progress=progress)


def _cut(study: Study, masks: Masks, seen: Kinds | None) -> tuple[Region, ...]:
    sides = (masks.masks.shape[2], masks.masks.shape[3])
    where = seen.where(sides) if seen else None
    found = regions(study, masks, smallest=fineness.smallest(min(sides)), kinds=where)
    return tuple(piece for piece in found if masks.sound[piece.picture])


# --- groups of photos ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Group:
    regions: tuple[Region, ...]  # the exemplar first
    summary: Summary


def _groups(
    study: Study, masks: Masks, layer: str, *, count: int, directions: int, seed: int, progress: Progress
) -> list[_Group] | None:
    """One group for each kind of place in the masks of photos; None where there are no kinds."""
    seen = kinds(study, masks, layer, count=count, directions=directions, seed=seed)
    if seen is None:
        return None
    pieces = _cut(study, masks, seen)
    if not pieces:
        return []
    alike = layer_likeness(study, masks.pictures, layer, pieces)
    grouped = partial(seen.grouped, pieces, alike.double().numpy())
    found = judged(study, masks, pieces, alike, grouped=grouped, seed=seed, progress=progress)
    return [_Group(tuple(pieces[member] for member in one.members), one) for one in found]


def _finest(study: Study, masks: Masks, layer: str, group: _Group, options: dict[str, Any]) -> list[_Group]:
    """The group, or its halves if both are sound, and theirs."""
    if not group.summary.sound:
        return [group]
    halves = _groups(study, _within(masks, group.regions), layer, count=2, **options) or []
    halves = [_half_of(group, half) for half in halves]
    if len(halves) < 2 or not all(one.summary.sound and one.summary.stability >= LEAST_STABILITY for one in halves):
        return [group]
    return [part for half in halves for part in _finest(study, masks, layer, half, options)]


def _half_of(whole: _Group, half: _Group) -> _Group:
    """The half is found again in other pictures only where the whole is."""
    found_again = whole.summary.stability * half.summary.stability
    return replace(half, summary=replace(half.summary, stability=found_again))


def _within(masks: Masks, pieces: Sequence[Region]) -> Masks:
    """Masks of these regions alone."""
    only = torch.zeros_like(masks.masks)
    for piece in pieces:
        only[piece.picture, piece.mask] |= piece.pixels
    return replace(masks, masks=only)


def _together(groups: Sequence[_Group]) -> tuple[tuple[Region, ...], tuple[Summary, ...]]:
    """All regions, and the groups of them: the sound ones with most evidence first."""
    groups = sorted(groups, key=lambda one: (not one.summary.sound, -one.summary.evidence))
    ends = np.cumsum([len(one.regions) for one in groups]).tolist()
    summaries = [
        replace(one.summary, members=tuple(range(end - len(one.regions), end)))
        for one, end in zip(groups, ends, strict=True)
    ]
    return tuple(piece for one in groups for piece in one.regions), tuple(summaries)

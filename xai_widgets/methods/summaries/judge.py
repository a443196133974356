"""Make summaries of regions that are alike, and judge whether to trust each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from xai_widgets.methods.summaries import causal
from xai_widgets.methods.summaries.calling import called
from xai_widgets.methods.summaries.clusters import Clusters, Floats, Ints, cluster, coherence, stability
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.regions import Region
from xai_widgets.methods.summaries.summary import Summary
from xai_widgets.progress import Progress
from xai_widgets.study import Study

LEAST_PICTURES, LEAST_SHARE = 5, 0.1
"""A summary must be in so many pictures, and in such a share of them."""

LEAST_COHERENCE = 0.1
"""Absolute, unlike the published rule, which keeps half of all groups however bad they are."""

LEAST_STABILITY = 0.6
"""Hennig's rule of thumb: below it a group is a pattern that may not be there."""

LEAST_EVIDENCE = 0.1
"""In nats; with less, the odds change by less than a tenth, and the network does not use the region."""


def judged(
    study: Study,
    masks: Masks,
    regions: Sequence[Region],
    similarity: Tensor,
    *,
    grouped: Callable[[Ints], Clusters] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Summary, ...]:
    """All groups of regions, by their similarity ``(R, R)``, as summaries; the sound ones with most evidence first.

    `grouped` makes groups of some regions, by their indices; by default `cluster` does. The progress is told each
    bootstrap sample and each group that is tested.
    """
    progress = progress or Progress()
    likeness: Floats = similarity.double().numpy()
    found = grouped(np.arange(len(regions))) if grouped else cluster(likeness, seed=seed)
    pictures: Ints = np.array([region.picture for region in regions])
    stable = stability(likeness, pictures, found, grouped=grouped, seed=seed, progress=progress)
    coherent = coherence(likeness, found)
    progress.start("causal test", len(found))
    summaries = []
    for group in range(len(found)):
        members = _members(likeness, found, group)
        rows, pixels = _unions([regions[member] for member in members])
        effects = causal.effects(study, masks, rows, pixels, seed=seed)
        drop, evidence = (causal.interval(values, seed=seed) for values in (effects.drop, effects.evidence))
        numbers = len(rows), float(coherent[members].mean()), float(stable[group]), *drop, *evidence
        words = called(study, masks.pictures, [regions[member] for member in members])
        one = Summary(tuple(members), *numbers, called=words)
        summaries.append(replace(one, problems=_problems(one, len(masks))))
        progress.advance()
    return tuple(sorted(summaries, key=lambda one: (not one.sound, -one.evidence)))


def _members(likeness: Floats, found: Clusters, group: int) -> list[int]:
    """Regions of a group, the exemplar first, and then the most like it."""
    exemplar = found.exemplars[group]
    own = np.flatnonzero((found.labels == group) & (np.arange(len(likeness)) != exemplar))
    return [int(exemplar), *own[np.argsort(-likeness[own, exemplar], kind="stable")].tolist()]


def _unions(regions: Sequence[Region]) -> tuple[Tensor, Tensor]:
    """Pictures that have some of the regions ``(n,)``, and all their pixels in each, bool ``(n, H, W)``."""
    pictures = sorted({region.picture for region in regions})
    pixels = [torch.stack([one.pixels for one in regions if one.picture == picture]).any(0) for picture in pictures]
    return torch.tensor(pictures), torch.stack(pixels)


def _problems(summary: Summary, count: int) -> tuple[str, ...]:
    """Why not to trust a summary of `count` pictures."""
    found = []
    least = max(LEAST_PICTURES, LEAST_SHARE * count)
    if summary.pictures < least:
        found.append(f"rare: in {summary.pictures} of {count} pictures")
    if not summary.coherence > LEAST_COHERENCE:
        found.append(f"mixed: coherence {summary.coherence:.2f}")
    if summary.stability < LEAST_STABILITY:
        found.append(f"unstable: stability {summary.stability:.2f}")
    if not (summary.evidence_low > LEAST_EVIDENCE and summary.drop_low > 0):
        interval = f"{summary.evidence_low:.2g} to {summary.evidence_high:.2g}"
        found.append(f"not used: evidence {summary.evidence:.2g} ({interval})")
    return tuple(found)

"""The ground truth for masks and summaries of birds: where the deciding parts are, and what each is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import PARTS, SLOT_PARTS
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.scores.bird_cases import CUE, drawn_without
from xai_widgets.scores.counterfactual_measures import dilated
from xai_widgets.study import Study

NOTHING = -1
"""The kind of a region that shows no deciding part."""

MOSTLY = 0.25
"""A region shows a part if at least this share of the region is on it, and more than on any other."""

HIT = 0.25
"""A part counts as hit if at least this share of it is in one of the masks."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of the birds of a set; with cues, the classifier is assumed to look at these."""

    birds: BirdPictures

    @property
    def parts(self) -> tuple[str, ...]:
        """All parts that can decide: the five slots, and the cue where there are some."""
        return (*SLOT_PARTS, *([] if self.birds.cheat is None else [CUE]))

    def where(self, indices: Tensor) -> Tensor:
        """Where each of the parts is, bool ``(N, P, H, W)``."""
        maps = torch.stack([torch.from_numpy(self.birds.part_map(index)).long() for index in indices.tolist()])
        numbers = [[PARTS[name] for name in SLOT_PARTS.get(part, (part,))] for part in self.parts]
        return torch.stack([torch.isin(maps, torch.tensor(own)) for own in numbers], 1)

    def deciding(self, indices: Tensor) -> Tensor:
        """Where the parts are that the classifier should look at, bool ``(N, P, H, W)``; with cues, where these are."""
        found = self.where(indices)
        if self.birds.cheat is None:
            return found
        return dilated(found[:, -1])[:, None]

    def kinds(self, found: ClassSummaries) -> npt.NDArray[np.int64]:
        """What each region shows, ``(R,)``: an index in `parts`, or `NOTHING`."""
        if not found.regions:
            return np.zeros(0, dtype=np.int64)
        pictures = torch.tensor([region.picture for region in found.regions])
        pixels = torch.stack([region.pixels for region in found.regions])
        shares = (self.where(found.indices)[pictures] & pixels[:, None]).sum((2, 3)) / pixels.sum((1, 2))[:, None]
        most, kinds = shares.max(1)
        return kinds.where(most >= MOSTLY, NOTHING).numpy()

    def worth(self, study: Study, found: ClassSummaries) -> npt.NDArray[np.float64]:
        """Loss of the class's log-odds where a part was never drawn, for each of the parts ``(P,)``."""
        own, indices = torch.full((len(found.indices),), found.class_index), found.indices.tolist()
        log_odds = study.scores.log_odds
        whole = log_odds(study.logits(found.masks.pictures), own)
        lost = [whole - log_odds(study.logits(drawn_without(self.birds, indices, part)), own) for part in self.parts]
        return torch.stack(lost).mean(1).double().numpy()


def precision(masks: Tensor, deciding: Tensor) -> Tensor:
    """Share of each mask ``(N, K, H, W)`` that is on a deciding part, ``(N, K)``; NaN where a mask is empty."""
    inside = (masks & deciding.any(1, keepdim=True)).sum((2, 3))
    return inside / masks.sum((2, 3))


def hits(masks: Tensor, deciding: Tensor) -> Tensor:
    """Whether each deciding part that can be seen is hit by one of the masks, 0 or 1 for each, ``(parts,)``."""
    sizes = deciding.sum((2, 3))
    share = (masks.any(1, keepdim=True) & deciding).sum((2, 3)) / sizes
    return (share >= HIT)[sizes > 0].float()


def groups(found: ClassSummaries, *, sound: bool = False) -> npt.NDArray[np.int64]:
    """The index of the summary that each region is in ``(R,)``; with `sound`, -1 for those that were not kept."""
    labels = np.full(len(found.regions), -1, dtype=np.int64)
    for index, summary in enumerate(found.summaries):
        if summary.sound or not sound:
            labels[list(summary.members)] = index
    return labels


def purity(kinds: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> float:
    """Share of regions that are of the commonest kind of their group; NaN without regions."""
    if not len(kinds):
        return float("nan")
    largest = [np.bincount(kinds[labels == group] - NOTHING).max() for group in np.unique(labels)]
    return float(sum(largest) / len(kinds))


def shown(found: ClassSummaries, kinds: npt.NDArray[np.int64]) -> list[int]:
    """What most members of each summary show: an index in `Truth.parts`, or `NOTHING`."""
    return [int(np.bincount(kinds[list(summary.members)] - NOTHING).argmax()) + NOTHING for summary in found.summaries]

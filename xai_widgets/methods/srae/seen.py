"""What a fit sees: a layer's places, the scores to rebuild, and which pictures are of which class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.methods.common.codes import CachedPass, cached_pass
from xai_widgets.methods.srae.settings import Settings, Target
from xai_widgets.methods.srae.view import grid, places
from xai_widgets.pictures import PictureSet
from xai_widgets.progress import Progress
from xai_widgets.study import Study

LEAST_POSITIVES = 0.05
"""Of a class that the classifier sees in fewer pictures than this share, those with the highest scores stand in."""


def scores(logits: Tensor, classes: Sequence[int], target: Target) -> Tensor:
    """What is to be rebuilt of logits ``(N, all classes)``: ``(N, K)``."""
    chosen = logits[:, list(classes)]
    if target == "logit":
        return chosen
    rivals = [logits.index_fill(1, torch.tensor([k], device=logits.device), -torch.inf).amax(1) for k in classes]
    return chosen - torch.stack(rivals, dim=1)


def most_seen(logits: Tensor, most: int) -> tuple[int, ...]:
    """All classes or, where there are more than `most`, those that the classifier sees most often; in their order."""
    if logits.shape[1] <= most:
        return tuple(range(logits.shape[1]))
    counts = logits.argmax(1).bincount(minlength=logits.shape[1])
    order = counts.argsort(descending=True, stable=True)[:most]
    return tuple(sorted(order[counts[order] > 0].tolist()))


@dataclass(frozen=True, eq=False)
class Seen:
    """Some pictures as a fit sees them.

    Attributes
    ----------
    cached
        Pictures, logits, and codes of the layer.
    settings
        Which layer, and which view of it.
    classes
        K numbers of classes.
    scores
        ``(N, K)``.
    """

    cached: CachedPass
    settings: Settings
    classes: tuple[int, ...]
    scores: Tensor

    def __len__(self) -> int:
        return len(self.cached)

    def places(self, indices: Tensor) -> Tensor:
        """Places ``(n, P, D)`` of pictures, on the model's device."""
        layer, view = self.settings.layer, self.settings.view
        if layer in self.cached.codes:
            return places(self.cached.code(layer, indices), view)
        # Too large to be kept: the network is run again, on no more pictures at once than it can take.
        parts = indices.split(self.cached.study.batch_size)
        return torch.cat([places(self.cached.code(layer, part), view) for part in parts])

    def positives(self, k: int) -> Tensor:
        """Bool ``(N,)``: the pictures that the classifier calls class k (a row), or those nearest to that."""
        own = self.cached.logits.argmax(1) == self.classes[k]
        least = max(2, int(LEAST_POSITIVES * len(self)))
        if int(own.sum()) >= least:
            return own
        return torch.zeros_like(own).index_fill_(0, self.scores[:, k].topk(min(least, len(self))).indices, value=True)

    def each(self, compute: Callable[[Tensor], Tensor]) -> Tensor:
        """A function of places for all pictures, in batches, on the CPU."""
        batches = torch.arange(len(self)).split(self.cached.study.batch_size)
        with torch.no_grad():
            return torch.cat([compute(self.places(batch)).cpu() for batch in batches])


def look(
    study: Study,
    pictures: PictureSet,
    chosen: Sequence[int],
    settings: Settings,
    classes: Sequence[int] | int,
    progress: Progress,
) -> Seen:
    """Read a layer for some pictures.

    Parameters
    ----------
    study
        Whose classifier is read.
    pictures, chosen
        Which pictures of which set.
    settings
        Layer, view and target.
    classes
        Those to explain, or how many of the classes that are seen most.
    progress
        Told each batch.
    """
    cached = cached_pass(study, pictures, chosen, [settings.layer], progress)
    found = most_seen(cached.logits, classes) if isinstance(classes, int) else tuple(classes)
    return Seen(cached, settings, found, scores(cached.logits, found, settings.target))


def sides(seen: Seen) -> tuple[int, int]:
    """Rows and columns of the places."""
    return grid(seen.cached.code(seen.settings.layer, torch.arange(1)), seen.settings.view)

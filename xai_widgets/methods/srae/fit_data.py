"""What a fit works on: a layer's positions, the scores to rebuild, and which pictures are of which class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.common.codes import CachedPass, cached_pass
from xai_widgets.methods.srae.positions import positions
from xai_widgets.methods.srae.settings import Score, Settings
from xai_widgets.pictures import PictureSet
from xai_widgets.progress import Progress
from xai_widgets.study import Study

LEAST_POSITIVES = 0.05
"""Of a class predicted for a smaller share of the pictures than this, those with the highest scores stand in."""


def scores(logits: Tensor, classes: Sequence[int], score: Score) -> Tensor:
    """The scores ``(N, K)`` of some classes, from logits ``(N, all classes)``."""
    chosen = logits[:, list(classes)]
    if score == "logit":
        return chosen
    rivals = [logits.index_fill(1, torch.tensor([k], device=logits.device), -torch.inf).amax(1) for k in classes]
    return chosen - torch.stack(rivals, dim=1)


def most_predicted(logits: Tensor, most: int) -> tuple[int, ...]:
    """All classes or, where there are more than `most`, those predicted most often; in their order."""
    if logits.shape[1] <= most:
        return tuple(range(logits.shape[1]))
    counts = logits.argmax(1).bincount(minlength=logits.shape[1])
    order = counts.argsort(descending=True, stable=True)[:most]
    return tuple(sorted(order[counts[order] > 0].tolist()))


@dataclass(frozen=True, eq=False)
class FitData:
    """Some pictures as a fit reads them: codes and logits, and the scores ``(N, K)`` of K classes."""

    cached: CachedPass
    settings: Settings
    classes: tuple[int, ...]
    scores: Tensor

    def __len__(self) -> int:
        return len(self.cached)

    def positions(self, indices: Tensor) -> Tensor:
        """Positions ``(n, P, D)`` of pictures, on the model's device."""
        layer, view = self.settings.layer, self.settings.view
        if layer in self.cached.codes:
            return positions(self.cached.code(layer, indices), view)
        # Too large to be kept: the network runs again, on no more pictures at once than it can take.
        parts = indices.split(self.cached.study.batch_size)
        return torch.cat([positions(self.cached.code(layer, part), view) for part in parts])

    def require_variation(self) -> None:
        """Raise an `XaiWidgetsError` if the score of a class is the same for all of several pictures."""
        same = [k for k, own in zip(self.classes, self.scores.T, strict=True) if len(own) > 1 and (own == own[0]).all()]
        if same:
            name = self.cached.study.class_names[same[0]]
            raise XaiWidgetsError(f"the score of {name!r} is the same for all pictures, so there is nothing to explain")

    def positives(self, k: int) -> Tensor:
        """Bool ``(N,)``: the pictures predicted as class k (a row), or those nearest to it."""
        own = self.cached.logits.argmax(1) == self.classes[k]
        least = max(2, int(LEAST_POSITIVES * len(self)))
        if int(own.sum()) >= least:
            return own
        return torch.zeros_like(own).index_fill_(0, self.scores[:, k].topk(min(least, len(self))).indices, value=True)

    def each(self, compute: Callable[[Tensor], Tensor]) -> Tensor:
        """A function of the positions of all pictures, in batches, on the CPU."""
        batches = torch.arange(len(self)).split(self.cached.study.batch_size)
        with torch.no_grad():
            return torch.cat([compute(self.positions(batch)).cpu() for batch in batches])


def read_layer(
    study: Study,
    pictures: PictureSet,
    indices: Sequence[int],
    settings: Settings,
    classes: Sequence[int] | int,
    progress: Progress,
) -> FitData:
    """Read a layer for some pictures of a set; `classes` may be how many of those predicted most often to explain."""
    cached = cached_pass(study, pictures, indices, [settings.layer], progress)
    found = _that_vary(cached, classes, settings.score) if isinstance(classes, int) else tuple(classes)
    return FitData(cached, settings, found, scores(cached.logits, found, settings.score))


def _that_vary(cached: CachedPass, most: int, score: Score) -> tuple[int, ...]:
    """`most_predicted`, without classes whose score is the same for all pictures, so there is nothing to explain."""
    found = [k for k in most_predicted(cached.logits, most) if k not in cached.study.reading.masked]
    values = scores(cached.logits, found, score)
    return tuple(k for k, own in zip(found, values.T, strict=True) if (own != own[0]).any()) or tuple(found)

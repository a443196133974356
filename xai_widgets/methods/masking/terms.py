"""The terms that masks are optimised for, one value per picture.

A mask is ``(N, 1, h, w)`` in [0, 1]; all terms are means over its entries, so that weights do not depend on the size.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.devices import require, sent
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.masking.batches import own_scores
from xai_widgets.study import Study


def area(mask: Tensor) -> Tensor:
    """Mean of the mask ``(N,)``."""
    return mask.mean((1, 2, 3))


def variation(mask: Tensor, power: float = 1.0) -> Tensor:
    """Mean differences of neighbours in rows and in columns, each to the `power`, added ``(N,)``."""
    rows, columns = mask.diff(dim=2).abs(), mask.diff(dim=3).abs()
    return (rows**power).mean((1, 2, 3)) + (columns**power).mean((1, 2, 3))


def indecision(mask: Tensor) -> Tensor:
    """Mean of ``m (1 - m)`` ``(N,)``: 0 where all values are 0 or 1, 1/4 where all are in between."""
    return (mask * (1 - mask)).mean((1, 2, 3))


@dataclass(frozen=True, eq=False)
class Question:
    """Which masks are searched for, for a batch of pictures; all tensors are on the classifier's device."""

    study: Study
    pictures: Tensor  # (N, C, H, W) in [0, 1]
    baselines: Tensor  # what replaces removed pixels
    class_index: Tensor  # whose score counts (N,)
    allowed: Tensor  # where masks may be, (N, 1, H, W): 0 or 1
    top: Tensor  # scores of the pictures (N,)
    bottom: Tensor  # scores of the baselines (N,)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, chosen: Tensor) -> Question:
        tensors = {name: value[chosen] for name, value in vars(self).items() if name != "study"}
        return Question(study=self.study, **tensors)

    def to(self, device: torch.device) -> Question:
        """The same on another device."""
        tensors = {name: sent(value, device) for name, value in vars(self).items() if name != "study"}
        return Question(study=self.study, **tensors)

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the pictures."""
        height, width = self.pictures.shape[2:]
        return height, width

    def removed(self, mask: Tensor) -> Tensor:
        """The pictures with the masked pixels removed."""
        return self.pictures * (1 - mask) + self.baselines * mask

    def kept(self, mask: Tensor) -> Tensor:
        """The pictures with only the masked pixels kept."""
        return self.baselines * (1 - mask) + self.pictures * mask

    def scores(self, pictures: Tensor) -> Tensor:
        """Probabilities of the classes, differentiable; `pictures` are one or more for each, ``(k N, C, H, W)``."""
        repeated = self.class_index.repeat(len(pictures) // len(self))
        found = own_scores(self.study.scores.probabilities(self.study.forward(pictures)), repeated)
        if pictures.requires_grad and not found.requires_grad:
            raise XaiWidgetsError("the classifier gives no gradients (is its forward under torch.no_grad?)")
        said = "the classifier gives NaN for a masked picture; no mask can be found for it"
        require(torch.isfinite(found).all(), lambda: XaiWidgetsError(said))
        return found

    def shares(self, scores: Tensor) -> Tensor:
        """Scores relative to those of the baseline (0) and of the picture (1), ``(k, N)``; they may lie beyond."""
        # A baseline may score as high as its picture: there is then nothing to lose, and no 0 / 0 either.
        span = (self.top - self.bottom).clamp_min(LEAST_SPAN)
        return (scores.view(-1, len(self)) - self.bottom) / span


LEAST_SPAN = 1e-3
"""Smaller differences between the scores of a picture and its baseline count as this one."""


def gradient(losses: Tensor, values: Tensor) -> Tensor:
    """Gradient of each picture's loss ``(N,)`` with respect to its own part of the values ``(N, ...)``."""
    return torch.autograd.grad(losses.sum(), values)[0]

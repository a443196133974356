"""Where a picture has more evidence for a class than for the other classes that it shows.

A gradient says what matters for a class, and in a picture of several things much of that lies on the wrong one. So the
class is compared with its rivals, each by itself. The contrast of a layer at a place is, for a class c with logit z::

    max(0, min over rivals r of  sum over channels of  activation x gradient of (z_c - z_r))

A class is a rival if it is among the `RIVALS` most probable ones, and more probable than the explained class (see
`MARGIN`). So the predicted class has no rivals, and nothing is contrasted.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.common.inner import Inner, scaled
from xai_widgets.methods.inversion.basis import resized
from xai_widgets.methods.inversion.targets import Targets
from xai_widgets.methods.masking.batches import own_scores
from xai_widgets.study import Study

RIVALS = 10
"""At most so many rivals. In mosaics of four photos, 10 leave less on the wrong ones than 6 or 3; 20 empty some masks.
``benchmarks/photos/inversion.py --sweep rivals`` compares them, and so do ``margin``, ``layers`` and ``enough``."""

MARGIN = 0.0
"""A rival's logit is greater than that of the class minus this. With a margin of 1 the most probable class has rivals,
too, and the masks of single photos lose too much."""

ENOUGH = 0.25
"""Where the contrast is this, masks may be 1: without an end, the search leaves the right photo of a mosaic again."""

LAYERS = 2
"""The contrasts of at most so many of the deepest layers are multiplied: one knows what, the other where."""


def contrast(study: Study, pictures: Tensor, targets: Targets, layers: Sequence[str]) -> Tensor:
    """``(N, 1, h, w)`` in [0, 1] on the grid of the second deepest layer; 1 everywhere without rivals.

    It is the product of the contrasts of the deepest layer and of the one before, whose cells are averaged with their
    neighbours first, each scaled to a maximum of 1. Call it inside `study.borrowed()`.
    """
    with torch.enable_grad():
        inner = Inner(study, pictures, layers[-LAYERS:])
        rivals = rivals_of(inner.logits.detach(), targets)
        if not rivals.shape[1]:
            return pictures.new_ones(len(pictures), 1, 1, 1)
        columns = [targets.class_index, *rivals.clamp_min(0).T]
        each = [inner.attributions(own_scores(inner.logits, classes)) for classes in columns]
    cells = [[(maps * gradient).sum(1, keepdim=True) for maps, gradient in level] for level in zip(*each, strict=True)]
    *finer, deepest = [_least(level, rivals >= 0, smooth=number < len(cells) - 1) for number, level in enumerate(cells)]
    found = scaled(finer[0] * resized(deepest, finer[0].shape[2:])) if finer else deepest
    return torch.where((rivals >= 0).any(1)[:, None, None, None], found, torch.ones_like(found))


def within(contrast: Tensor, sides: Sequence[int]) -> Tensor:
    """Where masks may be, in [0, 1]: they end where the contrast falls below `ENOUGH` of its maximum."""
    return (resized(contrast, sides) / ENOUGH).clamp_max(1)


def rivals_of(logits: Tensor, targets: Targets) -> Tensor:
    """The rivals ``(N, R)`` in pictures with logits ``(N, K)``, -1 where a picture has fewer than another.

    There are none where a class is compared with another one already, and for your own score.
    """
    if targets.score is not None or targets.against is not None:
        return logits.new_zeros(len(logits), 0).long()
    others = logits.scatter(1, targets.class_index[:, None], -torch.inf)
    found = others.topk(min(RIVALS, others.shape[1] - 1), 1)
    near = found.values > own_scores(logits, targets.class_index)[:, None] - MARGIN
    return found.indices.masked_fill(~near, -1)[:, near.any(0)]


def _least(cells: Sequence[Tensor], known: Tensor, *, smooth: bool) -> Tensor:
    """The contrast ``(N, 1, h, w)``, of the evidence for the class and for each of its rivals; `known` ``(N, R)``."""
    own, *others = (F.avg_pool2d(one, 3, 1, 1, count_include_pad=False) for one in cells) if smooth else cells
    gaps = [(own - other).masked_fill(~known[:, r, None, None, None], torch.inf) for r, other in enumerate(others)]
    return scaled(torch.stack(gaps).amin(0).clamp_min(0))

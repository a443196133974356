"""Where a network has evidence for a class: what is active in its layers there, and raises the score of the class.

A mask of few cells and few steps is right about where the class is, and wrong about its outline. A layer knows the
outline, and not what the score needs. Their product puts the pixels of a photo in a better order than either does.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.common.inner import Inner
from xai_widgets.methods.masking.terms import Question
from xai_widgets.study import Study

LAYERS = 4
"""The last block of each of so many resolutions, the coarsest ones: early blocks know where, late blocks know what."""


def evidence(question: Question) -> Tensor:
    """Where each picture has evidence for its class, ``(N, 1, H, W)`` in [0, 1]; to be asked in `study.borrowed()`.

    The evidence of a layer is the square root, so that weak evidence counts, too, of ``max(0, sum over channels of
    activation x gradient of the log-odds)``, scaled to a maximum of 1 and spread to the neighbouring cells. It is 1
    everywhere in a layer without any. The mean of all layers is taken.
    """
    study = question.study
    with torch.enable_grad():
        inner = Inner(study, question.pictures, _layers(study))
        found = inner.attributions(study.scores.log_odds(inner.logits, question.class_index))
    each = [_smooth(_shares(maps * slope), question.sides) for maps, slope in found]
    return torch.stack(each).mean(0) if each else torch.ones_like(question.pictures[:, :1])


def _layers(study: Study) -> tuple[str, ...]:
    """The last block of each resolution of half the picture's side or less."""
    last = {block.places: block.name for block in study.blocks() if block.places and min(block.places) > 1}
    fitting = sorted((sides, name) for sides, name in last.items() if 2 * sides[0] <= study.shape[1])
    return tuple(name for _, name in fitting[:LAYERS])


def _shares(products: Tensor) -> Tensor:
    """Evidence ``(N, 1, h, w)`` in [0, 1], of activations times gradients ``(N, C, h, w)``."""
    found = products.sum(1, keepdim=True).clamp_min(0)
    most = found.amax((2, 3), keepdim=True)
    return torch.where(most > 0, found / most.clamp_min(torch.finfo(most.dtype).tiny), torch.ones_like(found)).sqrt()


def _smooth(found: Tensor, sides: tuple[int, int]) -> Tensor:
    spread = F.avg_pool2d(F.max_pool2d(found, 3, 1, 1), 3, 1, 1, count_include_pad=False)
    return F.interpolate(spread.float(), sides, mode="bilinear", align_corners=False)

"""Where a network has evidence for a class: what is active in its layers there, and raises the score of the class.

A mask of few cells and few steps is right about where the class is, and wrong about its outline. A layer knows the
outline, and not what the score needs. Their product puts the pixels of a photo in a better order than either does.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.common.inner import Inner
from xai_widgets.methods.common.inner import evidence as of_layer
from xai_widgets.methods.masking.terms import Question
from xai_widgets.study import Study

LAYERS = 4
"""The last block of each of so many resolutions, the coarsest ones: early blocks know where, late blocks know what."""


def evidence(question: Question) -> Tensor:
    """Where each picture has evidence for its class, ``(N, 1, H, W)`` in [0, 1]; to be asked in `study.borrowed()`.

    The mean of the evidence of all layers for the log-odds, see `inner.evidence`.
    """
    study = question.study
    with torch.enable_grad():
        inner = Inner(study, question.pictures, _layers(study))
        found = inner.attributions(study.scores.log_odds(inner.logits, question.class_index))
    each = [_smooth(of_layer(*one), question.sides) for one in found]
    return torch.stack(each).mean(0) if each else torch.ones_like(question.pictures[:, :1])


def _layers(study: Study) -> tuple[str, ...]:
    """The last block of each resolution of half the picture's side or less."""
    last = {block.places: block.name for block in study.blocks() if block.places and min(block.places) > 1}
    fitting = sorted((sides, name) for sides, name in last.items() if 2 * sides[0] <= study.shape[1])
    return tuple(name for _, name in fitting[:LAYERS])


def _smooth(found: Tensor, sides: tuple[int, int]) -> Tensor:
    smooth = F.avg_pool2d(found, 3, 1, 1, count_include_pad=False)
    return F.interpolate(smooth.float(), sides, mode="bilinear", align_corners=False)

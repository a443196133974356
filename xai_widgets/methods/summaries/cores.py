"""The cores of the masks of photos: what alone keeps most of the score, where the network's own evidence is greatest.

Much of the mask of a photo is there because the last trace of the class has to go, and is background. Its core is the
smallest part, in the order of the mask times the evidence, that alone keeps most of the score.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from xai_widgets.devices import sent
from xai_widgets.methods.masking.batches import batches
from xai_widgets.methods.masking.evidence import evidence
from xai_widgets.methods.masking.terms import Question
from xai_widgets.methods.summaries.answering import smallest_answer
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.study import Study

CORE = 0.7
"""Share of the score that a core keeps alone; `benchmarks/photos/summaries.py --sweep core=0.5,0.7` compares others."""

HALVINGS = 7
"""Of the search for a core."""

SMOOTHED = 4.0
"""Pixels of a cell by which the order is smoothed."""


def cores(study: Study, masks: Masks) -> Masks:
    """The masks with only the core of each; a mask that keeps less than `CORE` of the score is its own core."""
    inside = (masks.soft * masks.masks).unbind(1)
    each = [_core(study, masks, soft) for soft in inside]
    return replace(masks, masks=masks.masks & torch.stack(each, 1))


def _core(study: Study, masks: Masks, soft: Tensor) -> Tensor:
    """Where the core is, bool ``(N, H, W)``, of soft masks that are 0 outside the crisp ones."""
    allowed = (soft > 0).to(soft)[:, None]
    given = masks.pictures, masks.baselines, masks.class_index, allowed, masks.before, masks.baseline_score
    question, found = Question(study, *given), []
    for rows in batches(study, masks.pictures):
        part = question[rows].to(study.device)
        with study.borrowed():
            ranked = sent(soft[rows, None], study.device) * evidence(part)
            answer = smallest_answer(part, ranked, (None, CORE), SMOOTHED, HALVINGS)
        # Pixels of one rank go together: a mask without an order is its own core.
        found.append(answer[:, 0].cpu() >= 0.5)
    return torch.cat(found)

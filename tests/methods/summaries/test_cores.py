"""The core of a mask: the part that alone keeps most of the score, where the network's own evidence is greatest."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xai_widgets.methods.masking.terms import Question
from xai_widgets.methods.summaries.cores import CORE, cores
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.study import Study

SQUARE = slice(32, 96)


class Seen(nn.Module):
    """Class 1, the more of the square is bright; its layer sees brightness."""

    def __init__(self):
        super().__init__()
        self.bright = nn.AvgPool2d(4)

    def forward(self, x):
        seen = self.bright(x)[:, :, 8:24, 8:24].mean((1, 2, 3))
        return torch.stack([0 * seen, 20 * seen - 10], 1)


def masked(mask, soft):
    """Masks of a photo with a bright square."""
    picture = torch.zeros(1, 3, 128, 128)
    picture[..., SQUARE, SQUARE] = 1
    study = Study(Seen(), [(picture[0], 1)] * 2)
    classes, dark = torch.tensor([1]), torch.zeros_like(picture)
    top, bottom = (study.predict(one)[:, 1] for one in (picture, dark))
    scores = top, bottom, top[:, None], bottom[:, None]
    return study, Masks(picture, dark, classes, mask, soft, *scores, ("mean",), ("dark", "bright"), {})


def share(study, masks):
    allowed = torch.ones(1, 1, 128, 128)
    given = masks.pictures, masks.baselines, masks.class_index, allowed, masks.before, masks.baseline_score
    question = Question(study, *given)
    with study.borrowed(), torch.no_grad():
        return float(question.shares(question.scores(question.kept(masks.masks.float()))))


@pytest.mark.parametrize("soft", [torch.ones(1, 1, 128, 128), torch.linspace(1, 0.6, 128).expand(1, 1, 128, 128)])
def test_a_core_is_where_the_evidence_is_and_keeps_its_share(soft):
    study, masks = masked(torch.ones(1, 1, 128, 128, dtype=torch.bool), soft)
    core = cores(study, masks)
    assert CORE - 0.01 <= share(study, core) < CORE + 0.25
    inside = core.masks[..., SQUARE, SQUARE].sum() / core.masks.sum()
    assert inside > 0.8


def test_a_mask_that_keeps_too_little_is_its_own_core():
    mask = torch.zeros(1, 1, 128, 128, dtype=torch.bool)
    mask[..., 32:48, SQUARE] = True
    study, masks = masked(mask, mask.float())
    assert share(study, masks) < CORE
    assert torch.equal(cores(study, masks).masks, mask)

"""The region of a photo that answers both questions: no larger than it must be, however low its soft mask is."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xai_widgets.methods.masking.terms import Question
from xai_widgets.methods.summaries.answering import LARGEST, smallest_answer
from xai_widgets.study import Study

SQUARE = slice(16, 48)


class Seen(nn.Module):
    """Class 1, the more of the square is bright."""

    def forward(self, x):
        seen = x[:, :, SQUARE, SQUARE].mean((1, 2, 3))
        return torch.stack([0 * seen, 20 * seen - 10], 1)


@pytest.fixture
def question():
    pictures = torch.zeros(1, 3, 64, 64)
    pictures[..., SQUARE, SQUARE] = 1
    study = Study(Seen(), [(pictures[0], 1)] * 2)
    classes, dark = torch.tensor([1]), torch.zeros_like(pictures)
    top, bottom = (study.predict(one)[:, 1] for one in (pictures, dark))
    return Question(study, pictures, dark, classes, torch.ones(1, 1, 64, 64), top, bottom)


def found(question, soft, targets, halvings=10):
    with question.study.borrowed():
        return smallest_answer(question, soft, targets, 4, halvings) > 0.5


# A share of 0.9 needs (10 + log 9) / 20 of the square; one of 0.1 is left by (10 - log 9) / 20.
@pytest.mark.parametrize(
    ("targets", "share"),
    [((0.1, 0.9), 0.61), ((None, 0.9), 0.61), ((0.1, None), 0.61), ((0.1, 0.5), 0.61), ((None, 0.1), 0.39)],
)
def test_the_region_is_as_large_as_it_must_be(question, targets, share):
    soft = torch.full((1, 1, 64, 64), 0.1)
    soft[..., SQUARE, SQUARE] = 0.4
    mask = found(question, soft, targets)
    assert not mask[0, 0, :12].any()
    assert float(mask[..., SQUARE, SQUARE].float().mean()) == pytest.approx(share, abs=0.03)


def test_where_no_region_answers_it_is_the_largest_that_is_tried(question):
    soft = torch.linspace(0, 1, 64 * 64).view(1, 1, 64, 64)
    mask = found(question, soft, (0.0, 1.0), halvings=3)
    assert float(mask.float().mean()) == pytest.approx(LARGEST, abs=0.01)

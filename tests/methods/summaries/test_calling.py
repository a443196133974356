"""What a classifier calls regions that are cut out: against pictures that say it by construction."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xai_widgets.methods.summaries.calling import MANY, NAMED, called, closeup
from xai_widgets.methods.summaries.regions import Region
from xai_widgets.study import Study


def region(rows, columns, side=40):
    pixels = torch.zeros(side, side, dtype=torch.bool)
    pixels[slice(*rows), slice(*columns)] = True
    return Region(0, 0, pixels, 1.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("rows", "columns", "top", "left", "side"),
    [
        ((16, 24), (16, 24), 15, 15, 10),
        ((0, 8), (32, 40), 0, 30, 10),
        ((0, 40), (10, 12), 0, 0, 40),
        ((20, 21), (20, 21), 15, 15, 10),
    ],
)
def test_a_region_is_cut_out_with_a_margin_inside_the_picture_and_not_enlarged_too_much(rows, columns, top, left, side):
    picture = torch.arange(1600.0).view(1, 40, 40).expand(3, 40, 40)
    cut = closeup(picture, region(rows, columns))
    assert cut.shape == picture.shape
    wanted = nn.functional.interpolate(
        picture[None, :, top : top + side, left : left + side], (40, 40), mode="bilinear"
    )
    assert torch.equal(cut, wanted[0])


class Reddest(nn.Module):
    """Class 7 if red is seen in the mean, class 3 if blue."""

    def __init__(self, classes):
        super().__init__()
        self.classes = classes

    def forward(self, x):
        red, _, blue = x.mean((2, 3)).unbind(1)
        logits = torch.full((len(x), self.classes), -9.0)
        logits[:, 7], logits[:, 3] = 20 * red, 20 * blue
        return logits


def test_regions_are_called_what_the_classifier_says_of_them_alone():
    picture = torch.zeros(3, 40, 40)
    picture[2] = 1  # blue, with a red spot
    picture[:, 10:26, 10:26] = torch.tensor([1.0, 0, 0])[:, None, None]
    study = Study(Reddest(MANY), [(picture, 3)] * 2)
    (first, share), _ = called(study, picture[None], [region((14, 22), (14, 22))] * 2)
    assert first == study.class_names[7]
    assert share > 0.99
    names = called(study, picture[None], [region((0, 40), (0, 40))])
    assert len(names) == NAMED
    assert names[0][0] == study.class_names[3]


def test_a_classifier_of_few_classes_has_no_words_for_parts():
    picture = torch.zeros(3, 40, 40)
    study = Study(Reddest(MANY - 1), [(picture, 3)] * 2)
    assert called(study, picture[None], [region((0, 9), (0, 9))]) == ()

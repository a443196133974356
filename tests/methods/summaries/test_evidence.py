"""Where a network has evidence for a class: where something is active that raises the class's score."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xai_widgets.methods.masking.evidence import evidence
from xai_widgets.methods.masking.terms import Question
from xai_widgets.study import Study

LEFT, RIGHT = slice(24, 56), slice(72, 104)
"""Rows and columns of a red square, and of a blue one."""


@pytest.fixture
def red():
    """A network of two classes, red and blue, and what it is asked about a photo that shows both."""
    picture = torch.zeros(3, 128, 128)
    picture[0, LEFT, LEFT], picture[2, RIGHT, RIGHT] = 1, 1
    blocks = [nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.ReLU(), nn.AvgPool2d(4)) for _ in range(2)]
    head = nn.Linear(3, 2, bias=False)
    with torch.no_grad():
        for block in blocks:
            block[0].weight.copy_(torch.eye(3)[:, :, None, None])
        head.weight.copy_(torch.tensor([[9.0, 0, 0], [0, 0, 9]]))
    study = Study(nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head), [(picture, 0)] * 2)
    both = torch.stack([picture, picture])
    ones, half = torch.ones(2, 1, 128, 128), torch.full((2,), 0.5)
    return Question(study, both, torch.zeros_like(both), torch.tensor([0, 1]), ones, half, half)


def test_it_lies_on_what_speaks_for_the_class_and_not_on_what_speaks_for_another(red):
    with red.study.borrowed():
        of_red, of_blue = evidence(red)[:, 0]
    assert min(of_red[LEFT, LEFT].min(), of_blue[RIGHT, RIGHT].min()) > 0.4
    assert max(of_red[RIGHT, RIGHT].mean(), of_blue[LEFT, LEFT].mean()) < 0.05
    assert of_red.max() <= 1


def test_of_the_same_picture_it_is_the_same_in_any_batch(red):
    with red.study.borrowed():
        alone = evidence(red[torch.tensor([1])])
        assert torch.allclose(evidence(red)[1:], alone, atol=1e-6)


def test_a_network_without_layers_of_maps_has_it_everywhere(red):
    flat = Study(nn.Sequential(nn.Flatten(), nn.Linear(3 * 128 * 128, 2)), [(red.pictures[0], 0)] * 2)
    with flat.borrowed():
        found = evidence(Question(flat, *list(vars(red).values())[1:]))
    assert torch.equal(found, torch.ones(2, 1, 128, 128))

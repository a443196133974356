"""A clearly better common normalisation is named; what chance would do is not, and the model stays as it was."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn

from xai_widgets import normalisations
from xai_widgets.study import Study


class Bands(nn.Module):
    """Class 1 where the mean of what it is given is above 0: right only for pictures normalised to [-1, 1]."""

    def forward(self, pictures):
        level = pictures.mean((1, 2, 3))
        return torch.stack([-level, level], 1)


def grey(count, known=True):
    """Dark pictures of class 0 and bright ones of class 1; in [0, 1], all have a mean above 0."""
    levels = [(0.3, 0.7)[i % 2] for i in range(count)]
    return [(torch.full((3, 4, 4), level), i % 2 if known else -1) for i, level in enumerate(levels)]


def test_a_clearly_better_one_is_named_once(caplog):
    study = Study(Bands(), grey(60), name="Bands")
    assert "normalisation" not in repr(study)
    with caplog.at_level(logging.WARNING, "xai_widgets"):
        found, again = study.check_normalisation(), study.check_normalisation()
    assert found == again
    assert "gets 50% of 60 pictures right, and would get 100% right" in found
    assert found in repr(study)
    assert [record.getMessage() for record in caplog.records] == [f"Bands: {found}"]


def test_the_named_one_is_as_good_as_it_says():
    named = normalisations.COMMON["that to [-1, 1]"]
    study = Study(Bands(), grey(60), mean=named[0], std=named[1])
    assert study.check_normalisation() == ""
    pictures, labels = study.load(study.train, range(40))
    assert torch.equal(study.predict(pictures).argmax(1), labels)


@pytest.mark.parametrize("pictures", [grey(15), grey(60, known=False)])
def test_of_few_or_unlabelled_pictures_nothing_is_said(pictures):
    assert Study(Bands(), pictures).check_normalisation() == ""


def test_a_small_advantage_is_chance():
    one = normalisations.Candidate("none", torch.zeros(1), torch.ones(1), better=7, worse=1)
    assert one.chance == pytest.approx(9 / 256)
    assert one.chance > normalisations.CHANCE
    assert normalisations.Candidate("none", torch.zeros(1), torch.ones(1)).chance == 1


def test_candidates_suit_the_channels_and_are_others_than_the_study_s():
    names = [one.name for one in normalisations.candidates(Study(Bands(), grey(4), mean=[0.498], std=[0.502]))]
    assert names == ["none", "ImageNet's", "that to [0, 255]", "CLIP's"]
    one_channel = [(torch.rand(1, 4, 4), 0)] * 4
    names = [one.name for one in normalisations.candidates(Study(Bands(), one_channel))]
    assert names == ["that to [-1, 1]", "that to [0, 255]", "MNIST's"]


def test_the_model_is_given_back(new_study, squares):
    study = new_study(pictures=squares(80))
    study.model.train()
    before = {name: tensor.clone() for name, tensor in study.model.state_dict().items()}
    study.check_normalisation()
    assert all(torch.equal(tensor, before[name]) for name, tensor in study.model.state_dict().items())
    assert all(module.training for module in study.model.modules())
    assert not any(module._forward_hooks for module in study.model.modules())

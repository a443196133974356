"""Moved x-features move the real network."""

from __future__ import annotations

import math
from collections import OrderedDict

import pytest
import torch
from torch import nn

from xai_widgets.errors import XaiWidgetsError


@pytest.fixture(scope="module")
def linear(fit_srae, new_study):
    """FittedFeatures to a network that is linear behind the layer, on as many components as that has channels."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        parts = OrderedDict(conv=nn.Conv2d(3, 3, 4, stride=4), pool=head, logits=nn.Linear(3, 4))
        return fit_srae(new_study(nn.Sequential(parts)), "conv", features=3)


PICTURES = torch.rand(5, 3, 16, 16)


def test_factors_of_one_change_nothing(srae):
    found = srae.intervene(PICTURES, 0, torch.ones(4))
    assert torch.allclose(found.real, found.before, atol=1e-5)
    assert torch.equal(found.predicted, found.before)
    assert torch.allclose(found.probabilities, srae.study.predict(PICTURES), atol=1e-5)


def test_a_linear_network_does_as_predicted(linear):
    for basis in ("pca", "pls"):
        found = linear.intervene(PICTURES, 1, torch.tensor([0.0, 2.0, -1.0]), basis=basis)
        assert torch.allclose(found.predicted, found.real, atol=1e-3)
        assert found.real_change.abs().max() > 1e-3


def test_each_picture_may_have_factors_of_its_own(srae):
    factors = torch.rand(5, 4)
    together = srae.intervene(PICTURES, 2, factors)
    alone = [srae.intervene(picture, 2, row) for picture, row in zip(PICTURES, factors, strict=True)]
    assert torch.allclose(together.real, torch.cat([one.real for one in alone]), atol=1e-5)
    assert torch.allclose(together.predicted_change, torch.cat([one.predicted_change for one in alone]), atol=1e-5)


def test_what_is_predicted_is_the_change_of_the_contributions(srae):
    factors = torch.tensor([0.0, 1.0, 3.0, 0.5])
    expected = srae.contributions(PICTURES, 1) @ (factors - 1)
    assert torch.allclose(srae.intervene(PICTURES, 1, factors).predicted_change, expected, atol=1e-5)


@pytest.mark.parametrize("factors", [torch.ones(3), torch.ones(4, 4), torch.tensor([1.0, 1.0, 1.0, math.nan])])
def test_wrong_factors(srae, factors):
    with pytest.raises(XaiWidgetsError, match="factors must be 4 finite numbers"):
        srae.intervene(PICTURES, 0, factors)


class Two(nn.Module):
    def forward(self, x):
        return x, x


class First(nn.Module):
    def forward(self, pair):
        return pair[0]


def test_a_layer_of_several_tensors_is_moved_in_its_first(fit_srae, new_study):
    parts = OrderedDict(two=Two(), first=First(), pool=nn.AvgPool2d(8), flat=nn.Flatten(), logits=nn.Linear(12, 4))
    fitted = fit_srae(new_study(nn.Sequential(parts)), "two", view="pooled", epochs=1)
    found = fitted.intervene(PICTURES, 0, torch.ones(4))
    assert torch.allclose(found.real, found.before, atol=1e-4)
    moved = fitted.intervene(PICTURES, 0, torch.zeros(4))
    assert (moved.real_change != 0).any() == (moved.predicted_change != 0).any()

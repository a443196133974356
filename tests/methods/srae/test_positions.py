"""Layers of every form as positions, and back."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn

from xai_widgets.errors import LayerError
from xai_widgets.layers import as_code
from xai_widgets.methods.srae.positions import (
    changed,
    default_layer,
    grid,
    last_spatial_layer,
    layer_and_view,
    measured_offset,
    positions,
)

SIDES = (16, 16)
OUTPUTS = {
    "maps": torch.rand(2, 5, 4, 3),
    "one pixel": torch.rand(2, 5, 1, 1),
    "vector": torch.rand(2, 7),
    "tokens": torch.rand(2, 16, 5),
    "tokens and a class token": torch.rand(2, 17, 5),
    "something else": torch.rand(2, 7, 5),
}


@pytest.mark.parametrize("view", ["spatial", "pooled", "flat"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_a_change_of_the_positions_is_that_change_in_the_layer(name, view):
    raw = OUTPUTS[name]
    z = positions(as_code(raw, SIDES), view)
    # A class token is in every cell, so that not every change of the positions can be a change of the layer.
    target = z * 1.5 if "class" in name else torch.rand_like(z)
    moved = changed(raw, target - z, view, SIDES, nonnegative=False)
    assert moved.shape == raw.shape
    assert torch.allclose(positions(as_code(moved, SIDES), view), target, atol=1e-5)


def test_what_never_is_negative_stays_so():
    raw = torch.rand(2, 5, 4, 3)
    change = torch.full((2, 12, 5), -0.5)
    assert torch.equal(changed(raw, change, "spatial", SIDES, nonnegative=True), (raw - 0.5).clamp_min(0))


def test_a_mean_becomes_what_it_should_without_negative_positions():
    raw = torch.rand(2, 5, 4, 3).clamp_min(0.5) - 0.5
    raw[0, 0] = 0  # nothing that a factor could change
    target = torch.rand(2, 1, 5)
    moved = changed(raw, target - positions(raw, "pooled"), "pooled", SIDES, nonnegative=True)
    assert (moved >= 0).all()
    assert torch.allclose(positions(moved, "pooled"), target, atol=1e-5)


def test_the_grid_is_that_of_the_positions():
    assert grid(OUTPUTS["maps"], "spatial") == (4, 3)
    assert grid(OUTPUTS["maps"], "pooled") == (1, 1)
    assert grid(OUTPUTS["vector"], "spatial") == (1, 1)


def test_the_default_layer_is_the_last_one_with_positions(new_study):
    study = new_study()
    assert default_layer(study) == "pool"
    assert layer_and_view(study, None) == ("pool", "spatial")
    assert layer_and_view(study, "pool", spatial="pooled") == ("pool", "pooled")
    assert layer_and_view(study, "fc", spatial="pooled") == ("fc", "flat")
    assert last_spatial_layer(study, "fc") == "pool"
    assert last_spatial_layer(study, "conv1") == "conv1"


def test_without_positions_it_is_the_last_one_before_the_logits(new_study):
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 6), nn.ReLU(), nn.Linear(6, 4))
    assert default_layer(new_study(model)) == "2"
    assert last_spatial_layer(new_study(model), "2") is None


def test_a_single_layer_has_nothing_inside(new_study):
    with pytest.raises(LayerError, match="no inner layer"):
        default_layer(new_study(OnlyLogits()))


class OnlyLogits(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :4]


def strided(padding):
    convolution = nn.Conv2d(3, 4, 2 + padding, stride=2, padding=padding)
    nn.init.constant_(convolution.weight, 1.0)
    layers = [convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4)]
    return nn.Sequential(OrderedDict(zip(("conv", "pool", "flat", "logits"), layers, strict=True)))


@pytest.mark.parametrize(("padding", "offset"), [(0, 0.0), (1, -0.5)])
def test_padded_strides_look_to_the_upper_left(new_study, padding, offset):
    found = measured_offset(new_study(strided(padding)), "conv", torch.rand(2, 3, 16, 16))
    assert found == pytest.approx((offset, offset), abs=1e-4)


def test_a_vector_looks_nowhere(new_study):
    assert measured_offset(new_study(), "fc", torch.rand(2, 3, 16, 16)) == (0.0, 0.0)

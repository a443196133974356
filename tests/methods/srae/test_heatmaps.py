"""Four heatmap methods, where the right heatmap is known."""

from __future__ import annotations

import math
from collections import OrderedDict

import pytest
import torch
from torch import nn

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.srae.baselines import LinearFeatures
from xai_widgets.methods.srae.heatmaps import default_heatmap_method, deletion, enlarged, heatmaps
from xai_widgets.methods.srae.readout import LayerReadout
from xai_widgets.methods.srae.settings import Settings, Weights
from xai_widgets.recipe import Recipe


def settings(layer="maps", view="spatial"):
    return Settings(layer, view, "logit", 2, 1, (4,), 10, Weights(), Recipe(epochs=1), rounds=0)


@pytest.fixture
def study(new_study):
    """A network whose layer "maps" is the picture in cells of four pixels, red and green."""
    pool = nn.Sequential(nn.AvgPool2d(4), Colours())
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return new_study(nn.Sequential(OrderedDict(maps=pool, pooled=head, logits=nn.Linear(2, 4))))


class Colours(nn.Module):
    def forward(self, x):
        return x[:, :2]


@pytest.fixture
def readout(study):
    """X-feature 1 is how red a place is, x-feature 2 how green, against."""
    model = LinearFeatures(1, 2, 2)
    model.directions.copy_(torch.eye(2)[None])
    model.loadings.copy_(torch.eye(2)[None])
    model.read_out.copy_(torch.tensor([[8.0, -8.0]]))
    return LayerReadout(study, settings(), model, 0)


@pytest.fixture
def picture():
    """Black, with a red square at the lower left and a green one at the upper right."""
    made = torch.zeros(1, 3, 16, 16)
    made[:, 0, 8:12, 4:8] = 1
    made[:, 1, 0:4, 12:16] = 1
    return made


def where(maps):
    """Row and column of the extreme of each map."""
    return [divmod(int(one.abs().argmax()), one.shape[1]) for one in maps[0]]


def test_spatial_maps_are_exact(readout, picture):
    maps = heatmaps(readout, picture, "spatial")
    assert where(maps) == [(2, 1), (0, 3)]
    assert maps.sum((2, 3)).tolist() == [[0.5, -0.5]]


def test_gradient_times_activation_of_a_linear_x_feature_is_its_contribution(readout, picture):
    assert torch.allclose(heatmaps(readout, picture, "gradient"), heatmaps(readout, picture, "spatial"), atol=1e-6)


def test_occlusion_finds_the_squares(readout, picture):
    maps = heatmaps(readout, picture, "occlusion")
    assert maps.shape == (1, 2, 8, 8)
    large = enlarged(maps, (16, 16))
    assert [(row // 4, column // 4) for row, column in where(large)] == [(2, 1), (0, 3)]
    assert maps[0, 0].max() > 0 > maps[0, 1].min()


def test_masks_find_the_squares(readout, picture):
    large = enlarged(heatmaps(readout, picture, "mask"), (16, 16))
    assert [(row // 4, column // 4) for row, column in where(large)] == [(2, 1), (0, 3)]
    assert large[0, 0].max() > 0 > large[0, 1].min()


def test_deletion_is_the_share_that_is_gone(picture):
    def red_and_green(pictures):
        return torch.stack([pictures[:, 0].sum((1, 2)), -pictures[:, 1].sum((1, 2)), 0 * pictures[:, 2].sum((1, 2))], 1)

    large = torch.zeros(1, 3, 16, 16)
    large[:, 0, 8:12, 4:8], large[:, 1, 0:4, 12:16] = 1, -1
    found = deletion(red_and_green, picture, large)[0]
    misled = deletion(red_and_green, picture, large.flip(3).flip(2))[0]
    assert found[0] > 0.3
    assert found[1] > 0.3
    assert (found[:2] > misled[:2]).all()
    assert math.isnan(found[2])


def test_maps_are_enlarged_evenly():
    maps = torch.rand(2, 3, 4, 5)
    expected = nn.functional.interpolate(maps, (33, 47), mode="bilinear", align_corners=False)
    assert torch.allclose(enlarged(maps, (33, 47)), expected, atol=1e-5)


def test_maps_are_moved_to_where_their_positions_look():
    maps = torch.zeros(1, 1, 4, 4)
    maps[0, 0, 2, 2] = 1
    assert divmod(int(enlarged(maps, (16, 16), (-1.5, 0.5)).argmax()), 16) in {(8, 10), (8, 11)}


def test_the_cheapest_method(study, new_study):
    assert default_heatmap_method(study, settings()) == "spatial"
    assert default_heatmap_method(study, settings(view="pooled")) == "gradient"
    assert default_heatmap_method(study, settings("pooled", "flat")) == "gradient"
    flat = nn.Sequential(nn.Flatten(), nn.Linear(768, 5), nn.Linear(5, 4))
    assert default_heatmap_method(new_study(flat), settings("1", "flat")) == "occlusion"


def test_a_network_without_gradients_says_so(new_study, readout, picture):
    class Silent(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.maps, self.rest = model.maps, nn.Sequential(model.pooled, model.logits)

        @torch.no_grad()
        def forward(self, x):
            return self.rest(self.maps(x) * 1)

    study = new_study(Silent(readout.study.model))
    silent = LayerReadout(study, settings("rest.0", "flat"), readout.model, 0)
    with pytest.raises(XaiWidgetsError, match="gives no gradients"):
        heatmaps(silent, picture, "gradient")

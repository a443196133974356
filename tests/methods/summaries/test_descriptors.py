"""What a network sees in a region: means over cells by hand, and layers that can tell regions apart."""

from __future__ import annotations

from collections import OrderedDict
from math import ceil, exp, floor

import pytest
import torch
from torch import nn

from xai_widgets.errors import LayerError
from xai_widgets.methods.summaries.clusters import cluster
from xai_widgets.methods.summaries.descriptors import (
    HEIGHT_REACH,
    HEIGHT_WEIGHT,
    activation_maps,
    default_layer,
    describe,
    likeness,
    require_maps,
)
from xai_widgets.methods.summaries.regions import regions
from xai_widgets.study import Study

SIDES = (33, 47)


@pytest.fixture(scope="module")
def several(region):
    """Regions of two grey pictures: a box, a strip to the edge, a pixel, everything."""
    boxes = [((3, 12), (5, 21)), ((30, 33), (0, 47)), ((7, 8), (46, 47)), ((0, 33), (0, 47))]
    return [region(slice(*rows), slice(*columns), at % 2, SIDES) for at, (rows, columns) in enumerate(boxes)]


def mean_over(maps, pixels):
    """The mean of maps (D, h, w) over pixels (H, W), cell by cell."""
    total, weights = torch.zeros(len(maps)), 0.0
    for r in range(maps.shape[1]):
        rows = slice(floor(r * SIDES[0] / maps.shape[1]), ceil((r + 1) * SIDES[0] / maps.shape[1]))
        for c in range(maps.shape[2]):
            columns = slice(floor(c * SIDES[1] / maps.shape[2]), ceil((c + 1) * SIDES[1] / maps.shape[2]))
            weight = float(pixels[rows, columns].float().mean())
            total += weight * maps[:, r, c]
            weights += weight
    return total / weights


@pytest.mark.parametrize("cells", [(9, 12), (17, 24), (1, 2), (33, 47)])
def test_descriptors_are_those_of_a_slow_twin(several, cells):
    maps = torch.randn(2, 5, *cells)
    found = describe(maps, several)
    assert found.shape == (4, 5)
    for row, one in zip(found, several, strict=True):
        assert torch.allclose(row, mean_over(maps[one.picture], one.pixels), atol=1e-5)


def test_every_channel_counts_the_same_and_one_that_never_changes_nothing(parts):
    study = parts(kinds=(0, 1))
    maps = activation_maps(study, study.train.pictures, "maps")
    assert maps.shape == (12, 3, 14, 14)
    assert torch.allclose(maps.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(maps.std((0, 2, 3), correction=0), torch.tensor([1.0, 1.0, 0.0]), atol=1e-5)


def test_likeness_by_hand(several):
    descriptors = torch.randn(4, 6)
    found = likeness(descriptors, several)
    rows = descriptors - descriptors.mean(0)
    for i, one in enumerate(several):
        for j, other in enumerate(several):
            cosine = float(rows[i] @ rows[j]) / float(rows[i].norm() * rows[j].norm())
            near = exp(-((one.centre[0] - other.centre[0]) ** 2) / (2 * HEIGHT_REACH**2))
            assert found[i, j] == pytest.approx(cosine + HEIGHT_WEIGHT * near, abs=1e-5)
    assert torch.allclose(found, found.T)
    assert torch.equal(found.argmax(1), torch.arange(4))
    # Of equal regions only the height counts.
    alone, together = likeness(torch.randn(1, 6), several[:1]), likeness(torch.ones(4, 6), several)
    assert alone.tolist() == [[pytest.approx(HEIGHT_WEIGHT)]]
    assert torch.isfinite(together).all()
    assert together.min() >= 0
    assert together.max() <= HEIGHT_WEIGHT + 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_planted_parts_come_together_by_the_maps_of_any_network(parts, planted, net, seed):
    study = parts(30)
    masks = planted(study).find(study.train.pictures, torch.ones(30, dtype=torch.long))
    pieces = regions(study, masks)
    noisy = (study.train.pictures + 0.05 * torch.rand(30, 3, 28, 28)).clamp(0, 1)
    maps = activation_maps(Study(net(seed=seed), study.train), noisy, "conv1")
    found = cluster(likeness(describe(maps, pieces), pieces).double().numpy())
    kinds = torch.tensor([int(28 * one.centre[1] // 10) for one in pieces])
    counts = [kinds[torch.from_numpy(found.labels == group)].bincount().max() for group in range(len(found))]
    assert 3 <= len(found) <= 6
    assert sum(counts) / len(pieces) >= 0.8


def of_layers(side=28, **layers):
    """A study of a network of these layers, on pictures of some height."""
    return Study(nn.Sequential(OrderedDict(layers)), [(torch.rand(3, side, 30), 0)] * 2)


def small_head(channels, sides):
    return {"flat": nn.Flatten(), "logits": nn.Linear(channels * sides[0] * sides[1], 2)}


@pytest.mark.parametrize(("side", "halved"), [(28, 14), (33, 17), (29, 15)])
def test_the_layer_is_the_first_of_half_the_height_rounded_up(side, halved):
    first, second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, stride=2, padding=1)
    study = of_layers(side, first=first, second=second, **small_head(4, (halved, 15)))
    assert default_layer(study) == "second"
    # Where all maps are as large as the picture, the first is taken.
    large = of_layers(side, first=first, relu=nn.ReLU(), **small_head(4, (side, 30)))
    assert default_layer(large) == "first"


def test_of_a_photo_it_is_the_last_block_of_a_sixteenth():
    conv = [nn.Conv2d(channels, 4, 3, stride=2, padding=1) for channels in (3, 4, 4, 4)]
    layers = {"deep": nn.Sequential(*conv), "same": nn.Conv2d(4, 4, 3, padding=1), "less": nn.MaxPool2d(2)}
    model = nn.Sequential(OrderedDict(layers | small_head(4, (7, 7))))
    study = Study(model, [(torch.rand(3, 224, 224), 0)] * 2)
    assert default_layer(study) == "same"


def test_maps_of_one_pixel_tell_no_places_apart():
    study = of_layers(conv=nn.Conv2d(3, 4, 3, padding=1), pool=nn.AdaptiveAvgPool2d(1), **small_head(4, (1, 1)))
    assert default_layer(study) == "conv"
    with pytest.raises(LayerError, match=r"'pool' gives \(4, 1, 1\), and regions need maps .* 'conv' has some"):
        require_maps(study, "pool")


def test_layers_without_maps_are_refused(parts, new_study):
    with pytest.raises(LayerError, match=r"layer 'fc' gives \(12,\), and regions need maps"):
        activation_maps(new_study(), torch.rand(2, 3, 16, 16), "fc")
    with pytest.raises(LayerError, match="no layer is named 'map'; closest: 'maps'"):
        require_maps(parts(), "map")
    with pytest.raises(LayerError, match=r"no layer of Study.* gives maps"):
        default_layer(of_layers(**small_head(3, (28, 30))))


def test_the_layer_of_photos_has_cells_of_a_sixteenth():
    strided = {f"stage{number}": nn.Conv2d(3, 3, 3, stride=2, padding=1) for number in range(1, 6)}
    model = nn.Sequential(OrderedDict(strided | {"pool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten()}))
    study = Study(model, [(torch.rand(3, 224, 224), 0)] * 2)
    assert default_layer(study) == "stage4"

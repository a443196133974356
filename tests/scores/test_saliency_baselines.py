"""The usual saliency maps give exact answers for classifiers that are simple enough to know them."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.scores.saliency_baselines import baseline_maps, blurred
from xai_widgets.study import Study

SHAPE = (2, 8, 8)


def maps(study, pictures, targets=None, sources=None, seed=0):
    count = len(pictures)
    targets = torch.ones(count, dtype=torch.long) if targets is None else targets
    sources = torch.zeros(count, dtype=torch.long) if sources is None else sources
    return baseline_maps(study, pictures, targets, sources, seed, Progress())


def study_of(model, shape):
    blank = [(torch.zeros(shape), 0)] * 2
    return Study(model, blank, test=blank)


@pytest.fixture
def linear():
    """A linear classifier, its study, and how much more weight class 2 gives to each pixel than class 0."""
    layer = nn.Linear(128, 3)
    weight = (layer.weight[2] - layer.weight[0]).detach().view(1, *SHAPE)
    return study_of(nn.Sequential(nn.Flatten(), layer), SHAPE), weight


def of_class_2(study, pictures):
    count = len(pictures)
    return maps(study, pictures, torch.full((count,), 2), torch.zeros(count, dtype=torch.long))


def test_the_gradient_of_a_linear_classifier_is_its_weight(linear):
    study, weight = linear
    found = of_class_2(study, torch.rand(2, *SHAPE))["gradient"]
    torch.testing.assert_close(found, weight.abs().mean(1).expand(2, -1, -1))


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion"])
def test_what_a_linear_classifier_gains_by_each_pixel(linear, method):
    study, weight = linear
    if method == "occlusion":  # it hides all channels of a pixel at once, and 8 patches side by side are pixels
        weight = torch.cat([weight[:, :1], torch.zeros_like(weight[:, :1])], dim=1)
        with torch.no_grad():
            study.model[1].weight.view(3, *SHAPE)[:, 1] = 0
    picture = torch.rand(1, *SHAPE)
    contributions = (weight * (picture - blurred(picture))).abs()
    wanted = contributions.mean(1) if method == "integrated_gradients" else contributions.sum(1)
    torch.testing.assert_close(of_class_2(study, picture)[method], wanted, rtol=1e-3, atol=1e-5)


def test_lime_finds_the_one_pixel_that_counts(linear):
    study, _ = linear
    with torch.no_grad():
        study.model[1].weight.zero_()
        study.model[1].weight.view(3, *SHAPE)[2, :, 5, 3] = 20
    found = of_class_2(study, torch.rand(1, *SHAPE))["lime"]
    assert divmod(int(found.argmax()), 8) == (5, 3)
    assert found.max() > 20 * found.median()


def test_lime_draws_by_the_seed_and_nobody_notices(new_study, sure):
    study, pictures = new_study(sure), torch.rand(1, 3, 16, 16)
    before = torch.get_rng_state()
    one, same, other = (maps(study, pictures, seed=seed)["lime"] for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


def test_grad_cam_is_the_weighted_map():
    convolution, head = nn.Conv2d(1, 1, 1, bias=False), nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        convolution.weight.fill_(1)
        head.weight.copy_(torch.tensor([[-1.0], [2.0]]))
    study = study_of(nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head), (1, 6, 9))
    pictures = torch.rand(2, 1, 6, 9)
    torch.testing.assert_close(maps(study, pictures)["grad_cam"], 3 / 54 * pictures[:, 0])


def test_without_a_layer_of_maps_there_is_no_grad_cam(linear):
    assert "grad_cam" not in of_class_2(linear[0], torch.rand(1, *SHAPE))


@pytest.mark.parametrize("shape", [(1, 17, 23), (3, 16, 40), (1, 5, 6)])
def test_any_shape(net, shape):
    found = maps(study_of(net(shape[0]), shape), torch.rand(2, *shape))
    assert set(found) == {"gradient", "integrated_gradients", "occlusion", "lime", "grad_cam"}
    for values in found.values():
        assert values.shape == (2, *shape[1:])
        assert torch.isfinite(values).all()
        assert (values >= 0).all()


def test_each_picture_is_asked_about_its_own_classes(new_study):
    study, picture = new_study(), torch.rand(1, 3, 16, 16)
    targets, sources = torch.tensor([1, 2]), torch.tensor([0, 3])
    both = maps(study, picture.expand(2, -1, -1, -1), targets, sources)
    for i in range(2):
        alone = maps(study, picture, targets[i : i + 1], sources[i : i + 1])
        torch.testing.assert_close(both["gradient"][i], alone["gradient"][0])


def test_without_captum_it_is_said_what_to_install(new_study, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    with pytest.raises(XaiWidgetsError, match=r'pip install "xai-widgets\[compare\]"'):
        maps(new_study(), torch.rand(1, 3, 16, 16))

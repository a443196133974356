"""The evidence is what the classifier has in its last layer before the logits, whatever that layer is."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer

from xai_widgets.methods.cae.evidence import evidence_layer, pooled, read_layer
from xai_widgets.study import Study

PICTURES = torch.rand(3, 3, 16, 16)


class Alone(nn.Module):
    """A classifier of one layer."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 4)

    def forward(self, pictures):
        return self.fc(pictures.mean((2, 3)))


def looked(study, layer, pictures=PICTURES):
    with study.borrowed():
        return read_layer(study, pictures, layer)


def test_the_last_layer_before_the_logits(new_study):
    study = new_study()
    assert evidence_layer(study) == "fc"
    logits, evidence = looked(study, "fc")
    assert torch.allclose(logits, study.logits(PICTURES), atol=1e-6)
    assert torch.allclose(evidence, study.activations(PICTURES, "fc"), atol=1e-6)


def test_a_model_of_one_layer_has_its_logits_for_evidence(squares):
    study = Study(Alone(), squares(4))
    assert evidence_layer(study) is None
    logits, evidence = looked(study, None)
    assert evidence is logits


def test_several_layers_of_the_logits_shape_are_passed_over(squares):
    named = OrderedDict(
        pool=nn.AdaptiveAvgPool2d(2), flat=nn.Flatten(), fc=nn.Linear(12, 5), act=nn.ReLU(), out=nn.Linear(5, 4)
    )
    model = nn.Sequential(*(nn.Sequential(named), nn.Identity(), nn.Softplus()))
    assert evidence_layer(Study(model, squares(4))) == "0.act"


class Beside(nn.Module):
    """Two heads whose mean are the logits, and a third that has nothing to do with them."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 6))
        self.drop, self.one, self.two, self.depth = nn.Identity(), nn.Linear(6, 4), nn.Linear(6, 4), nn.Linear(6, 9)

    def forward(self, pictures):
        found = self.trunk(pictures)
        logits = (self.one(found) + self.two(self.drop(found + 1))) / 2
        self.depth(found)
        return logits


def test_nothing_gets_around_the_evidence(squares):
    assert evidence_layer(Study(Beside(), squares(4))) == "trunk"


def test_a_parametrised_head_is_no_evidence(new_study):
    study = new_study()
    nn.utils.parametrizations.spectral_norm(study.model.get_submodule("logits"))
    assert evidence_layer(study) == "fc"


def test_maps_are_pooled_twice(squares):
    model = nn.Sequential(
        OrderedDict(conv=nn.Conv2d(3, 4, 1), head=nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten()))
    )
    study = Study(model, squares(4))
    assert evidence_layer(study) == "head.0"  # one pixel counts as a vector
    assert looked(study, "head.0")[1].shape == (3, 4)
    maps = study.activations(PICTURES, "conv")
    for channel in range(4):
        mean, largest = looked(study, "conv")[1][:, [channel, 4 + channel]].T
        for n in range(3):
            assert float(mean[n]) == pytest.approx(sum(maps[n, channel].flatten().tolist()) / 256, abs=1e-5)
            assert float(largest[n]) == max(maps[n, channel].flatten().tolist())
    assert torch.equal(pooled(torch.eye(3)), torch.eye(3))


def test_tokens_bring_their_class_token(squares):
    study = Study(VisionTransformer(16, 8, 2, 2, 12, 16, num_classes=5), squares(4))
    layer = evidence_layer(study)
    tokens = study.activations(PICTURES, layer)
    assert tokens.shape == (3, 5, 12)  # two by two patches and the class token
    evidence = looked(study, layer)[1]
    assert evidence.shape == (3, 48)
    assert torch.allclose(evidence[:, 12:24], tokens[:, 0], atol=1e-5)
    assert torch.allclose(evidence[:, :12], tokens[:, 1:].mean(1), atol=1e-5)


def test_both_answers_pass_gradients_to_the_pictures_alone(new_study):
    study = new_study()
    for number in (0, 1):
        pictures = PICTURES.clone().requires_grad_()
        looked(study, "fc", pictures)[number].square().sum().backward()
        assert pictures.grad.abs().sum() > 0
        assert all(parameter.grad is None for parameter in study.model.parameters())

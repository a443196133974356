"""The reference is the classifier's architecture, and nothing of the classifier's but what was asked for."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer
from torchvision.ops import StochasticDepth

from xai_widgets.methods.cladec.reference import ReferenceEncoder
from xai_widgets.methods.common.codes import read_codes

PICTURES = torch.rand(4, 3, 16, 16)


def classifier_s_code(study, layer):
    with study.borrowed(), torch.no_grad():
        return read_codes(study, PICTURES, [layer])[layer]


@pytest.mark.parametrize("layer", ["conv1", "relu", "pool", "fc"])
def test_a_warm_reference_starts_as_the_classifier(new_study, layer):
    study = new_study(mean=[0.4], std=[0.2])
    encoder = ReferenceEncoder(study, layer, warm=True).eval()
    assert torch.allclose(encoder(PICTURES), classifier_s_code(study, layer), atol=1e-6)


@pytest.mark.parametrize("layer", ["conv1", "fc"])
def test_a_fresh_one_does_not(new_study, layer):
    study = new_study()
    code = ReferenceEncoder(study, layer).eval()(PICTURES)
    assert code.shape == classifier_s_code(study, layer).shape
    assert not torch.allclose(code, classifier_s_code(study, layer), atol=1e-3)


def test_fresh_weights_are_drawn_from_the_seed(new_study):
    states = []
    for seed in (0, 0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            states.append(ReferenceEncoder(new_study(), "fc").state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["network.fc.weight"], states[2]["network.fc.weight"])


def test_every_parameter_token_and_position_is_fresh_and_statistics_are_forgotten(new_study, net):
    model = VisionTransformer(16, 4, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=4)
    for known, layer in ((net(), "fc"), (model, "encoder.layers.encoder_layer_0")):
        with torch.no_grad():
            for tensor in known.state_dict().values():
                tensor.fill_(7)
        encoder = ReferenceEncoder(new_study(known), layer)
        for name, tensor in encoder.network.state_dict().items():
            assert not (tensor == 7).any(), name
    assert encoder.network.class_token.requires_grad
    assert encoder.eval()(PICTURES).shape == (4, 8, 4, 4)


def test_dropout_of_all_kinds_is_off_and_batch_normalisation_on(new_study):
    encoder = ReferenceEncoder(new_study(), "dropout", warm=True).train()
    assert torch.equal(encoder(PICTURES), encoder(PICTURES))
    assert encoder.network.norm.num_batches_tracked == 2
    model = nn.Sequential(nn.Conv2d(3, 4, 3), StochasticDepth(0.5, "row"), nn.Flatten(), nn.Linear(784, 4))
    encoder = ReferenceEncoder(new_study(model), "1").train()
    assert torch.equal(encoder(PICTURES), encoder.network[0](PICTURES))


def test_all_of_it_is_trained_and_the_classifier_is_not(new_study, net):
    model = net()
    model.requires_grad_(False)
    encoder = ReferenceEncoder(new_study(model), "conv2", warm=True)
    assert all(parameter.requires_grad for parameter in encoder.parameters())
    encoder(PICTURES).sum().backward()
    assert encoder.network.conv1.weight.grad.any()
    assert encoder.network.fc.weight.grad is None  # behind the layer
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in model.parameters())
    own = {parameter.data_ptr() for parameter in model.parameters()}
    assert own.isdisjoint(parameter.data_ptr() for parameter in encoder.parameters())


def test_a_classifier_in_half_precision_has_a_reference_in_single(new_study, net):
    encoder = ReferenceEncoder(new_study(net().half()), "fc")
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}
    assert encoder(PICTURES).dtype == torch.float32


def test_a_model_that_cannot_be_copied_has_a_reference(new_study, net):
    class Stubborn(nn.Sequential):
        def __deepcopy__(self, memo):
            raise TypeError("never")

    encoder = ReferenceEncoder(new_study(Stubborn(net())), "0.fc")
    assert torch.isfinite(encoder(PICTURES)).all()

"""The batched networks do for every class what a single one would."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from xai_widgets.methods.srae.network import XNetwork


def network(classes=3, shortcut=True, nonnegative=True):
    made = XNetwork(classes, 5, 4, (7, 6), slope=0.1, shortcut=shortcut, nonnegative=nonnegative).eval()
    made.scale.fill_(2.0)
    made.centre.copy_(torch.arange(classes) + 1.0)
    made.spread.copy_(torch.arange(classes) + 3.0)
    if shortcut:
        torch.nn.init.normal_(made.shortcut)
    torch.nn.init.normal_(made.v)
    return made.requires_grad_(False)


@pytest.mark.parametrize("shortcut", [True, False])
def test_classes_side_by_side_equal_a_loop(shortcut):
    made, z = network(shortcut=shortcut), torch.rand(3, 11, 5)
    e = made.encode(z)
    for k in range(3):
        hidden = z[k]
        for layer in made.ways_in[:-1]:
            hidden = (hidden @ layer.weight[k] + layer.bias[k]).relu()
        last = hidden @ made.ways_in[-1].weight[k] + made.ways_in[-1].bias[k]
        last = last + z[k] @ made.shortcut[k] if shortcut else last
        assert torch.allclose(e[k], F.leaky_relu(last, 0.1), atol=1e-5)
        hidden = e[k]
        for layer in made.ways_out[:-1]:
            hidden = (hidden @ layer.weight[k] + layer.bias[k]).relu()
        rebuilt = (hidden @ made.ways_out[-1].weight[k] + made.ways_out[-1].bias[k]).relu()
        assert torch.allclose(made.decode(e)[k], rebuilt, atol=1e-5)


def test_one_class_in_its_own_units():
    made, z = network(), torch.rand(2, 9, 5)  # two pictures of nine positions
    e = made.features(z, 1)
    assert torch.allclose(e.flatten(0, 1), made.encode((z / 2).flatten(0, 1).expand(3, -1, -1))[1], atol=1e-6)
    assert torch.allclose(made.decoded(e, 1).flatten(0, 1), 2 * made.decode(e.flatten(0, 1).expand(3, -1, -1))[1])
    score = made.contributions(z, 1).sum(1) + made.bias[1]
    assert torch.allclose(score, (e.mean(1) @ made.v[1] + made.b[1]) * 4 + 2, atol=1e-5)


def test_another_order_of_x_features_is_the_same_network():
    made, z = network(), torch.rand(4, 9, 5)
    before, rebuilt = made.contributions(z, 0), made.decoded(made.features(z, 0), 0)
    order = torch.stack([torch.randperm(4) for _ in range(3)])
    made.reorder(order)
    assert torch.allclose(made.contributions(z, 0), before[:, order[0]], atol=1e-6)
    assert torch.allclose(made.decoded(made.features(z, 0), 0), rebuilt, atol=1e-5)


def test_some_classes_can_be_replaced():
    made, other, z = network(), network(2), torch.rand(4, 9, 5)
    kept, wanted = made.contributions(z, 1), other.contributions(z, 1)
    made.put([2], other, [1])
    assert torch.equal(made.contributions(z, 1), kept)
    assert torch.equal(made.contributions(z, 2), wanted)
    assert made.bias[2] == other.bias[1]


def test_a_layer_with_negative_values_is_rebuilt_with_them():
    assert (network(nonnegative=False).decode(torch.randn(3, 50, 4)) < 0).any()
    assert (network().decode(torch.randn(3, 50, 4)) >= 0).all()

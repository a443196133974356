"""Layers, blocks and codes of well-known networks, and the forms of codes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer, get_model

from xai_widgets import layers


def shapes_of(architecture, side=224, **options):
    """Shapes by layer, and the blocks, of a network that has no weights: only shapes are computed."""
    with torch.device("meta"):
        model = get_model(architecture, weights=None, **options).eval()
        found = layers.trace(model, lambda: model(torch.zeros(1, 3, side, side)))
    return {layer.name: layer for layer in found}, [block.name for block in layers.blocks(model, found)]


def test_resnet18():
    found, blocks = shapes_of("resnet18")
    shapes = {name: layer.shape for name, layer in found.items()}
    assert shapes["conv1"] == (64, 112, 112)
    assert shapes["maxpool"] == shapes["layer1"] == shapes["layer1.0.relu#2"] == (64, 56, 56)
    assert [shapes[f"layer{i}"] for i in (2, 3, 4)] == [(128, 28, 28), (256, 14, 14), (512, 7, 7)]
    assert shapes["avgpool"] == (512, 1, 1)
    assert shapes["fc"] == (1000,)
    assert found["fc"].parameters == 513_000
    assert found["layer1.0"].kind == "BasicBlock"
    stages = [f"layer{i}.{j}" for i in (1, 2, 3, 4) for j in (0, 1)]
    assert blocks == ["conv1", "bn1", "relu", "maxpool", *stages, "avgpool", "fc"]


def test_vgg11():
    found, blocks = shapes_of("vgg11")
    shapes = {name: layer.shape for name, layer in found.items()}
    assert [shapes[f"features.{i}"] for i in (0, 2, 5, 10, 15, 20)] == [
        (64, 224, 224), (64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7),
    ]  # fmt: skip
    assert shapes["classifier.0"] == (4096,)
    assert found["classifier.0"].parameters == 102_764_544
    assert blocks == [*(f"features.{i}" for i in range(21)), "avgpool", *(f"classifier.{i}" for i in range(7))]


def test_squeezenet():
    found, blocks = shapes_of("squeezenet1_1")
    shapes = {name: layer.shape for name, layer in found.items()}
    assert shapes["features.0"] == (64, 111, 111)
    assert [shapes[f"features.{i}"] for i in (2, 3, 12)] == [(64, 55, 55), (128, 55, 55), (512, 13, 13)]
    assert shapes["classifier.1"] == (1000, 13, 13)
    assert shapes["classifier"] == (1000, 1, 1)
    assert blocks[:4] == [f"features.{i}" for i in range(4)]
    assert not [name for name in blocks if "squeeze" in name or "expand" in name]  # a Fire is one block


def test_googlenet():
    found, blocks = shapes_of("googlenet", init_weights=False)
    shapes = {name: layer.shape for name, layer in found.items()}
    assert shapes["conv1"] == (64, 112, 112)
    assert [shapes[f"inception{name}"] for name in ("3a", "3b", "4e", "5b")] == [
        (256, 28, 28), (480, 28, 28), (832, 14, 14), (1024, 7, 7),
    ]  # fmt: skip
    assert shapes["fc"] == (1000,)
    assert [name for name in blocks if name.startswith("inception")] == [
        f"inception{name}" for name in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
    ]
    assert not [name for name in blocks if name.startswith("aux")]  # not run in evaluation mode


def test_vision_transformer_tokens():
    found, blocks = shapes_of("vit_b_16")
    shapes = {name: layer.shape for name, layer in found.items()}
    assert shapes["conv_proj"] == (768, 14, 14)
    assert shapes["encoder.layers.encoder_layer_11"] == (197, 768)
    assert shapes["heads.head"] == (1000,)
    members = [f"encoder.layers.encoder_layer_{i}" for i in range(12)]
    assert blocks == ["conv_proj", "encoder.dropout", *members, "encoder.ln", "heads.head"]
    tokens = torch.zeros(1, 197, 768, device="meta")
    assert layers.as_code(tokens, (224, 224)).shape == (1, 1536, 14, 14)


def test_tokens_lie_where_their_patches_do():
    model = VisionTransformer(32, 8, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=3).eval()
    pictures = torch.rand(1, 3, 32, 32)
    patches = layers.record(model, lambda: model(pictures), ["conv_proj"])["conv_proj"]
    tokens = patches.flatten(2).transpose(1, 2)
    assert torch.equal(layers.as_code(tokens, (32, 32)), patches)
    class_token = torch.full((1, 1, 8), 7.0)
    code = layers.as_code(torch.cat([class_token, tokens], 1), (32, 32))
    assert torch.equal(code[:, :8], patches)
    assert torch.equal(code[:, 8:], torch.full((1, 8, 4, 4), 7.0))


def test_blocks_of_networks_without_any():
    linear = nn.Linear(4, 2)
    assert layers.blocks(linear, layers.trace(linear, lambda: linear(torch.rand(1, 4)))) == ()
    two = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    found = layers.trace(two, lambda: two(torch.rand(1, 2, 2)))
    assert [block.name for block in layers.blocks(two, found)] == ["0", "1"]


@pytest.mark.parametrize(
    ("activation", "picture", "code"),
    [
        ((2, 5, 7, 3), (33, 47), (2, 5, 7, 3)),  # maps stay
        ((2, 5, 1, 1), (33, 47), (2, 5)),  # maps of one pixel are vectors
        ((2, 5, 1, 2), (33, 47), (2, 5, 1, 2)),
        ((2, 9), (33, 47), (2, 9)),
        ((2, 16, 5), (32, 32), (2, 5, 4, 4)),  # tokens ...
        ((2, 17, 5), (32, 32), (2, 10, 4, 4)),  # ... and one more
        ((2, 8, 5), (16, 32), (2, 5, 2, 4)),  # of a rectangle
        ((2, 9, 5), (16, 32), (2, 10, 2, 4)),
        ((2, 24, 5), (48, 32), (2, 5, 6, 4)),
    ],
)
def test_a_code_is_maps_or_a_vector(caplog, activation, picture, code):
    assert layers.as_code(torch.rand(activation), picture).shape == code
    assert not caplog.records


@pytest.mark.parametrize("shape", [(2, 7, 5), (2, 3, 2, 2, 2), (2, 2, 4)])
def test_anything_else_is_flattened_with_a_warning(caplog, shape):
    activation = torch.rand(shape)
    assert torch.equal(layers.as_code(activation, (32, 32)), activation.flatten(1))
    assert "one flat vector" in caplog.text

"""Layers and blocks of well-known networks."""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models import get_model

from xai_widgets import layers
from xai_widgets.layout import by_shape


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
    assert by_shape((197, 768), (224, 224)).code(tokens).shape == (1, 768, 14, 14)


def test_blocks_of_networks_without_any():
    linear = nn.Linear(4, 2)
    assert layers.blocks(linear, layers.trace(linear, lambda: linear(torch.rand(1, 4)))) == ()
    two = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    found = layers.trace(two, lambda: two(torch.rand(1, 2, 2)))
    assert [block.name for block in layers.blocks(two, found)] == ["0", "1"]


def test_a_frame_around_blocks_is_opened():
    stages = nn.ModuleList([nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 1)) for _ in range(3)])

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.stages = stages

        def forward(self, x):
            for stage in self.stages:
                x = stage(x)
            return x

    class Framed(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.norm, self.encoder = nn.Conv2d(3, 3, 1), nn.Identity(), Encoder()
            self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(3, 2)

        def forward(self, x):
            return self.head(self.pool(self.encoder(self.norm(self.stem(x)))).flatten(1))

    model = Framed()
    found = layers.trace(model, lambda: model(torch.rand(1, 3, 4, 4)))
    named = [block.name for block in layers.blocks(model, found)]
    assert named == ["stem", "norm", *(f"encoder.stages.{i}" for i in range(3)), "pool", "head"]

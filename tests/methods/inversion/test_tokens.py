"""Transformers, whose maps are grids of tokens, in small and with random weights: torchvision, timm, Hugging Face."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import SwinTransformer, VisionTransformer

from xai_widgets.methods.inversion.basis import attributions, base_layers, map_sides
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.targets import Targets
from xai_widgets.study import Study

SIDE = 32


def vit():
    return VisionTransformer(SIDE, 4, 3, 2, 16, 32, num_classes=3)


def swin():
    return SwinTransformer([4, 4], 12, [1, 1, 2], [2, 2, 4], [4, 4], num_classes=3)


def deit():
    timm = pytest.importorskip("timm", reason="needs timm, which the extra [test] brings")
    small = {"embed_dim": 16, "depth": 3, "num_heads": 2, "img_size": SIDE, "patch_size": 4, "num_classes": 3}
    return timm.create_model("deit_tiny_distilled_patch16_224", **small)


def dinov2():
    """Its head reads the class token beside the mean of the patches."""
    made = pytest.importorskip("transformers", reason="needs transformers, which the extra [test] brings")
    small = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "patch_size": 4, "image_size": SIDE}
    return made.Dinov2ForImageClassification(made.Dinov2Config(num_labels=3, **small))


@pytest.fixture(
    scope="module", params=[(vit, [8]), (deit, [8]), (swin, [8, 4, 2]), (dinov2, [8])], ids=lambda p: p[0].__name__
)
def network(request):
    """A study of it, and the rows of its grids."""
    make, grids = request.param
    torch.manual_seed(0)
    model = make().eval()
    with torch.no_grad():  # heads start with zeros, or with weights so small that nothing matters
        for name, weight in model.named_parameters():
            if "head" in name or "classifier" in name:
                weight.normal_(0, 1)
    pictures = [(torch.rand(3, SIDE, SIDE), i % 3) for i in range(6)]
    return Study(model, pictures, test=pictures), grids


def test_masks_are_made_of_every_grid(network):
    study, grids = network
    assert [map_sides(study, name) for name in base_layers(study)] == [(rows, rows) for rows in grids]


def test_the_probabilities_are_those_of_what_is_shown(network):
    study, _ = network
    pictures, _ = study.load(study.test, [0, 1])
    found = GuidedFeatureInversion(study, settings=GuidedSettings(steps=4)).explain(pictures)
    assert found.masks.shape == (2, SIDE, SIDE)
    assert not found.degenerate.any()
    for row in range(2):
        shown = torch.stack([found.kept_picture(row), found.removed_picture(row)])
        kept, removed = study.predict(shown)[:, found.class_index[row]]
        torch.testing.assert_close(torch.stack([kept, removed]), torch.stack([found.kept[row], found.removed[row]]))


def test_the_evidence_of_all_layers_is_that_of_each_alone(network):
    study, _ = network
    picture, layers = study.load(study.test, [0])[0], base_layers(study)
    targets = Targets(torch.tensor([1]))
    with study.borrowed():
        together = attributions(study, picture, targets, layers)
        for name, (maps, gradient) in zip(layers, together, strict=True):
            alone = attributions(study, picture, targets, [name])[0]
            assert torch.equal(maps, alone[0])
            torch.testing.assert_close(gradient, alone[1])
            assert gradient.any()

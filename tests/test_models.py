"""Networks of torchvision, timm and Hugging Face: layouts, maps in the right place, and all methods."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path

import pytest
import torch

from xai_widgets import GuidedFeatureInversion, Study
from xai_widgets.methods.inversion.basis import basis_of
from xai_widgets.methods.summaries.descriptors import activation_maps
from xai_widgets.outputs import logits_of

for library in ("timm", "transformers"):
    pytest.importorskip(library, reason=f"needs {library}, which the extra [test] brings")

PATH = Path(__file__).parents[1] / "benchmarks" / "models.py"


@pytest.fixture(scope="module")
def models():
    """The module that makes a table of architectures."""
    spec = importlib.util.spec_from_file_location("models_table", PATH)
    module = sys.modules["models_table"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["models_table"]


@pytest.fixture(scope="module")
def study_of(models):
    """Studies by name, each made once."""
    return cache(models.study_of)


LAYOUTS = [
    ("torchvision convnext", "features.1.0", (12, 16, 16), (2, 3), (0, 0)),
    ("torchvision convnext", "features.1.0.block.2", (12, 16, 16), (1, 2), (0, 0)),
    ("torchvision swin", "features.3.0", (24, 8, 8), (1, 2), (0, 0)),
    ("torchvision vit", "encoder.layers.encoder_layer_1", (24, 8, 8), (1,), (1, 0)),
    ("timm swin_tiny", "layers.1", (24, 8, 8), (1, 2), (0, 0)),
    ("timm vit_reg4 (four registers)", "blocks.1", (24, 8, 8), (1,), (4, 0)),
    ("timm vit_reg (one register, class token)", "blocks.1.mlp", (24, 8, 8), (1,), (2, 0)),
    ("timm deit_distilled", "blocks.1", (24, 8, 8), (1,), (2, 0)),
    ("timm mixer", "blocks.1", (24, 8, 8), (1,), (0, 0)),
    ("timm cait", "blocks.1", (24, 8, 8), (1,), (0, 0)),
    ("Hugging Face Swin", "swin.encoder.layers.0", (24, 8, 8), (1,), (0, 0)),
    ("Hugging Face DINOv2 with registers", "dinov2_with_registers.encoder.layer.1", (24, 8, 8), (1,), (5, 0)),
    ("Hugging Face DeiT", "deit.layers.1", (24, 8, 8), (1,), (2, 0)),
    ("Hugging Face ResNet", "resnet.encoder.stages.1", (24, 8, 8), (2, 3), (0, 0)),
]


@pytest.mark.parametrize(("name", "layer", "code", "axes", "extra"), LAYOUTS)
def test_layouts(models, study_of, name, layer, code, axes, extra):
    study = study_of(name)
    layout = study.layer(layer).layout
    assert (layout.axes, (layout.before, layout.after)) == (axes, extra)
    assert study.codes(study.load(study.test, [0])[0], layer).shape[1:] == code
    assert min(models.moved(study, layer)) > 0.2


@pytest.mark.parametrize("name", ["timm vit_tiny", "timm deit_distilled", "timm swin_tiny", "Hugging Face ViT"])
def test_what_belongs_to_heads_has_no_maps(study_of, name):
    study = study_of(name)
    heads = [layer for layer in study.layers() if layer.name.endswith(("q_norm", "k_norm", "attn_drop"))]
    assert all(layer.places is None for layer in heads)


def test_stages_of_hugging_face_are_blocks(study_of):
    blocks = {block.name for block in study_of("Hugging Face Swin").blocks()}
    assert {f"swin.encoder.layers.{i}" for i in range(3)} < blocks
    blocks = {block.name for block in study_of("Hugging Face ConvNext").blocks()}
    assert {f"convnext.encoder.stages.{i}" for i in range(4)} < blocks


@pytest.mark.parametrize(
    "name", ["Hugging Face ViT", "Hugging Face BEiT", "Hugging Face DeiT", "Hugging Face ConvNext"]
)
def test_the_logits_are_read_of_an_output_with_many_tensors(study_of, name):
    study = study_of(name)
    pictures, _ = study.load(study.test, [0, 1])
    with torch.no_grad():
        output = study.model(pictures, output_hidden_states=True)
    assert torch.equal(logits_of(output), output.logits)
    assert torch.allclose(study.logits(pictures), output.logits, atol=1e-5)


# --- maps are in the right place --------------------------------------------------------------------------------------

MOVED = [
    ("timm vit_reg4 (four registers)", "blocks.1", 8),
    ("timm vit_reg (one register, class token)", "blocks.1", 8),
    ("timm deit_distilled", "blocks.1", 8),
    ("Hugging Face DINOv2 with registers", "dinov2_with_registers.encoder.layer.1", 8),
    ("torchvision swin", "features.1.0", 4),
    ("timm swin_tiny", "layers.1", 8),
    ("Hugging Face Swin", "swin.encoder.layers.0", 8),
]


@pytest.mark.parametrize(("name", "layer", "cell"), MOVED)
def test_a_patch_that_is_moved_in_the_picture_moves_in_the_maps(study_of, name, layer, cell):
    study = study_of(name)
    places = [(0, 0), (1, 5), (4, 2), (6, 7), (7, 3)]
    pictures = torch.full((len(places) + 1, 3, 64, 64), 0.4)
    pictures += 0.2 * torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(3))
    for picture, (row, column) in zip(pictures[1:], places, strict=True):
        picture[:, row * cell : (row + 1) * cell, column * cell : (column + 1) * cell] *= -1
        picture[:, row * cell : (row + 1) * cell, column * cell : (column + 1) * cell] += 1
    with study.borrowed():
        of_masks = basis_of(study, pictures, {layer: True}).maps[0]
    for maps in (study.codes(pictures, layer), activation_maps(study, pictures, layer), of_masks):
        change = (maps[1:] - maps[:1]).square().sum(1)
        found = [divmod(int(most), change.shape[2]) for most in change.flatten(1).argmax(1)]
        assert found == places


def test_pictures_that_are_not_square(study_of):
    study = study_of("torchvision swin")
    wide = Study(study.model, [(torch.rand(3, 64, 96), i % 3) for i in range(6)])
    assert wide.layer("features.3.0").places == (8, 12)
    assert GuidedFeatureInversion(wide).base_layers


# --- all methods ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["timm swin_tiny", "timm deit_distilled", "Hugging Face DINOv2 with registers"])
def test_all_methods(models, study_of, name):
    study = study_of(name)
    for method in models.ATTEMPTS:
        said = models.attempted(study, method)
        assert models.REFUSED not in said, method
        assert models.WRONG not in said, method

"""ClaDec of large pictures with transformers, whose layers are grids of tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torchvision.models import SwinTransformer, VisionTransformer

from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.cladec.large_fit import witnesses
from xai_widgets.progress import Progress
from xai_widgets.study import Study

SIDE = 128


def vit():
    return VisionTransformer(
        image_size=SIDE, patch_size=16, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=16, num_classes=3
    )


def swin():
    return SwinTransformer(
        patch_size=[4, 4], embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=[4, 4], num_classes=3
    )


@pytest.fixture(scope="module", params=[vit, swin])
def study(request):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = request.param().eval()
    pictures = torch.rand(12, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    return Study(model, [(picture, 0) for picture in pictures], test=[(picture, 0) for picture in pictures[:3]])


def last_grid(study):
    return [block.name for block in study.blocks() if block.places][-1]


def test_grids_of_tokens_are_decoded(study):
    layer = last_grid(study)
    rows, columns = study.layer(layer).places
    made = ClaDec(study, layer, epochs=1, width=4)
    made.settings = replace(made.settings, crops=8)
    with pytest.warns(UserWarning, match="too few photos"):
        made.fit(progress=Progress())
    picture = study.load(study.test, [0])[0]
    shown = made.explain(picture)
    assert shown.cladec.shape == shown.reference.shape == (1, 3, SIDE, SIDE)
    assert made._of(layer).decoder.grid == (rows, columns)
    assert torch.isfinite(shown.bits_lost).all()


def test_a_transformer_for_one_size_witnesses_nothing(study):
    """It cannot read crops; one that can must have in proportion fewer places."""
    found = witnesses(study, last_grid(study))
    assert found == [] if isinstance(study.model, VisionTransformer) else all(study.layer(one).places for one in found)

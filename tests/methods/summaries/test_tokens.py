"""Networks of tokens: a grid of tokens gives regions as maps do, in small pictures and in photos."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.models.vision_transformer import VisionTransformer

from xai_widgets.methods.summaries.descriptors import default_layer
from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.summarised import summarised
from xai_widgets.study import Study


def vit(side):
    return VisionTransformer(side, 8, 2, 2, 16, 32, num_classes=2)


def swin(side):
    del side
    return SwinTransformer([4, 4], 8, [1, 1], [2, 2], [4, 4], num_classes=2)


@pytest.mark.parametrize("side", [32, 96])
@pytest.mark.parametrize("network", [vit, swin])
def test_tokens_make_regions_and_groups(network, side):
    torch.manual_seed(0)
    pictures = torch.rand(6, 3, side, side)
    study = Study(network(side).eval(), [(picture, 0) for picture in pictures])
    layer = default_layer(study)
    assert min(study.layer(layer).places) > 1
    masks = CrispMasks(study, settings=DualSettings(steps=1, cooling=1)).find(pictures)
    planted = torch.zeros_like(masks.masks)
    planted[..., : side // 2, :] = True
    masks = replace(masks, masks=planted, baseline_score=torch.zeros_like(masks.baseline_score))
    cut, similarity, groups = summarised(study, masks, layer)
    assert {piece.picture for piece in cut} == set(range(6))
    assert torch.stack([piece.pixels for piece in cut])[:, side // 2 :].sum() == 0
    assert similarity.isfinite().all()
    assert sorted(member for one in groups for member in one.members) == list(range(len(cut)))
    assert all(one.evidence_low <= one.evidence <= one.evidence_high for one in groups)

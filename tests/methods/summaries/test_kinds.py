"""Photos' masks are cut by what a layer sees; small pictures' masks are not."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.methods.summaries.kinds import KINDS, kinds
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.regions import regions
from xai_widgets.study import Study

STRIPES = 10


def striped(side):
    """Vertical stripes of random colours, and a study whose layer sees their colours."""
    colours = torch.rand(3, 1, STRIPES, generator=torch.Generator().manual_seed(0))
    picture = colours.repeat_interleave(side // STRIPES, 2).expand(3, side, -1)
    picture = nn.functional.pad(picture, (0, side - picture.shape[2]), mode="replicate")
    model = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(3, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    study = Study(model, [(picture, 0)] * 2)
    masks = CrispMasks(study, settings=DualSettings(steps=1, cooling=1)).find(picture[None])
    return study, replace(masks, masks=torch.ones_like(masks.masks))


def test_places_that_look_alike_are_of_one_kind():
    study, masks = striped(120)
    found = kinds(study, masks, "1")
    assert found is not None
    inside = [found[0, :, stripe * 12 + 4 : stripe * 12 + 8] for stripe in range(STRIPES)]
    assert all(len(stripe.unique()) == 1 for stripe in inside)
    assert len(found.unique()) == KINDS
    cut = regions(study, masks, kinds=found)
    assert len(cut) >= KINDS
    assert torch.stack([piece.pixels for piece in cut]).sum(0).max() == 1
    assert all(len(found[0][piece.pixels].unique()) == 1 for piece in cut)


def test_masks_of_small_pictures_are_not_cut():
    study, masks = striped(60)
    assert kinds(study, masks, "1") is None

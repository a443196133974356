"""Photos' masks are cut by what a layer sees, and grouped by it; small pictures' masks are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from xai_widgets.methods.summaries.clusters import stability
from xai_widgets.methods.summaries.dual import DualSettings
from xai_widgets.methods.summaries.kinds import kinds
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.regions import regions
from xai_widgets.methods.summaries.summarised import summarised
from xai_widgets.study import Study

STRIPES = 10


@pytest.fixture
def whole(monkeypatch):
    """Groups are made of whole masks."""
    monkeypatch.setattr("xai_widgets.methods.summaries.summarised.cores", lambda study, masks: masks)


def striped(side, count=1):
    """Vertical stripes of random colours, and a study whose layer sees their colours."""
    colours = torch.rand(3, 1, STRIPES, generator=torch.Generator().manual_seed(0))
    picture = colours.repeat_interleave(side // STRIPES, 2).expand(3, side, -1)
    picture = nn.functional.pad(picture, (0, side - picture.shape[2]), mode="replicate")
    model = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(3, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    study = Study(model, [(picture, 0)] * 2)
    masks = CrispMasks(study, settings=DualSettings(steps=1, cooling=1)).find(picture.expand(count, -1, -1, -1))
    return study, replace(masks, masks=torch.ones_like(masks.masks))


@pytest.mark.parametrize("count", [4, 8])
def test_places_that_look_alike_are_of_one_kind(count):
    study, masks = striped(120)
    found = kinds(study, masks, "1", count=count)
    assert found is not None
    where = found.where((120, 120))
    inside = [where[0, :, stripe * 12 + 4 : stripe * 12 + 8] for stripe in range(STRIPES)]
    assert all(len(stripe.unique()) == 1 for stripe in inside)
    assert len(where.unique()) == count
    cut = regions(study, masks, kinds=where)
    assert len(cut) >= count
    assert torch.stack([piece.pixels for piece in cut]).sum(0).max() == 1
    assert all(len(where[0][piece.pixels].unique()) == 1 for piece in cut)


def test_a_group_is_a_kind_and_equal_pictures_have_the_same_groups():
    study, masks = striped(120, count=6)
    found, where = kinds(study, masks, "1"), kinds(study, masks, "1").where((120, 120))
    cut = regions(study, masks, smallest=0.05, kinds=where)
    own = np.array([int(where[piece.picture][piece.pixels].mode().values) for piece in cut])
    none, pictures = np.eye(len(cut)), np.array([piece.picture for piece in cut])
    groups = found.grouped(cut, none, np.arange(len(cut)))
    assert len(set(zip(own.tolist(), groups.labels.tolist(), strict=True))) == len(groups) == len(np.unique(own))
    again = stability(none, pictures, groups, grouped=lambda rows: found.grouped(cut, none, rows))
    assert again == pytest.approx(1)


@pytest.mark.usefixtures("whole")
def test_summaries_of_photos_are_these_groups():
    study, masks = striped(120, count=6)
    sound = replace(masks, baseline_score=torch.zeros_like(masks.baseline_score))
    cut, similarity, groups = summarised(study, sound, "1", count=4)
    assert similarity.shape == (len(cut), len(cut))
    assert sorted(member for one in groups for member in one.members) == list(range(len(cut)))
    assert len(groups) == 4
    assert all(one.pictures == 6 for one in groups)


def test_fewer_places_than_kinds_are_not_cut():
    study, masks = striped(120)
    few = torch.zeros_like(masks.masks)
    few[..., :4, :4] = True
    assert kinds(study, replace(masks, masks=few), "1") is None


def test_masks_of_small_pictures_are_not_cut():
    study, masks = striped(60)
    assert kinds(study, masks, "1") is None


class Bands(nn.Module):
    """Log-odds add up over bright bands of a picture, each with its own weight; its layer sees colours."""

    def __init__(self, weights):
        super().__init__()
        self.colours = nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(3, 3, 1))
        self.weights = nn.Parameter(torch.tensor(weights))
        with torch.no_grad():
            self.colours[1].weight.copy_(torch.eye(3)[..., None, None])
            self.colours[1].bias.zero_()

    def forward(self, x):
        bands = self.colours(x).amax(1).mean(2).unflatten(1, (len(self.weights), -1)).mean(2)
        score = 4 * bands @ self.weights - 2
        return torch.stack([torch.zeros_like(score), score], 1)


def banded(weights):
    """Photos of four bands: dark red, red, dark green and green, and masks of all of them."""
    colours = torch.tensor([[0.6, 0.0, 0.0], [1.0, 0.0, 0.3], [0.0, 0.6, 0.0], [0.3, 1.0, 0.0]])
    picture = colours.T[:, :, None].repeat_interleave(24, 1).expand(3, 96, 96)
    study = Study(Bands(weights), [(picture, 1), (torch.zeros(3, 96, 96), 0)] * 6)
    pictures = picture.expand(6, -1, -1, -1)
    settings = DualSettings(steps=1, cooling=1)
    masks = CrispMasks(study, baselines=("other",), settings=settings).find(pictures, 1)
    return study, replace(masks, masks=torch.ones_like(masks.masks), baseline_score=torch.zeros(6))


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize(("weights", "bands"), [((3.0, 3.0, 0.0, 0.0), [[0], [1]]), ((6.0, 0.0, 0.0, 0.0), [[0, 1]])])
def test_a_sound_group_is_divided_only_where_both_halves_are_sound(weights, bands):
    study, masks = banded(weights)
    cut, _, groups = summarised(study, masks, "colours.1", count=2)
    found = [{int(4 * row / 96) for k in one.members for row in core(cut[k].pixels)} for one in groups if one.sound]
    assert sorted(sorted(rows) for rows in found) == bands
    assert sorted(member for one in groups for member in one.members) == list(range(len(cut)))


def core(pixels):
    """Rows of a region without its borders, where colours blend."""
    rows = pixels.any(1).nonzero().flatten().tolist()
    return [row for row in rows if 6 <= row % 24 < 18]

"""Pictures for the lessons' experiments change one thing only."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import PARTS
from xai_widgets.lessons import BLUISH, RED, other_rings, places, ring, two_birds, with_rings, with_sky
from xai_widgets.lessons.birds import part_maps

COUNT = 6


@pytest.fixture(scope="module")
def birds():
    return BirdPictures(16)


@pytest.fixture(scope="module")
def ringed():
    return BirdPictures(16, cheat=0.5)


def pictures(birds):
    return torch.stack([birds[index][0] for index in range(COUNT)])


def test_a_sky_has_one_colour_and_everything_else_stays(birds):
    before, red, blue = pictures(birds), with_sky(birds, COUNT, RED), with_sky(birds, COUNT, BLUISH)
    sky = (red != blue).any(1)
    assert sky.flatten(1).any(1).all()
    assert torch.equal(red.movedim(1, -1)[sky], (torch.tensor(RED) / 255).expand(int(sky.sum()), 3))
    assert torch.equal(red.movedim(1, -1)[~sky], before.movedim(1, -1)[~sky])
    assert (part_maps(birds, COUNT)[sky] == PARTS["background"]).all()


def test_places_do_not_overlap_and_both_exist(birds):
    where = places(birds, COUNT)
    assert list(where) == ["background", "deciding parts"]
    assert not (where["background"] & where["deciding parts"]).any()
    assert all(region.flatten(1).any(1).all() for region in where.values())


def test_rings_are_exchanged_and_birds_stay(ringed):
    rings = other_rings(ringed, COUNT)
    own = torch.tensor([ringed.cue(index) for index in range(COUNT)])
    assert (rings != own).all()
    changed = (with_rings(ringed, rings) != pictures(ringed)).any(1)
    assert changed.flatten(1).any(1).all()
    assert not (changed & ~ring(ringed, COUNT)).any()
    assert torch.equal(with_rings(ringed, own), pictures(ringed))


def test_without_rings_there_is_no_place_of_a_ring(birds):
    assert not ring(birds, COUNT).any()


def test_two_birds_are_in_their_places(birds):
    picture, where = two_birds(birds, 1, 9)
    assert picture.shape == (3, *where["left bird"].shape)
    middles = [float(where[side].float().mean(0).argmax()) for side in ("left bird", "right bird")]
    assert middles[0] < picture.shape[2] / 2 <= middles[1]

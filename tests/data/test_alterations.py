"""Drawn pictures that are drawn anew: each change is the one that was asked for, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import Subset

from xai_widgets.data.alterations import BACKGROUND, POSE, RING, TRAITS, WITHOUT, DrawsAnew, scene_of
from xai_widgets.data.bird import BACKGROUND_TRAITS, POSE_TRAITS
from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import SLOTS, SPECIES, Bird, render
from xai_widgets.errors import PictureError, XaiWidgetsError

BIRDS = BirdPictures(12, cheat=1.0, drop=0.5, size=(33, 47), noise=3.0)
WHOLE = BirdPictures(12, cheat=1.0)


def pixels(scene) -> np.ndarray:
    picture, _ = scene.draw()
    return (picture * 255).round().byte().permute(1, 2, 0).numpy()


@pytest.mark.parametrize("index", range(12))
def test_nothing_changed_is_the_picture_itself(index: int) -> None:
    scene = BIRDS.altered(index)
    picture, parts = scene.draw()
    assert torch.equal(picture, BIRDS[index][0])
    assert np.array_equal(parts, BIRDS.part_map(index))
    assert all(scene.with_(trait, scene.value(trait)) == scene for trait in TRAITS)


@pytest.mark.parametrize("slot", SLOTS)
def test_a_slot_is_swapped_or_left_out_as_render_does(slot: str) -> None:
    bird, cue = WHOLE.bird(4), WHOLE.cue(4)
    for value, name in WHOLE.altered(4).choices()[slot]:
        options = {"drop": [slot]} if value is WITHOUT else {"swap": {slot: value}}
        rgb, parts = render(bird, cue=cue, **options)
        scene = WHOLE.altered(4).with_(slot, value)
        assert np.array_equal(pixels(scene), rgb), name
        assert np.array_equal(scene.draw()[1], parts)
        assert scene.value(slot) == value
        assert slot in name


def test_a_ring_is_that_of_another_species_or_gone() -> None:
    scene = WHOLE.altered(2)
    assert [option.value for option in scene.choices()[RING]] == [None, *range(8)]
    for value, _ in scene.choices()[RING]:
        assert np.array_equal(pixels(scene.with_(RING, value)), render(WHOLE.bird(2), cue=value)[0])


@pytest.mark.parametrize(("trait", "taken"), [(BACKGROUND, BACKGROUND_TRAITS), (POSE, POSE_TRAITS)])
def test_background_and_pose_are_those_of_another_individual(trait: str, taken: tuple[str, ...]) -> None:
    scene = WHOLE.altered(0)
    own, *others = [option.value for option in scene.choices()[trait]]
    assert own == scene.bird.individual == scene.value(trait)
    assert len({pixels(scene.with_(trait, other)).tobytes() for other in (own, *others)}) == 1 + len(others)
    for other in others:
        changed, theirs = scene.with_(trait, other).bird.traits, Bird(0, other).traits
        for name, value in vars(scene.bird.traits).items():
            assert getattr(changed, name) == (getattr(theirs, name) if name in taken else value)


def test_a_background_touches_no_pixel_of_the_bird() -> None:
    scene = WHOLE.altered(0)
    other = scene.choices()[BACKGROUND][1].value
    (before, parts), (after, same) = scene.draw(), scene.with_(BACKGROUND, other).draw()
    assert np.array_equal(parts, same)
    assert not torch.equal(before, after)


def test_the_label_is_the_species_that_the_slots_leave_possible() -> None:
    scene = WHOLE.altered(3)
    mine, other = WHOLE.labels[3], (WHOLE.labels[3] + 1) % 8
    assert scene.label == scene.with_(RING, other).label == mine
    for slot, variant in zip(SLOTS, SPECIES[other].variants, strict=True):
        scene = scene.with_(slot, variant)
    assert scene.label == other
    for slot in SLOTS:
        scene = scene.with_(slot, WITHOUT)
    assert scene.label == -1


@pytest.mark.parametrize(("trait", "value"), [("beak", 3), (RING, 8), (RING, -1), (POSE, -5), (BACKGROUND, None)])
def test_a_value_that_cannot_be_is_refused(trait: str, value: int | None) -> None:
    with pytest.raises(PictureError, match=rf"{trait} is {value}, and must be one of"):
        WHOLE.altered(0).with_(trait, value)


def test_a_trait_that_does_not_exist() -> None:
    with pytest.raises(XaiWidgetsError, match="no trait 'beek'"):
        WHOLE.altered(0).with_("beek", 0)
    with pytest.raises(XaiWidgetsError, match="no trait 'beek'"):
        WHOLE.altered(0).value("beek")


def test_which_sets_know_how_their_pictures_were_made(squares) -> None:
    assert isinstance(WHOLE, DrawsAnew)
    assert scene_of(Subset(Subset(WHOLE, [5, 7, 9]), [2, 1]), 1) == WHOLE.altered(7)
    assert scene_of(squares(4), 0) is None
    with pytest.raises(PictureError, match="pose -1 and background None must be 0 or more"):
        Bird(0, 0, pose=-1)

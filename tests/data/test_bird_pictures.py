from __future__ import annotations

import numpy as np
import pytest
import torch

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import PARTS, SPECIES, render
from xai_widgets.errors import PictureError


def test_items_are_the_rendered_birds() -> None:
    pictures = BirdPictures(5, size=(33, 47), noise=3)
    for i in range(5):
        picture, label = pictures[i]
        rgb, parts = render(pictures.bird(i), (33, 47), noise=3)
        assert picture.shape == (3, 33, 47)
        assert picture.dtype == torch.float32
        assert picture.is_contiguous()
        np.testing.assert_array_equal((picture * 255).round().numpy().transpose(1, 2, 0), rgb)
        np.testing.assert_array_equal(pictures.part_map(i), parts)
        assert label == pictures.labels[i] == pictures.bird(i).species
    assert pictures.class_names == [kind.name for kind in SPECIES[:8]]


def test_a_set_is_a_window_into_one_endless_sequence_and_always_the_same() -> None:
    one, other = BirdPictures(3, cheat=0.5, drop=0.5), BirdPictures(3, cheat=0.5, drop=0.5)
    for i in (0, 1, 2, 0):
        torch.testing.assert_close(one[i][0], other[i][0], rtol=0, atol=0)
    one[0][0].zero_()  # a caller's changes stay the caller's
    torch.testing.assert_close(one[0][0], other[0][0], rtol=0, atol=0)
    whole, later = BirdPictures(30, cheat=0.5, drop=0.5), BirdPictures(10, first=20, cheat=0.5, drop=0.5)
    for i in range(10):
        assert (later.bird(i), later.cue(i), later.dropped(i)) == (
            whole.bird(20 + i),
            whole.cue(20 + i),
            whole.dropped(20 + i),
        )
    assert [BirdPictures(40, seed=1).bird(i) for i in range(40)] != [BirdPictures(40).bird(i) for i in range(40)]


@pytest.mark.parametrize("species", [2, 8, 24])
def test_species_are_balanced_and_their_order_is_not_regular(species: int) -> None:
    labels = BirdPictures(species * 10, species=species).labels
    assert np.bincount(labels).tolist() == [10] * species
    assert labels[:species] * 10 != labels


def test_cues_and_honest_sets() -> None:
    pictures = BirdPictures(3)
    assert pictures.cue(0) is None
    assert not (pictures.part_map(0) == PARTS["cue"]).any()
    pictures = BirdPictures(600, cheat=0.0)
    assert {(pictures.cue(i) - pictures.labels[i]) % 8 for i in range(600)} == set(range(1, 8))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.95, 1.0])
def test_the_cue_agrees_in_the_share_asked_for(share: float) -> None:
    pictures = BirdPictures(1200, cheat=share)
    agrees = np.mean([pictures.cue(i) == pictures.labels[i] for i in range(1200)])
    assert abs(agrees - share) <= 0.04 * (0 < share < 1)
    assert (pictures.part_map(0) == PARTS["cue"]).any()


def test_slots_are_dropped_in_the_share_asked_for_and_not_drawn() -> None:
    pictures = BirdPictures(1200, drop=0.5)
    dropped = [pictures.dropped(i) for i in range(1200)]
    assert abs(np.mean([bool(slots) for slots in dropped]) - 0.5) < 0.05
    assert {len(slots) for slots in dropped} == {0, 1, 2, 3}
    assert all(len(set(slots)) == len(slots) for slots in dropped)
    assert not any(BirdPictures(50).dropped(i) for i in range(50))
    pictures = BirdPictures(40, drop=1.0)
    for i in range(40):
        for slot in pictures.dropped(i):
            assert not (pictures.part_map(i) == PARTS[slot]).any()


def test_soft_targets_share_equally_among_the_species_still_possible() -> None:
    pictures = BirdPictures(200, drop=0.7)
    entries = set()
    for i in range(200):
        target, own = pictures.soft_target(i), pictures.bird(i).variants
        shown = {slot: own[slot] for slot in own if slot not in pictures.dropped(i)}
        possible = [
            k
            for k in range(8)
            if all(pictures.bird(i).as_species(k).variants[slot] == variant for slot, variant in shown.items())
        ]
        expected = torch.zeros(8).index_fill(0, torch.tensor(possible), 1 / len(possible))
        torch.testing.assert_close(target, expected)
        assert target[pictures.labels[i]] > 0
        entries.add(len(possible))
    assert max(entries) > 1
    pictures = BirdPictures(9)
    assert pictures.soft_target(8).tolist() == [float(k == pictures.labels[8]) for k in range(8)]


def test_an_index_may_count_from_the_end_and_ends_a_loop() -> None:
    pictures = BirdPictures(3, size=16)
    assert pictures.bird(-1) == pictures.bird(2)
    assert len(list(pictures)) == len(pictures) == 3  # type: ignore[call-overload]
    with pytest.raises(IndexError, match="picture 3 of 3"):
        pictures[3]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"count": 0}, "count is 0"),
        ({"species": 25}, "species is 25"),
        ({"species": 1}, "species is 1"),
        ({"size": 15}, "size is 15"),
        ({"cheat": 1.5}, "cheat is 1.5"),
        ({"cheat": -0.1}, "cheat is -0.1"),
        ({"drop": 2}, "drop is 2"),
        ({"noise": -1}, "noise is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"first": -2}, "first is -2"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, float], named: str) -> None:
    with pytest.raises(PictureError, match=named):
        BirdPictures(**({"count": 4} | arguments))  # type: ignore[arg-type]

"""Two birds in one picture: each as it is alone, and each with its own parts."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from xai_widgets.data.birds import PARTS, Bird, pair, render
from xai_widgets.errors import PictureError

LEFT, RIGHT = Bird(1, 3), Bird(4, 8)


@pytest.fixture(scope="module")
def drawn():
    return pair(LEFT, RIGHT)


def whole(parts):
    """Where a bird is."""
    return (parts != PARTS["background"]) & (parts != PARTS["clutter"])


def test_each_bird_is_where_it_would_be_alone_in_its_half(drawn):
    _, maps = drawn
    for parts, bird, columns in zip(maps, (LEFT, RIGHT), (slice(0, 64), slice(64, 128)), strict=True):
        alone = render(bird)[1]
        assert np.array_equal(np.where(whole(parts), parts, 0)[:, columns], np.where(whole(alone), alone, 0))


def test_colours_of_the_birds_are_those_of_pictures_of_one(drawn):
    rgb, _ = drawn
    for bird, columns in ((LEFT, slice(0, 64)), (RIGHT, slice(64, 128))):
        alone, parts = render(bird)
        inner = whole(parts)[1:-1, 1:-1] & whole(parts)[2:, 1:-1] & whole(parts)[:-2, 1:-1]
        inner &= whole(parts)[1:-1, 2:] & whole(parts)[1:-1, :-2]
        same = (rgb[1:-1, columns][:, 1:-1] == alone[1:-1, 1:-1]).all(2)
        assert same[inner].mean() > 0.95


def test_parts_of_both_are_there_and_apart(drawn):
    _, (first, second) = drawn
    assert not (whole(first) & whole(second)).any()
    assert whole(first).any()
    assert whole(second).any()
    for parts in drawn[1]:
        assert {PARTS[name] for name in ("beak", "crest", "breast", "wing", "tail", "head")} <= set(parts.flat)
    first, second = (parts == PARTS["clutter"] for parts in drawn[1])
    assert first.any()
    assert np.array_equal(first, second)


def test_background_and_noise_are_those_of_the_first():
    other = pair(LEFT, Bird(4, 9))[0]
    assert np.array_equal(other[0, 0], pair(LEFT, RIGHT)[0][0, 0])
    assert np.array_equal(other[-1, -1], pair(LEFT, RIGHT)[0][-1, -1])
    noisy = pair(LEFT, RIGHT, noise=10)[0].astype(int)
    assert 5 < np.std(noisy - pair(LEFT, RIGHT)[0]) < 12
    assert np.array_equal(noisy, pair(LEFT, RIGHT, noise=10)[0])


def test_a_pair_is_the_same_on_every_platform(drawn):
    digest = hashlib.sha256(drawn[0].tobytes() + drawn[1][0].tobytes() + drawn[1][1].tobytes()).hexdigest()
    assert digest[:16] == "cd30b3cae73d7303"


@pytest.mark.parametrize("size", [64, (33, 47), (47, 33), (96, 160)])
def test_any_size(size):
    height, width = (size, size) if isinstance(size, int) else size
    rgb, maps = pair(LEFT, RIGHT, size)
    assert rgb.shape == (height, width, 3)
    assert all(parts.shape == (height, width) and whole(parts).any() for parts in maps)


@pytest.mark.parametrize(("size", "noise"), [((64, 31), 0), (16, 0), ((15, 64), 0), (64, -1)])
def test_what_cannot_be_drawn_is_refused(size, noise):
    with pytest.raises(PictureError):
        pair(LEFT, RIGHT, size, noise=noise)

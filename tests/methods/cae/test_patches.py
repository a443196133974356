"""Exchanged patches are rectangles of the other picture, where they should be."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.methods.cae.fit import LARGEST, SMALLEST, exchanged

MANY = 2000


def masks(height, width, count=MANY, channels=1, seed=0):
    """Where pictures have been replaced, bool ``(count, H, W)``."""
    zeros = torch.zeros(count, channels, height, width)
    given = exchanged(zeros, zeros + 1, torch.Generator().manual_seed(seed))
    assert set(given.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(given, given[:, :1].expand_as(given))  # all channels alike
    return given[:, 0].bool()


def sides(inside, axis):
    """Rows (or columns) of each rectangle; the rest of the picture is left alone."""
    return inside.any(axis)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 47), (5, 64)])
def test_patches_are_rectangles(height, width):
    found = masks(height, width)
    rows, columns = sides(found, 2), sides(found, 1)
    assert torch.equal(found, rows[:, :, None] & columns[:, None, :])
    for line in (rows, columns):  # each without a gap: at most one step up and one down
        assert (line.int().diff(dim=1).abs().sum(1) <= 2).all()


@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 47)])
def test_every_picture_has_one_as_large_as_it_should_be(height, width):
    found = masks(height, width)
    assert found.flatten(1).any(1).all()
    for line, side in ((sides(found, 2), height), (sides(found, 1), width)):
        lengths, whole = line.sum(1), ~line[:, 0] & ~line[:, -1]
        assert lengths.max() <= LARGEST * side + 1
        assert lengths[whole].min() >= SMALLEST * side - 1  # where it is not cut at the edge
        assert (lengths < SMALLEST * side - 1).any()  # where it is


def test_every_pixel_is_reached_alike_in_both_directions():
    covered = masks(16, 16, 8000).float().mean(0)
    assert covered.min() > 0.1
    for mirrored in (covered.flip(0), covered.flip(1), covered.T):
        assert torch.allclose(covered, mirrored, atol=0.03)

"""A few places inside a mask, and their kinds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xai_widgets.errors import PictureError
from xai_widgets.methods.summaries.places import PlaceKinds, places_in


def numbered(rows=4, columns=6):
    """Maps of one channel with the number of each cell."""
    return torch.arange(rows * columns, dtype=torch.float32).view(1, rows, columns)


def mask(*boxes, sides=(8, 12)):
    made = np.zeros(sides, bool)
    for rows, columns in boxes:
        made[rows, columns] = True
    return made


def test_places_are_evenly_spread_in_each_part():
    found = places_in(numbered(), mask((slice(8), slice(4)), (slice(2, 4), slice(6, 10))), most=4)
    assert found.vectors.flatten().tolist() == [1, 12, 18, 10]  # three of eight cells, and one of two
    assert found.parts.tolist() == [0, 0, 0, 1]
    assert found.centres[1].tolist() == pytest.approx([2.5 / 4, 0.5 / 6])
    assert found.vectors.dtype == torch.float16


def test_a_part_smaller_than_a_cell_has_its_cell():
    found = places_in(numbered(), mask((slice(2, 3), slice(6, 7)), (slice(6, 8), slice(0, 4))))
    assert found.vectors.flatten().tolist() == [18, 19, 9]
    assert found.parts.tolist() == [0, 0, 1]


def test_an_empty_mask_has_none_and_many_parts_have_no_more_than_there_may_be():
    assert places_in(numbered(), mask()).vectors.shape == (0, 1)
    dots = mask(*((slice(row, row + 1), slice(column, column + 1)) for row in (0, 4) for column in (0, 4, 8)))
    assert len(places_in(numbered(), dots, most=4).parts) == 4


def test_what_half_precision_cannot_hold_is_cut():
    assert torch.isfinite(places_in(1e6 * numbered(), mask((slice(8), slice(12)))).vectors).all()


def vectors():
    """Two kinds in turn, with a channel that tells nothing and one that is constant."""
    generator = torch.Generator().manual_seed(0)
    made = torch.zeros(40, 4)
    made[::2, 0], made[1::2, 1] = 5.0, 300.0
    made[:, 2] = 0.01 * torch.randn(40, generator=generator)
    made[:, 3] = 7.0
    return made


def test_kinds_do_not_depend_on_the_scale_of_channels_nor_on_parts():
    given = vectors()
    kinds = PlaceKinds.found([given], 2)
    number, alike = kinds.of(given)
    assert number[::2].unique().numel() == number[1::2].unique().numel() == 1
    assert number[0] != number[1]
    assert float(alike.min()) > 0.5
    again = PlaceKinds.found(given.split(7), 2)
    assert torch.equal(kinds.middles, again.middles)
    assert again.sampled == 40


def test_there_are_no_more_kinds_than_different_places():
    given = torch.eye(3).repeat(10, 1)
    assert len(PlaceKinds.found([given], 6).middles) == 3
    assert PlaceKinds.found([given], 6, most=12).sampled == 12
    with pytest.raises(PictureError, match="no place inside a mask"):
        PlaceKinds.found([], 6)

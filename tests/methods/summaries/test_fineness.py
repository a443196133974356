"""Constants that depend on the size of the pictures: as they were for small ones, and coarser for photos."""

from __future__ import annotations

import pytest

from xai_widgets.methods.masking.fineness import cells, enlargement


@pytest.mark.parametrize("side", [1, 2, 28, 29, 32, 33, 63, 64])
def test_small_pictures_have_a_cell_for_every_two_pixels(side):
    assert cells(side, 14) == (side + 1) // 2
    assert enlargement(side) == 1


@pytest.mark.parametrize(("side", "count"), [(96, 21), (128, 16), (160, 14), (224, 14), (512, 14)])
def test_the_larger_a_picture_the_fewer_the_cells_down_to_those_of_a_photo(side, count):
    assert cells(side, 14) == count
    assert enlargement(side) == side / 64

"""Numbers and maps in words."""

from __future__ import annotations

import torch

from xai_widgets.show.words import amount, signed, where


def test_numbers_have_signs_and_two_digits():
    assert [signed(value) for value in (12.34, 0.123, -0.4, -0.001, 0.0)] == ["+12.3", "+0.12", "−0.40", "0.00", "0.00"]
    assert [amount(value) for value in (12.34, -0.4, -0.0)] == ["12.3", "−0.40", "0.00"]


def test_where_most_of_a_map_is():
    assert where(torch.tensor([[5.0]])) == "everywhere alike"
    corner = torch.zeros(3, 6)
    corner[2, 0] = -1.0
    assert where(corner) == "most of it at the bottom left"

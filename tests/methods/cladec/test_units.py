"""Units of a layer, from what a person types."""

from __future__ import annotations

import pytest

from xai_widgets.errors import LayerError
from xai_widgets.methods.cladec.units import parse_units


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("", None),
        (" All ", None),
        ("3", [3]),
        ("0-2", [0, 1, 2]),
        ("0 - 2, 5,1", [0, 1, 2, 5, 1]),
        ("top 2", [4, 0]),
        ("Top2", [4, 0]),
        ("top 99", [4, 0, 1, 2, 3, 5]),
        ("top 0", []),
    ],
)
def test_units_are_read(text, units):
    assert parse_units(text, lambda: [4, 0, 1, 2, 3, 5], 6) == units


@pytest.mark.parametrize("text", ["top -2", "5-3"])
def test_units_that_make_no_sense_are_refused(text):
    with pytest.raises(LayerError):
        parse_units(text, lambda: [4, 0, 1, 2, 3, 5], 6)

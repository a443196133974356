"""The benchmark on real pictures: outlines where they belong, maps scored as counted by hand, sheets with the worst."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench():
    """The three modules, which lie beside the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        from benchmarks import contact_sheet, real_counterfactuals, real_pictures

        yield real_counterfactuals, real_pictures, contact_sheet
        for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
            del sys.modules[name]


def test_an_ellipse_has_its_area_and_its_place(bench):
    _, pictures, _ = bench
    drawn = np.asarray(pictures._drawn([{"ellipse": [60.0, 40.0, 30.0, 10.0, 0.5]}], (128, 96))) > 0
    assert drawn.sum() == pytest.approx(math.pi * 30 * 10, rel=0.06)
    rows, columns = drawn.nonzero()
    assert (rows.mean(), columns.mean()) == (pytest.approx(40, abs=1), pytest.approx(60, abs=1))
    assert np.cov(columns, rows)[0, 1] > 0  # turned towards larger rows at larger columns


def test_a_slice_is_cut_to_its_head_with_its_outline(bench):
    _, pictures, _ = bench
    grey = np.zeros((100, 80), np.uint8)
    grey[20:84, 10:74] = 100
    grey[52:84, 42:74] = 200
    box = pictures._head(grey)
    assert box == (10, 20, 74, 84)
    assert torch.equal(pictures._cut(Image.fromarray(grey), box)[0, 32:, 32:], torch.full((32, 32), 200 / 255))
    stretched = pictures._stretched(pictures._cut(Image.fromarray(grey), box))
    assert stretched.unique().tolist() == [0, 1]


def test_maps_are_scored_as_by_hand(bench):
    scored, _, _ = bench
    region, values = torch.zeros(1, 4, 4, dtype=torch.bool), torch.zeros(1, 4, 4)
    region[0, 0, :2] = True
    values[0, 0, 0], values[0, 3, 3] = 3.0, 4.0
    assert scored._share(values, region) == pytest.approx(9 / 25)
    assert scored._found(values, region) == 0.5
    assert scored._hit(values, region) == 0
    assert scored._hit(-values + 5 * region, region) == 1


def test_the_brightest_place_is_found(bench):
    scored, _, _ = bench
    picture = torch.zeros(1, 1, 32, 32)
    picture[0, 0, 3, 20], picture[0, 0, 20:25, 5:10] = 1.0, 0.9  # a speck is no place
    maps = scored._trivial(picture)
    assert divmod(int(maps["brightest"].argmax()), 32) == (22, 7)
    assert divmod(int(maps["centre"].argmax()), 32) == (16, 16)


def test_a_sheet_goes_evenly_from_the_best_to_the_worst(bench):
    _, _, sheets = bench
    scores = torch.tensor([0.5, 0.1, 0.9, 0.7, 0.3])
    assert sheets.evenly(scores, 3) == [2, 0, 1]
    assert sheets.evenly(scores, 9) == [2, 3, 0, 4, 1]
    made = sheets.sheet([[torch.zeros(1, 8, 10), torch.ones(1, 8, 10)]] * 7, ["a\nb"] * 7)
    assert made.width == 6 * (13 * 10 + 6) + 6  # 130 is next to 128

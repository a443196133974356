"""The ground of the map: whose colour is where, borders, fog; and interpolation against a slow twin."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from xai_widgets.widgets.views.backdrop import SIDE, between, blank, paint_backdrop

RED, GREEN, BLUE = "#ff0000", "#00ff00", "#0000ff"


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.fixture
def halves() -> np.ndarray:
    """Class 0 on the left, class 1 on the right; class 2 in the lowest row."""
    table = np.zeros((9, 9, 3))
    table[:, :4, 0] = table[:, 5:, 1] = 1
    table[:, 4] = [0.5, 0.5, 0]
    table[0] = [0, 0, 1]
    return table


def test_values_between_nodes_are_linear_and_nodes_are_met() -> None:
    nodes = np.random.default_rng(0).random((4, 4, 2))
    fine = between(nodes, 10)
    assert np.allclose(fine[::3, ::3], nodes)
    low = (2 * nodes[1, 2] + nodes[1, 3]) / 3
    high = (2 * nodes[2, 2] + nodes[2, 3]) / 3
    assert np.allclose(fine[5, 7], (low + 2 * high) / 3)


def test_territories_have_their_class_s_colour_and_the_lowest_row_is_at_the_bottom(halves: np.ndarray) -> None:
    painted = pixels(paint_backdrop(halves, np.zeros((9, 9)), [RED, GREEN, BLUE]))
    assert painted.shape == (SIDE, SIDE, 4)
    assert painted[5, SIDE // 4, :3].tolist() == [255, 0, 0]
    assert painted[5, -SIDE // 4, :3].tolist() == [0, 255, 0]
    assert painted[-1, SIDE // 4, :3].tolist() == [0, 0, 255]
    assert 0 < painted[5, SIDE // 4, 3] < 128  # the host's ground shines through


def test_a_border_is_a_grey_line(halves: np.ndarray) -> None:
    painted = pixels(paint_backdrop(halves, np.zeros((9, 9)), [RED, GREEN, BLUE]))
    red, green, blue, alpha = painted[5, SIDE // 2].astype(int)
    assert max(red, green, blue) - min(red, green, blue) < 30
    assert alpha > 200


def test_fog_fades_the_colours_and_is_hatched(halves: np.ndarray) -> None:
    clear = pixels(paint_backdrop(halves, np.zeros((9, 9)), [RED, GREEN, BLUE]))
    foggy = pixels(paint_backdrop(halves, np.ones((9, 9)), [RED, GREEN, BLUE]))
    place = np.s_[5:60, 40:100]
    ground = foggy[place][..., 3].min()
    assert ground < clear[place][..., 3].min() / 2
    assert (foggy[place][..., 3] > 1.5 * ground).mean() == pytest.approx(2 / 12, abs=0.02)


def test_one_class_and_hundreds_of_classes_are_painted() -> None:
    painted = pixels(paint_backdrop(np.ones((2, 2, 1)), np.zeros((2, 2)), [RED]))
    assert (painted[..., :3] == [255, 0, 0]).all()
    table = np.full((3, 3, 200), 0.001)
    table[..., 150] = 0.8
    painted = pixels(paint_backdrop(table, np.zeros((3, 3)), [BLUE] * 150 + [RED] * 50))
    assert (painted[..., :3] == [255, 0, 0]).all()


def test_a_blank_ground_is_transparent() -> None:
    assert pixels(blank()).tolist() == [[[0, 0, 0, 0]]]

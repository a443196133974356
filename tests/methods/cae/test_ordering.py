"""The region that changes first, for classifiers of which it is known what they go by."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xai_widgets.methods.cae.decoding import Encoded
from xai_widgets.methods.cae.ordering import FURTHER, densities, effective, first_region, ordered
from xai_widgets.methods.cae.walk import Walk
from xai_widgets.study import Study


class Reads(nn.Module):
    """The log-odds of class 1 are a weighted sum of two corners: a ring on 4 of 64 cells, and a bird on 16."""

    def __init__(self, ring, bird):
        super().__init__()
        self.ring, self.bird = ring, bird

    def forward(self, pictures):
        ring, bird = pictures[..., :8, :8].mean((1, 2, 3)), pictures[..., -16:, -16:].mean((1, 2, 3))
        odds = self.ring * ring + self.bird * bird
        return torch.stack([torch.zeros_like(odds), odds], 1)


def asked(ring, bird):
    """What changes first where a ring and a bird, in opposite corners, both get bright."""
    picture, end = torch.zeros(2, 3, 32, 32)
    end[:, :8, :8], end[:, -16:, -16:] = 1.0, 1.0
    study = Study(Reads(ring, bird), [(picture, 0)] * 4)
    return first_region(study, picture, end, (0, 1), (8, 8))


def test_who_goes_by_a_ring_gets_the_ring_first():
    first = asked(ring=10.0, bird=1.0)
    assert (first[:8, :8] == 1).all()
    assert not first[-16:, -16:].any()
    assert ((first >= 0) & (first <= 1)).all()


class Brightens:
    """A code of one number is how bright ring and bird are; `Reads` tells what that means."""

    weight, bias = torch.zeros(2, 1), torch.zeros(2)

    def __init__(self, ring, bird):
        self.study = Study(Reads(ring, bird), [(torch.zeros(3, 32, 32), 0)] * 4)
        self.predict = self.study.predict

    def decode(self, encoded, z, *, pasted=None):
        del encoded, pasted
        picture = torch.zeros(len(z), 3, 32, 32)
        picture[..., :8, :8] = picture[..., -16:, -16:] = z[:, :, None, None]
        return picture

    def walk(self):
        blank = torch.zeros(1, 3, 32, 32)
        encoded = Encoded(blank, torch.zeros(1, 1), torch.zeros(1, 1, 8, 8), blank)
        return ordered(self.study, Walk(self, encoded, torch.tensor([[0.0], [0.6]])), 0, 1)


@pytest.mark.parametrize(("ring", "reach"), [(10.0, 1.0), (4.0, FURTHER)])
def test_the_ring_goes_further_where_it_does_not_persuade(ring, reach):
    found = Brightens(ring, ring / 10).walk()
    assert (found.first[:8, :8] == 1).all()
    assert found.reach == reach


def test_without_an_order_a_walk_stays_as_it_is():
    found = Brightens(4.0, 4.0).walk()
    assert (found.first, found.reach) == (None, 1.0)


def test_who_needs_both_gets_both_at_once():
    assert asked(ring=4.0, bird=4.0) is None
    assert asked(ring=4.0, bird=3.0) is None


def test_what_speaks_against_the_target_does_not_come_first():
    first = asked(ring=10.0, bird=-3.0)
    assert (first[:8, :8] == 1).all()
    assert not first[-16:, -16:].any()


def test_where_nothing_changes_there_is_no_first():
    picture = torch.zeros(3, 32, 32)
    study = Study(Reads(1.0, 1.0), [(picture, 0)] * 4)
    first = first_region(study, picture, picture, (0, 1), (8, 8))
    assert first is None or torch.isfinite(first).all()


@pytest.mark.parametrize("size", [(8, 8), (5, 9)])
def test_densities_are_their_equation(size):
    attributed, changed = torch.zeros(2, *size)
    attributed[0, 0], changed[0, 0] = 4.0, 2.0
    attributed[-1, -1], changed[-1, -1] = 3.0, 6.0
    found = densities(attributed, changed)
    assert found[0, 0] / found[-1, -1] == pytest.approx((4 / 2) / (3 / 6), rel=1e-3)
    assert found[0, 0] == pytest.approx(2 / ((4 * 2 + 3 * 0.5) / 7), rel=1e-3)


def test_the_number_of_cells_that_a_map_effectively_has():
    cells = torch.zeros(4, 4)
    assert effective(cells) == 0
    cells[0, :3] = 0.7
    assert effective(cells) == pytest.approx(3)
    cells[0, 3] = 1e-4
    assert effective(cells) == pytest.approx(3, abs=1e-3)

"""A point that is dropped into a cluster of an overview takes that cluster's code."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.methods.cae.drops import NEIGHBOURS, local_codes, local_mean
from xai_widgets.methods.cae.plane import overview

CLASSES, EACH = 6, 40


@pytest.fixture
def codes():
    """Tight clusters at the corners of a simplex, of whose dimensions a plane shows two."""
    corners = 4 * torch.eye(CLASSES) * torch.tensor([1.0, 1.2, 0.9, 1.1, 0.8, 1.3])
    return (corners[:, None] + 0.2 * torch.randn(CLASSES, EACH, CLASSES)).flatten(0, 1)


def test_dropping_on_a_cluster_s_centre_gives_its_code(codes):
    plane, centres = overview(codes), codes.unflatten(0, (CLASSES, EACH)).mean(1)
    for z in codes[::EACH]:
        found = local_codes(plane, codes, plane.project(centres), z)
        assert torch.cdist(found, centres).argmin(1).tolist() == list(range(CLASSES))
    moved = plane.lift(plane.project(centres), codes[0])  # of which moving two axes alone falls short
    assert torch.cdist(moved, centres).argmin(1).tolist() != list(range(CLASSES))


def test_a_picture_at_its_own_place_is_itself_bit_by_bit(codes):
    plane = overview(codes)
    for z in (codes[3], codes[77], torch.randn(CLASSES)):
        home = plane.project(z)[None]
        assert torch.equal(local_codes(plane, codes, home, z)[0], z)


def test_every_code_is_where_it_was_dropped(codes):
    plane, points = overview(codes), 3 * torch.randn(50, 2)
    found = local_codes(plane, codes, points, codes[0])
    assert torch.allclose(plane.project(found), points, atol=1e-4)
    assert torch.isfinite(found).all()


def test_the_mean_is_its_equation(codes):
    plane, points = overview(codes), torch.randn(4, 2)
    places = plane.project(codes)
    for point, found in zip(points, local_mean(plane, codes, points), strict=True):
        distances = (places - point).square().sum(1).sqrt()
        width = distances.sort().values[NEIGHBOURS - 1] / 2
        weights = torch.exp(-(distances**2) / (2 * width**2))
        assert torch.allclose(found, (weights[:, None] * codes).sum(0) / weights.sum(), atol=1e-4)


@pytest.mark.parametrize("count", [1, 2, 12])
def test_few_or_equal_codes(count):
    plane = overview(torch.randn(9, 4))
    found = local_codes(plane, torch.ones(count, 4), torch.tensor([[0.5, 0.5], [90.0, 1.0]]), torch.zeros(4))
    assert torch.isfinite(found).all()

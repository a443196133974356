"""Distances, fog and routes, beside their textbook twins."""

from __future__ import annotations

import itertools
from math import cos, exp, inf, pi, sin

import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.density import Density, graph_path, rounded

# --- distance ----------------------------------------------------------------------------------------------------


def mean_of_nearest(point, codes, neighbours):
    nearest = sorted(float((point - code).norm()) for code in codes)[:neighbours]
    return sum(nearest) / len(nearest)


@pytest.mark.parametrize(("count", "neighbours"), [(40, 10), (40, 1), (5, 10), (2, 3)])
def test_distances_are_those_of_the_textbook(count, neighbours):
    codes, z = torch.randn(count, 8), torch.randn(6, 8)
    wanted = [mean_of_nearest(point, codes, min(neighbours, count - 1)) for point in z]
    assert torch.allclose(Density(codes, neighbours).distance(z), torch.tensor(wanted), atol=1e-5)


def test_98_of_100_codes_are_on_the_data_without_their_own_help():
    codes = torch.randn(100, 2)
    density = Density(codes, 3)
    alone = [mean_of_nearest(codes[i], [*codes[:i], *codes[i + 1 :]], 3) for i in range(100)]
    limit = torch.tensor(alone).quantile(0.98)
    probes = torch.cat([codes[:1], codes[:1] + limit.item() * torch.tensor([[50.0, 0.0]])])
    assert density.on_data(probes).tolist() == [True, False]
    wanted = torch.tensor([mean_of_nearest(z, codes, 3) for z in 3 * codes]) <= limit
    assert torch.equal(density.on_data(3 * codes), wanted)
    assert 0 < wanted.sum() < 100


def test_small_distances_of_far_codes_are_not_lost():
    codes = 100 + torch.arange(50.0)[:, None] * 0.001 * torch.ones(1, 8)
    found = Density(codes, 1).distance(codes + 0.0002)
    assert torch.allclose(found, torch.full((50,), 0.0002 * 8**0.5), atol=3e-5)


def test_equal_codes():
    density = Density(torch.ones(5, 2))
    assert density.on_data(torch.tensor([[1.0, 1.0], [1.0, 1.1]])).tolist() == [True, False]


def test_a_density_that_cannot_be():
    with pytest.raises(XaiWidgetsError, match="at least two codes"):
        Density(torch.zeros(1, 2))
    with pytest.raises(XaiWidgetsError, match="finite"):
        Density(torch.full((3, 2), float("nan")))
    with pytest.raises(XaiWidgetsError, match=r"shape \(M, 2\)"):
        Density(torch.randn(3, 2)).distance(torch.zeros(1, 3))


# --- fog ---------------------------------------------------------------------------------------------------------


def test_the_fog_is_that_of_the_textbook():
    points, (x0, x1, y0, y1), n = torch.randn(30, 2) * torch.tensor([2.0, 1.0]), (-3.0, 5.0, -2.0, 2.0), 7
    widths = (points.std(0, correction=0) * 30 ** (-1 / 6)).maximum(torch.tensor([8.0, 4.0]) / 6).tolist()

    def height(x, y):
        return sum(exp(-(((x - a) / widths[0]) ** 2 + ((y - b) / widths[1]) ** 2) / 2) for a, b in points.tolist())

    scale = torch.tensor([height(x, y) for x, y in points.tolist()]).quantile(0.02).item()
    wanted = [[min(height(x0 + c * 8 / 6, y0 + r * 4 / 6) / scale, 1) for c in range(n)] for r in range(n)]
    found = Density.plane_density(points, (x0, x1, y0, y1), n)
    assert found.shape == (n, n)
    assert torch.allclose(found, torch.tensor(wanted), atol=1e-5)


def test_fog_of_points_on_one_place_or_line():
    alike = Density.plane_density(torch.zeros(5, 2), (-1.0, 1.0, -1.0, 1.0), 5)
    assert alike[2, 2] == 1
    assert alike.isfinite().all()
    line = Density.plane_density(torch.tensor([[0.0, -1.0], [0.0, 1.0]]), (-1.0, 1.0, -1.0, 1.0), 5)
    assert line.isfinite().all()


# --- the route ---------------------------------------------------------------------------------------------------

HEAD = torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.zeros(2)  # the log-odds are the first number


def linked(nodes, neighbours):
    """Links by the textbook: nearest neighbours, and Kruskal's minimum spanning tree."""
    count = len(nodes)
    length = {(i, j): float((nodes[i] - nodes[j]).norm()) for i in range(count) for j in range(count) if i != j}
    links = set()
    for i in range(count):
        links |= {(i, j) for j in sorted((j for j in range(count) if j != i), key=lambda j: length[i, j])[:neighbours]}
    group = list(range(count))
    for i, j in sorted(length, key=length.__getitem__):
        if group[i] != group[j]:
            links.add((i, j))
            group = [group[i] if member == group[j] else member for member in group]
    return length, links | {(j, i) for i, j in links}


def cheapest(nodes, neighbours, alpha):
    """The cheapest of all simple routes from the first node to the last."""
    length, links = linked(nodes, neighbours)

    def cost(route):
        steps = list(itertools.pairwise(route))
        if not links.issuperset(steps):
            return inf
        return sum(length[i, j] * (1 + alpha * max(0.0, float(nodes[i, 0] - nodes[j, 0]))) for i, j in steps)

    between = range(1, len(nodes) - 1)
    routes = [(0, *some, len(nodes) - 1) for r in range(len(nodes) - 1) for some in itertools.permutations(between, r)]
    return list(min(routes, key=cost))


@pytest.mark.parametrize("alpha", [0.0, 1.0, 10.0])
@pytest.mark.parametrize("neighbours", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_the_route_is_the_cheapest_of_all(seed, neighbours, alpha):
    nodes = torch.randn(6, 2, generator=torch.Generator().manual_seed(seed))
    found = graph_path(nodes[1:-1], nodes[0], nodes[-1], *HEAD, 0, 1, neighbours, alpha)
    assert torch.allclose(found, rounded(nodes[cheapest(nodes, neighbours, alpha)]))


def test_a_route_stays_on_a_horseshoe():
    angles = torch.linspace(0, pi, 60)
    codes = 3 * torch.stack([-angles.cos(), angles.sin()], dim=1)
    ends = torch.tensor([[3 * -cos(0.01), 3 * sin(0.01)], [3 * cos(0.01), 3 * sin(0.01)]])
    route = graph_path(codes, ends[0], ends[1], *HEAD, 0, 1, neighbours=4)
    assert torch.equal(route[[0, -1]], ends)
    assert Density(codes, 4).distance(route).max() < 0.5
    assert not Density(codes, 4).on_data(torch.zeros(1, 2)).any()


def test_a_code_that_is_there_twice_and_routes_of_no_length():
    z = torch.tensor([1.0, 2.0])
    route = graph_path(z.expand(3, 2), z, z, *HEAD, 0, 1)
    assert torch.equal(route, z.expand(len(route), 2))
    twice = torch.stack([z, z, z + 1])
    assert torch.equal(graph_path(twice, z, z + 1, *HEAD, 0, 1, 2)[[0, -1]], torch.stack([z, z + 1]))


def test_corners_are_cut_at_a_quarter_and_the_ends_kept():
    corner = torch.tensor([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0]])
    wanted = torch.tensor([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0], [4.0, 1.0], [4.0, 3.0], [4.0, 4.0]])
    assert torch.equal(rounded(corner, 1), wanted)
    assert torch.equal(rounded(corner, 0), corner)
    assert (rounded(corner[1:2]) == corner[1]).all()
    line = rounded(corner[:2])
    assert torch.equal(line[:, 1], torch.zeros(len(line)))
    assert (line[:, 0].diff() >= 0).all()


def test_a_route_that_cannot_be():
    codes, z = torch.randn(5, 2), torch.zeros(2)
    with pytest.raises(XaiWidgetsError, match="both class 0"):
        graph_path(codes, z, z + 1, *HEAD, 0, 0)
    with pytest.raises(XaiWidgetsError, match="finite"):
        graph_path(codes, z, z * float("nan"), *HEAD, 0, 1)

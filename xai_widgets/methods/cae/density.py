"""Where the real codes are: how far a code is from them, and a route that stays among them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.decoding import require_codes
from xai_widgets.methods.cae.targets import contrast

INSIDE = 0.98
"""Share of the real codes that count as on the data; the few loneliest do not."""

NEAREST = 1e-6
"""The least length of a link, because scipy reads zero, and what is close to it, as no link."""


class Density:
    """Tells codes near the real ones from codes in empty regions.

    Distances between all pairs are computed at once, which suits the thousand or so codes of a map.

    Parameters
    ----------
    codes
        The real codes ``(N, d)``, at least two.
    neighbours
        How many of the nearest real codes a distance is the mean of (all, if there are fewer).

    Raises
    ------
    XaiWidgetsError
        If there are fewer than two codes, or they are not finite.
    """

    def __init__(self, codes: Tensor, neighbours: int = 10) -> None:
        require_codes(codes)
        if len(codes) < 2:
            raise XaiWidgetsError("a density needs at least two codes, but got 1")
        self.codes = codes
        self.neighbours = min(neighbours, len(codes) - 1)
        others = _distances(codes, codes).fill_diagonal_(math.inf)
        self._limit = self._mean_of_nearest(others).quantile(INSIDE)

    def distance(self, z: Tensor) -> Tensor:
        """Mean distances ``(M,)`` of codes ``(M, d)`` to their nearest real codes."""
        require_codes(z, self.codes.shape[1])
        return self._mean_of_nearest(_distances(z, self.codes))

    def on_data(self, z: Tensor) -> Tensor:
        """Whether ``(M,)`` codes ``(M, d)`` are as close to the real codes as 98 % of these are to each other."""
        return self.distance(z) <= self._limit

    @staticmethod
    def plane_density(points: Tensor, box: tuple[float, float, float, float], n: int) -> Tensor:
        """How well each cell of a map is covered, ``(n, n)``: 0 far from all points, 1 where 98 % of them are.

        A Gaussian kernel estimate (Scott's bandwidth, but no less than a cell), divided by its 2 % quantile at the
        points themselves and cut at 1. Row r is at ``y0 + r / (n - 1) * (y1 - y0)``; columns go from x0 to x1.

        Parameters
        ----------
        points
            The real codes on the map, ``(N, 2)``.
        box
            Left, right, lower and upper edge: ``(x0, x1, y0, y1)``.
        n
            Cells along each side, the edges included; at least 2.
        """
        x0, x1, y0, y1 = box
        cells = torch.tensor([x1 - x0, y1 - y0]) / (n - 1)
        widths = (points.std(0, correction=0) * len(points) ** (-1 / 6)).maximum(cells)
        x, y = (torch.linspace(low, high, n) for low, high in ((x0, x1), (y0, y1)))
        across, up = (_bumps(at, points[:, axis], widths[axis]) for axis, at in enumerate((x, y)))
        own = _bumps(points[:, 0], points[:, 0], widths[0]) * _bumps(points[:, 1], points[:, 1], widths[1])
        return (up @ across.T / own.sum(1).quantile(1 - INSIDE)).clamp(0, 1)

    def _mean_of_nearest(self, distances: Tensor) -> Tensor:
        return distances.topk(self.neighbours, largest=False).values.mean(1)


def graph_path(
    codes: Tensor,
    z: Tensor,
    target: Tensor,
    weight: Tensor,
    bias: Tensor,
    source: int,
    target_class: int,
    neighbours: int = 10,
    alpha: float = 1.0,
) -> Tensor:
    """The shortest route over real codes ``(N, d)``, from a picture's own code ``(d,)`` to a target ``(d,)``.

    A guided path in the sense of Xie et al., arXiv 2406.07961. Every code is linked with its nearest neighbours, and
    parts that are still unconnected by the shortest links there are (those of the minimum spanning tree). A step costs
    its length; one that loses log-odds of target against source costs ``length * (1 + alpha * loss)``. The corners are
    rounded. All pairs are compared, which suits a thousand codes. Raises an `XaiWidgetsError` for codes that are not
    finite, or classes that `contrast` refuses.
    """
    nodes = torch.cat([z[None], codes, target[None]])
    require_codes(nodes, weight.shape[1])
    v, b = contrast(weight, bias, source, target_class)
    lengths = _distances(nodes, nodes).clamp_min(NEAREST)
    odds = nodes @ v + b
    losses = (odds[:, None] - odds).clamp_min(0)
    costs = (lengths * (1 + alpha * losses)).where(_links(lengths, neighbours), math.inf)
    return rounded(nodes[_shortest(costs)])


def rounded(route: Tensor, rounds: int = 2) -> Tensor:
    """A polyline ``(M, d)`` with its corners cut at a quarter of every side (Chaikin's rule), its ends kept."""
    for _ in range(rounds):
        quarters = torch.stack([route[:-1].lerp(route[1:], 0.25), route[:-1].lerp(route[1:], 0.75)], dim=1)
        route = torch.cat([route[:1], quarters.flatten(0, 1), route[-1:]])
    return route


def _links(lengths: Tensor, neighbours: int) -> Tensor:
    """Which of the nodes are linked, ``(N, N)``: near ones, and as many more as connect all of them."""
    from scipy.sparse.csgraph import minimum_spanning_tree  # noqa: PLC0415  (slow to import)

    tree = torch.from_numpy(minimum_spanning_tree(lengths.numpy()).toarray() > 0)
    others = lengths.clone().fill_diagonal_(math.inf)
    nearest = others.topk(min(neighbours, len(lengths) - 1), largest=False).indices
    links = tree.scatter(1, nearest, value=True)
    return links | links.T


def _shortest(costs: Tensor) -> list[int]:
    """The nodes of the cheapest route from the first to the last; there is no link where the cost is infinite."""
    from scipy.sparse.csgraph import dijkstra  # noqa: PLC0415

    _, before = dijkstra(costs.numpy(), indices=0, return_predecessors=True)
    route = [len(costs) - 1]
    while route[0]:
        route.insert(0, int(before[route[0]]))
    return route


def _distances(one: Tensor, other: Tensor) -> Tensor:
    """Euclidean distances ``(N, M)``; by differences, because the product form loses the small ones."""
    return torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist")


def _bumps(at: Tensor, points: Tensor, width: Tensor) -> Tensor:
    """The Gaussian of height 1 around each point, evaluated at each position: ``(positions, points)``."""
    return (-0.5 * ((at[:, None] - points) / width).square()).exp()

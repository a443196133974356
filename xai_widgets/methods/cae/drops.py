r"""The code of a point that is dropped on an overview of all classes.

Two axes show little of a code of eight numbers. Moving these two alone would leave the rest of the picture's own code,
and so often give no class at all. What the map promises is the company that a point is dropped into: with the points
:math:`q_i` of real codes :math:`z_i`,

.. math::

    m(q) = \sum_i w_i z_i, \qquad w_i \propto \exp\big(-|q - q_i|^2 / 2 h(q)^2\big),

where h(q) is half the distance to the `NEIGHBOURS`-th nearest point. A picture with code z whose own point is p gets

.. math::

    z(q) = z + m(q) - m(p) - \big(1 - e^{-|q - p|^2 / 2 h(p)^2}\big)\,\big(z - m(p)\big),

so that it begins at z exactly, and what is unusual about it fades on the way to others. At last it is moved along the
map's two axes to where its own point is q.
"""

from __future__ import annotations

import torch
from torch import Tensor

from xai_widgets.methods.cae.plane import Plane

NEIGHBOURS = 10
"""So many real codes make up the company of a point."""


def local_codes(plane: Plane, codes: Tensor, points: Tensor, z: Tensor) -> Tensor:
    """Codes ``(M, d)`` of points ``(M, 2)`` of a map, for a picture with code z ``(d,)`` among real ones ``(N, d)``."""
    home = plane.project(z)
    there, here = local_mean(plane, codes, points), local_mean(plane, codes, home[None])
    near = torch.exp(-0.5 * ((points - home).norm(dim=1) / _width(plane, codes, home[None])).square())[:, None]
    found = z + (there - here) - (1 - near) * (z - here)
    return found + (points - plane.project(found)) @ plane.backward.T


def local_mean(plane: Plane, codes: Tensor, points: Tensor) -> Tensor:
    """m(q) for points ``(M, 2)``, as codes ``(M, d)``."""
    distances = torch.cdist(points, plane.project(codes))
    weights = (-0.5 * (distances / _width(plane, codes, points)[:, None]).square()).softmax(1)
    return weights @ codes


def _width(plane: Plane, codes: Tensor, points: Tensor) -> Tensor:
    """h(q) of points ``(M, 2)``, as ``(M,)``; never quite 0, which equal codes would give."""
    distances = torch.cdist(points, plane.project(codes))
    return distances.topk(min(NEIGHBOURS, len(codes)), largest=False).values[:, -1].clamp_min(1e-6) / 2

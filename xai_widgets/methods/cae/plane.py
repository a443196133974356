"""From codes to points of a two-dimensional map, and back without losing what the map does not show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.decoding import require_codes
from xai_widgets.methods.cae.targets import contrast

LEAST_COSINE = 0.2
"""Between the line of two class centres and the head's: below, the former is no way from class to class."""

FLAT = 1e-6
"""Standard deviation (of standardised codes) below which an axis shows no variation, and is not stretched."""


@dataclass(frozen=True, eq=False)
class Plane:
    """An affine map from codes to points, and how a code moves when its point is moved.

    Attributes
    ----------
    kind
        "code": the code is the point. "overview": principal components. "pair": see `pair_chart`.
    forward, offset
        ``(2, d)`` and ``(2,)``: a code's point is ``(z - origin) @ forward.T + offset``.
    backward
        ``(d, 2)`` with ``forward @ backward = 1``: a point moved by dq moves the code by ``backward @ dq``.
    origin
        ``(d,)``.
    labels
        What the two axes show.
    """

    kind: Literal["code", "overview", "pair"]
    forward: Tensor
    backward: Tensor
    origin: Tensor
    offset: Tensor
    labels: tuple[str, str]

    def project(self, z: Tensor) -> Tensor:
        """Points ``(M, 2)`` of codes ``(M, d)``."""
        return (z - self.origin) @ self.forward.T + self.offset

    def lift(self, q: Tensor, z: Tensor) -> Tensor:
        """The code ``(d,)`` moved to points ``(M, 2)``, as codes ``(M, d)``; what the map does not show stays."""
        return z + (q - self.project(z)) @ self.backward.T


def code_plane() -> Plane:
    """The map of a code of two numbers: the code itself."""
    return Plane("code", torch.eye(2), torch.eye(2), torch.zeros(2), torch.zeros(2), ("code 1", "code 2"))


def overview(codes: Tensor) -> Plane:
    """The plane of the first two principal components of codes ``(N, d)``; an `XaiWidgetsError` as in `_require_plane`.

    Each component points to where its largest loading is positive, so that equal codes give equal maps.
    """
    _require_plane(codes)
    origin = codes.double().mean(0)
    variances, directions = _principal(codes.double() - origin)
    shares = variances / variances.sum().clamp_min(FLAT**2)
    first, second = (f"principal component {i + 1} ({shares[i]:.0%} of the variance)" for i in range(2))
    axes = directions[:, :2]
    return _plane("overview", (axes.T, axes, origin, torch.zeros(2)), (first, second))


def pair_chart(
    weight: Tensor, bias: Tensor, codes: Tensor, classes: Tensor, source: int, target: int, class_names: Sequence[str]
) -> Plane:
    """The map on which a picture moves from one class to another, for the head ``(K, d)`` and ``(K,)``.

    x is exactly the head's log-odds of target against source. A move along x runs parallel to the line from the
    source's centre to the target's, since real codes lie there; if a centre is missing or that line hardly changes the
    log-odds, it takes the shortest way instead. y is the direction in which the codes ``(N, d)`` of both classes (of
    all classes, if neither has any) differ most once the move along x is taken out, in standard deviations; a move
    along y keeps the log-odds. An `XaiWidgetsError` as in `_require_plane` and `contrast`.
    """
    _require_plane(codes)
    v, b = (part.double() for part in contrast(weight, bias, source, target))
    ours, theirs = codes[classes == source].double(), codes[classes == target].double()
    both = torch.cat([ours, theirs]) if len(ours) + len(theirs) else codes.double()
    origin = both.mean(0)
    along = _along(v, ours, theirs)
    across, spread = _across(v, along, both - origin)
    forward = torch.stack([v, (across - (along @ across) * v) / spread])
    backward = torch.stack([along, across * spread], dim=1)
    names = (
        f"log-odds of {class_names[target]} against {class_names[source]}",
        "other differences (standard deviations)",
    )
    offset = torch.stack([origin @ v + b, torch.zeros(())])
    return _plane("pair", (forward, backward, origin, offset), names)


def _along(v: Tensor, ours: Tensor, theirs: Tensor) -> Tensor:
    """The move ``(d,)`` that adds one to the log-odds, from centre to centre if that leads anywhere."""
    between = theirs.mean(0) - ours.mean(0)  # NaN if a class is empty, which no comparison lets through
    leads = v @ between > LEAST_COSINE * v.norm() * between.norm()
    return between / (v @ between) if leads else v / (v @ v)


def _across(v: Tensor, along: Tensor, deviations: Tensor) -> tuple[Tensor, Tensor]:
    """The direction ``(d,)`` orthogonal to v that codes differ in most without `along`, and their spread on it."""
    level = torch.linalg.svd(v[None])[2][1:]  # (d - 1, d), a basis of what keeps the log-odds
    residual = deviations - torch.outer(deviations @ v, along)
    variances, directions = _principal(residual @ level.T)
    spread = variances[0].clamp_min(0).sqrt()
    return _signed(level.T @ directions[:, :1])[:, 0], spread if spread > FLAT else torch.ones(())


def _principal(deviations: Tensor) -> tuple[Tensor, Tensor]:
    """Variances and, as columns, directions of the principal components of ``(N, d)``, largest first."""
    variances, directions = torch.linalg.eigh(deviations.T @ deviations / len(deviations))
    return variances.flip(0), _signed(directions.flip(1))


def _signed(directions: Tensor) -> Tensor:
    """The columns, each turned so that its largest entry is positive."""
    largest = directions.gather(0, directions.abs().argmax(0, keepdim=True))
    return directions * largest.sign()


def _plane(kind: Literal["overview", "pair"], parts: Sequence[Tensor], labels: tuple[str, str]) -> Plane:
    forward, backward, origin, offset = (part.float() for part in parts)
    return Plane(kind, forward, backward, origin, offset, labels)


def _require_plane(codes: Tensor) -> None:
    require_codes(codes)
    if codes.shape[1] < 2:
        raise XaiWidgetsError("a map needs codes of at least 2 numbers, but these have 1")

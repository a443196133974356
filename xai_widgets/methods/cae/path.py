"""Walks along a route of codes: a film strip of equal steps in probability, or the way to one probability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.limits import Whole
from xai_widgets.methods.cae.decoding import Decodes, Encoded, require_codes, show
from xai_widgets.methods.cae.density import Density
from xai_widgets.methods.cae.targets import require_confidence, require_pair

FRAMES = Whole(2, 10_000)

CONSTANT = 1e-6
"""Changes of a probability that are no more than rounding."""


@dataclass(frozen=True, eq=False)
class FilmStrip:
    """Pictures from a picture to its counterfactual, F frames, at equal steps of the target's probability.

    Attributes
    ----------
    z
        Codes ``(F, d)``.
    pictures
        ``(F, C, H, W)`` in [0, 1].
    probabilities
        The classifier's probabilities for each frame, ``(F, K)``.
    shares
        Where on the route a frame is, ``(F,)``, from 0 (start) to 1 (end) of its length.
    raw_shares, raw_curve
        Equally spaced shares of the route ``(S,)`` and the target's probability there ``(S,)``. The frames are chosen
        by its running maximum, which hides decreases.
    violation
        Sum of those decreases over the sum of all changes: 0 if the probability only rises, or is constant; up to 1.
    on_data
        Whether a frame's code is near real ones, bool ``(F,)``; all true without a density.
    """

    z: Tensor
    pictures: Tensor
    probabilities: Tensor
    shares: Tensor
    raw_shares: Tensor
    raw_curve: Tensor
    violation: float
    on_data: Tensor


def film_strip(
    model: Decodes,
    encoded: Encoded,
    route: Tensor,
    target: int,
    *,
    frames: int = 9,
    samples: int = 41,
    density: Density | None = None,
) -> FilmStrip:
    """Decode a route ``(M, d)`` into frames at equal steps of the target's probability.

    The route begins at the code of the one encoded picture. The first frame is its start and the last its end. The
    probability is measured at so many `samples` first; if it does not rise, the steps have equal lengths instead. Cf.
    the guided path of Xie et al., arXiv 2406.07961, which has equal steps of length. Raises an `XaiWidgetsError` for a
    route that is not finite or starts elsewhere, or for fewer than 2 frames or samples.
    """
    _require_route(route, encoded)
    frames, samples = FRAMES("frames", frames), FRAMES("samples", samples)
    raw_shares = torch.linspace(0, 1, samples)
    raw_curve = show(model, encoded, _along(route, raw_shares))[1][:, target]
    shares = _equal_rises(raw_shares, raw_curve, frames)
    z = _along(route, shares)
    pictures, probabilities = show(model, encoded, z)
    on_data = density.on_data(z) if density else torch.ones(frames, dtype=torch.bool)
    return FilmStrip(z, pictures, probabilities, shares, raw_shares, raw_curve, _violation(raw_curve), on_data)


def dial(
    model: Decodes, encoded: Encoded, route: Tensor, target: int, confidence: float, *, steps: int = 10
) -> tuple[Tensor, float]:
    """The part of a route up to where the classifier gives the target a certain probability, and the probability there.

    Found by bisection of the route's length, in so many steps, with the classifier itself. The end is beyond rather
    than before, by at most ``2 ** -steps`` of the route; the start alone if it has more than the requested probability,
    the whole route if its end has less. Raises as `film_strip` does, and for a confidence outside (0, 1).
    """
    require_confidence(confidence)
    return _bisect(model, encoded, route, target, lambda p: float(p[target]) >= confidence, steps)


def border(
    model: Decodes, encoded: Encoded, route: Tensor, source: int, target: int, *, steps: int = 10
) -> tuple[Tensor, float]:
    """As `dial`, up to where the classifier finds the target as probable as the source."""
    require_pair(source, target, len(model.bias))
    return _bisect(model, encoded, route, target, lambda p: bool(p[target] >= p[source]), steps)


def _bisect(
    model: Decodes, encoded: Encoded, route: Tensor, target: int, reached: Callable[[Tensor], bool], steps: int
) -> tuple[Tensor, float]:
    """The route up to where `reached` holds for the probabilities ``(K,)``, and the target's probability there."""
    _require_route(route, encoded)

    def probabilities(share: float) -> Tensor:
        return show(model, encoded, _along(route, torch.tensor([share])))[1][0]

    found = probabilities(0.0)
    if reached(found):
        return route[:1], float(found[target])
    found, low, high = probabilities(1.0), 0.0, 1.0
    for _ in range(steps if reached(found) else 0):
        middle = (low + high) / 2
        here = probabilities(middle)
        if reached(here):
            found, high = here, middle
        else:
            low = middle
    return _cut(route, high), float(found[target])


def _cut(route: Tensor, share: float) -> Tensor:
    """The first part of a route, ``(M', d)``, of that share of its length."""
    lengths = _lengths(route)
    before = route[lengths < share * lengths[-1]]
    return torch.cat([before, _along(route, torch.tensor([share]))])


def _lengths(route: Tensor) -> Tensor:
    """How far each corner ``(M,)`` is from the start, along the route."""
    return torch.cat([torch.zeros(1), (route[1:] - route[:-1]).norm(dim=1).cumsum(0)])


def _along(route: Tensor, shares: Tensor) -> Tensor:
    """The codes ``(S, d)`` at shares of a route's length."""
    corners = route if len(route) > 1 else route.expand(2, -1)
    lengths = _lengths(corners)
    before, part = _first_reach(lengths, shares * lengths[-1])
    return torch.lerp(corners[before], corners[before + 1], part[:, None])


def _equal_rises(shares: Tensor, curve: Tensor, frames: int) -> Tensor:
    """Where a curve's running maximum first reaches equally spaced levels; the ends are the route's own."""
    highest = curve.cummax(0).values
    even = torch.linspace(0, 1, frames)
    rise = highest[-1] - highest[0]
    if rise < CONSTANT:
        return even
    before, part = _first_reach(highest, highest[0] + even * rise)
    found = torch.lerp(shares[before], shares[before + 1], part)
    found[0], found[-1] = 0, 1
    return found


def _first_reach(rising: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """Where a sequence that never falls first reaches each level: the index before, and the part of the step after."""
    after = torch.searchsorted(rising, levels).clamp(1, len(rising) - 1)
    below, above = rising[after - 1], rising[after]
    part = (levels - below) / (above - below).clamp_min(torch.finfo(rising.dtype).tiny)
    return after - 1, part.clamp(0, 1)


def _violation(curve: Tensor) -> float:
    changes = curve.diff()
    total = changes.abs().sum()
    return float((-changes).clamp_min(0).sum() / total) if total > CONSTANT else 0.0


def _require_route(route: Tensor, encoded: Encoded) -> None:
    require_codes(route, encoded.z.shape[1])
    if len(encoded) == 1 and not torch.allclose(route[0], encoded.z[0], atol=1e-4):
        gap = float((route[0] - encoded.z[0]).norm())
        raise XaiWidgetsError(f"the route must start at the picture's own code, and starts {gap:.3g} away from it")

"""Looks along a walk: a film strip at equal steps of change, or how far it is to a probability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.limits import Whole
from xai_widgets.methods.cae.density import Density
from xai_widgets.methods.cae.targets import require_confidence, require_pair
from xai_widgets.methods.cae.walk import Walk, first_reach

FRAMES = Whole(2, 10_000)

CONSTANT = 1e-6
"""Changes of a probability, or of a picture, that are no more than rounding."""

LIKELY, SURE = 0.95, 0.995
"""Who asks for the first probability or more gets the second, if the same leg of the walk has it: at the border of
being likely, another classifier often disagrees."""


@dataclass(frozen=True, eq=False)
class FilmStrip:
    """Pictures from a picture to its counterfactual, F frames, at equal steps of change.

    Attributes
    ----------
    z
        Codes ``(F, d)``: where the frames are on the map.
    pictures
        ``(F, C, H, W)`` in [0, 1].
    probabilities
        The classifier's probabilities for each frame, ``(F, K)``.
    shares
        Where on the way a frame is, ``(F,)``, from 0 (start) to 1 (end).
    raw_shares, raw_curve
        Equally spaced shares of the walk ``(S,)`` and the target's probability there ``(S,)``.
    violation
        Sum of its decreases over the sum of all its changes: 0 if it only rises, or is constant; up to 1.
    on_data
        Whether a frame's code is near real ones, bool ``(F,)``; all true without a density.
    first
        What changes first, ``(H, W)`` in [0, 1]; None if everything changes at once.
    """

    z: Tensor
    pictures: Tensor
    probabilities: Tensor
    shares: Tensor
    raw_shares: Tensor
    raw_curve: Tensor
    violation: float
    on_data: Tensor
    first: Tensor | None = None


def film_strip(
    walk: Walk,
    target: int,
    *,
    end: float = 1.0,
    frames: int = 9,
    samples: int = 41,
    density: Density | None = None,
) -> FilmStrip:
    """Show a walk, up to a share of it, in frames at equal steps of change.

    The first frame is the start and the last the end. How much changes is measured between so many `samples` first; if
    nothing does, the steps are equal shares instead. Cf. the guided path of Xie et al., arXiv 2406.07961, which has
    equal steps of length. Raises an `XaiWidgetsError` for fewer than 2 frames or samples.
    """
    frames, samples = FRAMES("frames", frames), FRAMES("samples", samples)
    raw_shares = torch.linspace(0, 1, samples)
    sampled, found = walk.show(end * raw_shares)
    raw_curve = found[:, target]
    shares = _equal_changes(raw_shares, sampled, frames)
    z, (pictures, probabilities) = walk.codes(end * shares), walk.show(end * shares)
    on_data = density.on_data(z) if density else torch.ones(frames, dtype=torch.bool)
    curve = (raw_shares, raw_curve, _violation(raw_curve))
    return FilmStrip(z, pictures, probabilities, shares, *curve, on_data, walk.first)


def dial(walk: Walk, target: int, confidence: float, *, steps: int = 10) -> tuple[float, float]:
    """The share of a walk at which the classifier gives the target a certain probability, and the probability there.

    Found by bisection, in so many steps, with the classifier itself. The end is beyond rather than before, by at most
    ``2 ** -steps``; the start if it has more than the requested probability, 1 if the end has less. From `LIKELY` on,
    it goes on to `SURE`, but neither into the second leg nor in it. An `XaiWidgetsError` for one outside (0, 1).
    """
    require_confidence(confidence)
    share, found = _bisect(walk, target, lambda p: float(p[target]) >= confidence, (0.0, 1.0), steps)
    if found < confidence or confidence < LIKELY:
        return share, found
    most = max(confidence, SURE)
    return _bisect(walk, target, lambda p: float(p[target]) >= most, (share, walk.goes_on_to(share)), steps)


def border(walk: Walk, source: int, target: int, *, steps: int = 10) -> tuple[float, float]:
    """As `dial`, up to where the classifier finds the target as probable as the source."""
    require_pair(source, target, len(walk.model.bias))
    return _bisect(walk, target, lambda p: bool(p[target] >= p[source]), (0.0, 1.0), steps)


def _bisect(
    walk: Walk, target: int, reached: Callable[[Tensor], bool], between: tuple[float, float], steps: int
) -> tuple[float, float]:
    """The share between two from which `reached` holds for the probabilities ``(K,)``, and the target's there."""

    def probabilities(share: float) -> Tensor:
        return walk.show(torch.tensor([share]))[1][0]

    low, high = between
    found = probabilities(low)
    if reached(found):
        return low, float(found[target])
    found = probabilities(high)
    for _ in range(steps if reached(found) else 0):
        middle = (low + high) / 2
        here = probabilities(middle)
        if reached(here):
            found, high = here, middle
        else:
            low = middle
    return high, float(found[target])


def _equal_changes(shares: Tensor, pictures: Tensor, frames: int) -> Tensor:
    """Where the pictures at some shares have changed by equal parts; the ends are the walk's own."""
    steps = (pictures[1:] - pictures[:-1]).abs().flatten(1).mean(1)
    changed = torch.cat([torch.zeros(1), steps.cumsum(0)])
    even = torch.linspace(0, 1, frames)
    if changed[-1] < CONSTANT:
        return even
    before, part = first_reach(changed, even * changed[-1])
    found = torch.lerp(shares[before], shares[before + 1], part)
    found[0], found[-1] = 0, 1
    return found


def _violation(curve: Tensor) -> float:
    changes = curve.diff()
    total = changes.abs().sum()
    return float((-changes).clamp_min(0).sum() / total) if total > CONSTANT else 0.0

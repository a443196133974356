"""Match the summaries of two networks by where their regions lie in the same pictures.

Counts of summaries say little about two networks. Positions can be compared, whatever the layers are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.limits import Real
from xai_widgets.methods.summaries.summary import ClassSummaries

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Match:
    """Two summaries of the same thing.

    Attributes
    ----------
    first, second
        Indices in `ClassSummaries.summaries` of each network.
    overlap
        Mean intersection over union of their regions, in (0, 1], in the pictures where either has one.
    """

    first: int
    second: int
    overlap: float


@dataclass(frozen=True)
class Comparison:
    """The sound summaries of one class in two networks, paired.

    Attributes
    ----------
    matches
        Pairs of summaries, the best match first.
    only_first, only_second
        Indices of the summaries without a counterpart.
    pictures
        How many pictures they share.
    """

    matches: tuple[Match, ...]
    only_first: tuple[int, ...]
    only_second: tuple[int, ...]
    pictures: int

    def verdict(self) -> str:
        """How much the two agree, in a sentence."""
        first, second = (len(self.matches) + len(only) for only in (self.only_first, self.only_second))
        alike = sum(match.overlap for match in self.matches) / max(1, len(self.matches))
        overlap = f", with a mean overlap of {alike:.2f}" if self.matches else ""
        return (
            f"On {self.pictures} shared pictures the first network has {first} sound summaries and the second has "
            f"{second}. {len(self.matches)} match{overlap}; {len(self.only_first)} are only in the first and "
            f"{len(self.only_second)} only in the second."
        )


def compare(first: ClassSummaries, second: ClassSummaries, *, least: float = 0.25) -> Comparison:
    """Pair the sound summaries of one class in two networks, one to one, with the greatest total overlap.

    Only shared pictures count, and pairs that overlap by `least` (above 0, at most 1) or more. Raises an
    `XaiWidgetsError` if the two are of different classes or pictures, or share no picture.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415  (slow to import)

    least = Real(0, 1, apart=(0,))("least", least)
    rows = _shared(first, second)
    sound = [[index for index, one in enumerate(found.summaries) if one.sound] for found in (first, second)]
    overlaps = _overlaps(_pixels(first, sound[0], rows[0]), _pixels(second, sound[1], rows[1]))
    # Pairs below the threshold must not influence the others.
    overlaps[overlaps < least] = 0
    paired = zip(*linear_sum_assignment(overlaps, maximize=True), strict=True)
    matches = [Match(sound[0][a], sound[1][b], float(overlaps[a, b])) for a, b in paired if overlaps[a, b] > 0]
    taken = {match.first for match in matches}, {match.second for match in matches}
    left = [tuple(index for index in own if index not in gone) for own, gone in zip(sound, taken, strict=True)]
    return Comparison(tuple(sorted(matches, key=lambda match: -match.overlap)), left[0], left[1], len(rows[0]))


def _shared(first: ClassSummaries, second: ClassSummaries) -> tuple[Tensor, Tensor]:
    """The rows of the shared pictures in the masks of each, in the same order."""
    if first.class_index != second.class_index:
        raise XaiWidgetsError(
            f"these are summaries of class {first.class_index} ({first.class_name}) and of class "
            f"{second.class_index} ({second.class_name}); compare two networks on one class"
        )
    same = first.indices[:, None] == second.indices
    if not same.any():
        raise XaiWidgetsError("the two share no pictures; find both with the same `indices` of one picture set")
    rows = same.nonzero(as_tuple=True)
    ours, theirs = first.masks.pictures[rows[0]], second.masks.pictures[rows[1]]
    if ours.shape != theirs.shape or not torch.equal(ours, theirs):
        shapes = [tuple(pictures.shape[1:]) for pictures in (ours, theirs)]
        how = f" in shape, {shapes[0]} and {shapes[1]}" if shapes[0] != shapes[1] else ""
        raise XaiWidgetsError(f"the pictures at the shared indices differ{how}; find both in one picture set")
    return rows[0], rows[1]


def _pixels(found: ClassSummaries, summaries: list[int], rows: Tensor) -> Tensor:
    """The pixels of each of the summaries in pictures of the given rows, bool ``(K, P, H * W)``."""
    column = {row: number for number, row in enumerate(rows.tolist())}
    pixels = torch.zeros(len(summaries), len(rows), *found.masks.pictures.shape[2:], dtype=torch.bool)
    for number, summary in enumerate(summaries):
        for region in (found.regions[member] for member in found.summaries[summary].members):
            if region.picture in column:
                pixels[number, column[region.picture]] |= region.pixels
    return pixels.flatten(2)


def _overlaps(first: Tensor, second: Tensor) -> Floats:
    """Mean intersection over union where there is a union, ``(K, L)``, of pixels ``(K, P, X)`` and ``(L, P, X)``."""
    total = torch.zeros(len(first), len(second), dtype=torch.float64)
    counted = torch.zeros_like(total)
    for ours, theirs in zip(first.unbind(1), second.unbind(1), strict=True):
        both = ours.double() @ theirs.double().T
        either = ours.sum(1)[:, None] + theirs.sum(1) - both
        total += both / either.clamp_min(1)
        counted += either > 0
    overlaps: Floats = (total / counted.clamp_min(1)).numpy()
    return overlaps

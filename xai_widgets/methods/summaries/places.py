"""A few places inside the masks of any number of pictures, and the kinds of places among them.

What `kinds` does for the photos of one class, for more of them than fit into memory: of each picture a few places are
kept, however large its mask is, and their kinds are found in a sample of a stated size.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.errors import PictureError
from xai_widgets.methods.summaries.kinds import DIRECTIONS, HALF
from xai_widgets.methods.summaries.many import MOST, centres, nearest, sampled
from xai_widgets.methods.summaries.masks import Pixels, components

KINDS = 6
"""Kinds of places, if no other number is asked for."""

MOST_PLACES = 8
"""Places of a picture, at most."""

LARGEST = float(torch.finfo(torch.float16).max)

DECIMALS = 4
"""Places that differ less, among vectors of length 1, count as equal: there cannot be more kinds than places."""


@dataclass(frozen=True, eq=False)
class Places:
    """Some places inside the mask of one picture; each connected part of the mask has one or more.

    Attributes
    ----------
    vectors
        What the layer gives there, ``(n, D)`` in half precision.
    centres
        Row and column of the middle of each, as shares of the sides ``(n, 2)``.
    parts
        Which connected part of the mask each is in ``(n,)``; 0 is the largest.
    """

    vectors: Tensor
    centres: Tensor
    parts: Tensor


def places_in(maps: Tensor, mask: Pixels, most: int = MOST_PLACES) -> Places:
    """At most so many places of a layer's maps ``(D, h, w)`` inside a mask ``(H, W)``.

    Each of the largest connected parts has one, and larger ones have more, evenly spread. A part in which no place lies
    has the one that has the most of it.
    """
    sides = maps.shape[1], maps.shape[2]
    inside = [_inside(part, sides) for part in components(mask)[:most]]
    shares = _shares([len(cells) for cells in inside], most)
    each = [_spread(cells, share) for cells, share in zip(inside, shares, strict=True)]
    cells = torch.cat([torch.zeros(0, dtype=torch.int64), *each])
    parts = torch.tensor([number for number, own in enumerate(each) for _ in own], dtype=torch.int64)
    vectors = maps.flatten(1)[:, cells].T.clamp(-LARGEST, LARGEST).half()
    rows, columns = (cells // sides[1] + 0.5) / sides[0], (cells % sides[1] + 0.5) / sides[1]
    return Places(vectors, torch.stack([rows, columns], 1), parts)


def _inside(part: Pixels, sides: tuple[int, int]) -> Tensor:
    """The cells inside a part, by their numbers, row by row."""
    share = F.adaptive_avg_pool2d(torch.from_numpy(part)[None].float(), sides).flatten()
    inside = (share >= HALF).nonzero().flatten()
    return inside if len(inside) else share.argmax()[None]


def _shares(sizes: Sequence[int], most: int) -> list[int]:
    """How many places each part gets of its cells: one, and each further one where it stands for the most cells."""
    shares = [1] * len(sizes)
    for _ in range(min(most, sum(sizes)) - len(sizes)):
        shares[max(range(len(sizes)), key=lambda part: sizes[part] / shares[part])] += 1
    return shares


def _spread(cells: Tensor, count: int) -> Tensor:
    return cells[((torch.arange(count) + 0.5) * len(cells) / count).long()]


@dataclass(frozen=True, eq=False)
class PlaceKinds:
    """Kinds of places, as a sample shows them.

    Attributes
    ----------
    mean, deviation
        Of each channel in the sample ``(D,)``.
    axes
        The directions in which its places differ most ``(D, d)``.
    middles
        The middle of each kind in these directions ``(K, d)``.
    sampled
        How many places the sample has.
    """

    mean: Tensor
    deviation: Tensor
    axes: Tensor
    middles: Tensor
    sampled: int

    @classmethod
    def found(
        cls,
        parts: Iterable[Tensor],
        count: int = KINDS,
        *,
        directions: int = DIRECTIONS,
        most: int = MOST,
        seed: int = 0,
    ) -> PlaceKinds:
        """Find `count` kinds, or as many as there are different places, of vectors that come in parts ``(n, D)``.

        Memory holds a part and a sample of at most `most` vectors; how they are divided into parts changes nothing.

        Raises
        ------
        PictureError
            If there are no places.
        """
        from sklearn.decomposition import PCA  # noqa: PLC0415  (slow to import)

        sample = sampled(parts, most, seed)
        if not len(sample):
            raise PictureError("there is no place inside a mask, so there are no kinds of places")
        mean, deviation = sample.mean(0), sample.std(0, correction=0)
        # A constant channel carries no information.
        deviation = torch.where(deviation > 0, deviation, torch.inf)
        unit = F.normalize((sample - mean) / deviation, dim=1).numpy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # equal places differ in no direction
            fitted = PCA(min(directions, *unit.shape), random_state=seed).fit(unit)
        axes = torch.from_numpy(fitted.components_.T).float()
        among = torch.from_numpy(unit) @ axes
        different = len(np.unique(among.numpy().round(DECIMALS), axis=0))
        middles = centres([among], min(count, different), most=most, seed=seed)
        return cls(mean, deviation, axes, middles, len(sample))

    def of(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """The kind of each vector ``(n, D)``, by its number, and how like the middle of that kind it is.

        The likeness is one minus half of the squared distance: the cosine, if both have length 1.
        """
        among = F.normalize((vectors - self.mean) / self.deviation, dim=1) @ self.axes
        kind = nearest(among, self.middles)
        return kind, 1 - (among - self.middles[kind]).square().sum(1) / 2

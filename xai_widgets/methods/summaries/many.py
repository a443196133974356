"""Group any number of descriptors: centres are found in a sample of a stated size, and everything goes to the nearest.

The sample depends on the order of the descriptors and not on how they are divided into parts, so shards of a data set
give the same groups however many there are.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from xai_widgets.errors import PictureError
from xai_widgets.limits import COUNT

MOST = 20_000
"""Descriptors that the centres are found in, drawn from all."""

STARTS = 4
"""Beginnings of the clustering, of which the best result counts."""


def centres(parts: Iterable[Tensor], count: int, *, most: int = MOST, starts: int = STARTS, seed: int = 0) -> Tensor:
    """The centres ``(K, D)`` of `count` groups of descriptors that come in parts ``(n, D)``, by k-means.

    Memory holds a part and a sample of at most `most` descriptors. Raises a `PictureError` if there are fewer
    descriptors than groups.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415  (slow to import)
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415

    found = sampled(parts, COUNT("most", most), seed)
    if len(found) < COUNT("count", count):
        raise PictureError(f"{len(found)} descriptors cannot make {count} groups; give more pictures or ask for fewer")
    with warnings.catch_warnings():
        # Equal descriptors make fewer groups.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = KMeans(count, n_init=starts, random_state=seed).fit(found.numpy())
    return torch.from_numpy(fitted.cluster_centers_).to(found)


def sampled(parts: Iterable[Tensor], most: int, seed: int) -> Tensor:
    """At most so many rows of all parts, each as likely as any other, in their order."""
    dice = np.random.default_rng(seed)
    kept, tickets = torch.zeros(0), np.zeros(0)
    for part in parts:
        rows = torch.cat([kept.to(part).view(-1, part.shape[1]), part])
        tickets = np.concatenate([tickets, dice.random(len(part))])
        chosen = np.sort(np.argsort(tickets, kind="stable")[:most])
        kept, tickets = rows[torch.from_numpy(chosen)], tickets[chosen]
    return kept


def nearest(descriptors: Tensor, middles: Tensor) -> Tensor:
    """The group of each descriptor ``(R, D)``: the index of the nearest centre ``(R,)``."""
    return (descriptors @ middles.T - (middles**2).sum(1) / 2).argmax(1)

"""Cluster regions that are alike, and measure whether other pictures give the same clusters."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xai_widgets.progress import Progress

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PREFERENCE = 1.3
"""The published preference of a region to be an exemplar, as a multiple of the median similarity below the largest."""

DAMPING, ITERATIONS = 0.9, 1000

SETTLED = 100
"""Exemplars must stay the same for so many iterations: with this damping, a single one may last dozens, then split."""

MOST_REGIONS = 1500
"""With more regions affinity propagation is too slow, and average linkage is used."""

MOST_JOINED = 12
"""Most groups that average linkage tries."""

SAMPLES = 10
"""Bootstrap samples of the pictures that stability is measured on."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Groups of R regions."""

    labels: Ints  # the group of each region (R,), from 0 on
    exemplars: Ints  # the exemplar of each group (K,)

    def __len__(self) -> int:
        return len(self.exemplars)


def cluster(similarity: Floats, *, seed: int = 0) -> Clusters:
    """Affinity propagation on similarities ``(R, R)``; average linkage where that fails or would take too long."""
    off = similarity[~np.eye(len(similarity), dtype=bool)]
    if not len(off) or np.ptp(off) < 1e-9:
        return Clusters(np.zeros(len(similarity), dtype=np.int64), np.zeros(1, dtype=np.int64))
    found = _propagated(similarity, off, seed) if len(similarity) <= MOST_REGIONS else None
    return found or _joined(similarity)


def medoids(similarity: Floats, labels: Ints) -> Clusters:
    """Groups ``(R,)``, numbered from 0 on, with the region of each that is most like the others as its exemplar."""
    return Clusters(labels, np.array([_medoid(similarity, labels == group) for group in range(labels.max() + 1)]))


def coherence(similarity: Floats, clusters: Clusters) -> Floats:
    """How much more each region is like its own exemplar than like the nearest other one, or than 0, ``(R,)``."""
    to_exemplars = similarity[:, clusters.exemplars]
    rows = np.arange(len(similarity))
    own = to_exemplars[rows, clusters.labels]
    others = to_exemplars.copy()
    others[rows, clusters.labels] = -np.inf
    nearest = others.max(1) if len(clusters) > 1 else np.zeros(len(rows))
    return np.asarray(own - nearest, dtype=np.float64)


def stability(
    similarity: Floats,
    pictures: Ints,
    clusters: Clusters,
    *,
    grouped: Callable[[Ints], Clusters] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Floats:
    """How well each group is found again in other pictures: mean best Jaccard index over bootstrap samples ``(K,)``.

    The regions have similarities ``(R, R)`` and are from pictures ``(R,)``; pictures are drawn, not regions. `grouped`
    makes groups of some regions, by their indices; by default `cluster` does.
    """
    progress = progress or Progress()
    grouped = grouped or (lambda rows: cluster(similarity[np.ix_(rows, rows)], seed=seed))
    progress.start("stability", SAMPLES)
    dice = np.random.default_rng(seed)
    scores = []
    for _ in range(SAMPLES):
        drawn = dice.choice(np.unique(pictures), len(np.unique(pictures)))
        kept = np.flatnonzero(np.isin(pictures, drawn))
        scores.append(_best_overlaps(clusters.labels[kept], grouped(kept).labels, len(clusters)))
        progress.advance()
    # A sample without any picture of a group does not count for it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nan_to_num(np.nanmean(scores, axis=0)), dtype=np.float64)


def _propagated(similarity: Floats, off: Floats, seed: int) -> Clusters | None:
    from sklearn.cluster import AffinityPropagation  # noqa: PLC0415  (slow to import)
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415

    preference = off.max() + PREFERENCE * np.median(off - off.max())
    propagation = AffinityPropagation(
        affinity="precomputed", preference=preference, random_state=seed,
        damping=DAMPING, max_iter=ITERATIONS, convergence_iter=SETTLED,
    )  # fmt: skip
    with warnings.catch_warnings():
        # The result shows whether it converged.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)
        propagation.fit(similarity)
    if propagation.n_iter_ >= ITERATIONS or not len(propagation.cluster_centers_indices_):
        return None
    return Clusters(propagation.labels_.astype(np.int64), propagation.cluster_centers_indices_.astype(np.int64))


def _joined(similarity: Floats) -> Clusters:
    """Average linkage, with as many groups as give the best silhouette."""
    distance = similarity.max() - similarity
    np.fill_diagonal(distance, 0.0)
    tried = [_linked(distance, count) for count in range(2, min(MOST_JOINED, len(distance) - 1) + 1)]
    if not tried:
        tried = [np.zeros(len(distance), dtype=np.int64)]
    best = max(tried, key=lambda labels: _silhouette(distance, labels))
    return medoids(similarity, best)


def _linked(distance: Floats, count: int) -> Ints:
    from sklearn.cluster import AgglomerativeClustering  # noqa: PLC0415  (slow to import)

    linkage = AgglomerativeClustering(n_clusters=count, metric="precomputed", linkage="average")
    return np.asarray(linkage.fit_predict(distance), dtype=np.int64)


def _silhouette(distance: Floats, labels: Ints) -> float:
    from sklearn.metrics import silhouette_score  # noqa: PLC0415  (slow to import)

    return float(silhouette_score(distance, labels, metric="precomputed")) if labels.max() else -1.0


def _medoid(similarity: Floats, members: npt.NDArray[np.bool_]) -> int:
    rows = np.flatnonzero(members)
    return int(rows[similarity[np.ix_(rows, rows)].sum(1).argmax()])


def _best_overlaps(labels: Ints, again: Ints, count: int) -> Floats:
    """For each of `count` groups its best Jaccard index with a group of the second labels; NaN where it is empty."""
    best = np.full(count, np.nan)
    for group in np.unique(labels):
        mine = labels == group
        best[group] = max(
            (mine & (again == other)).sum() / (mine | (again == other)).sum() for other in np.unique(again[mine])
        )
    return best

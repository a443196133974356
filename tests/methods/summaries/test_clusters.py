"""Groups: planted ones are found, by either way, and what is said of them is what loops say."""

from __future__ import annotations

import numpy as np
import pytest

from xai_widgets.errors import CancelledError
from xai_widgets.methods.summaries import clusters
from xai_widgets.methods.summaries.clusters import Clusters, cluster, coherence, stability
from xai_widgets.progress import Progress


def planted(sizes, noise=0.1, seed=0):
    """Similarities of regions in groups of these sizes, and the groups."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.eye(len(sizes))[labels] + noise * np.random.default_rng(seed).normal(size=(len(labels), len(sizes)))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T, labels


def as_sets(labels):
    return {frozenset(np.flatnonzero(labels == group).tolist()) for group in np.unique(labels)}


def assert_well_formed(found, count):
    assert found.labels.shape == (count,)
    assert sorted(set(found.labels.tolist())) == list(range(len(found)))
    assert found.labels[found.exemplars].tolist() == list(range(len(found)))


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("sizes", [(20, 20, 20), (6, 15, 9), (30, 12, 8, 5), (3, 3)])
def test_planted_groups_are_found(sizes, noise):
    similarity, labels = planted(sizes, noise)
    found = cluster(similarity)
    assert as_sets(found.labels) == as_sets(labels)
    assert_well_formed(found, sum(sizes))


@pytest.mark.parametrize("limit", [("ITERATIONS", 3), ("MOST_REGIONS", 5)])
@pytest.mark.parametrize("sizes", [(6, 15, 9), (30, 12, 8, 5), (3, 3)])
def test_where_affinity_propagation_ends_nowhere_groups_are_joined(monkeypatch, sizes, limit):
    similarity, labels = planted(sizes)
    monkeypatch.setattr(clusters, *limit)
    joined = []
    monkeypatch.setattr(clusters, "_joined", lambda given, join=clusters._joined: joined.append(0) or join(given))
    found = cluster(similarity)
    assert joined
    assert as_sets(found.labels) == as_sets(labels)
    assert_well_formed(found, sum(sizes))
    for group, exemplar in enumerate(found.exemplars):
        own = np.flatnonzero(found.labels == group)
        assert similarity[exemplar, own].sum() == pytest.approx(max(similarity[one, own].sum() for one in own))


def test_the_order_of_regions_makes_no_difference():
    similarity, labels = planted((10, 14, 7, 9))
    order = np.random.default_rng(1).permutation(len(labels))
    found = cluster(similarity[np.ix_(order, order)])
    assert as_sets(found.labels[np.argsort(order)]) == as_sets(cluster(similarity).labels)


@pytest.mark.parametrize("similarity", [[[1.0]], np.ones((2, 2)), [[1.0, 0.3], [0.3, 1.0]], np.full((9, 9), 0.2)])
def test_what_cannot_be_told_apart_is_one_group(similarity):
    found = cluster(np.array(similarity))
    assert (found.labels.tolist(), found.exemplars.tolist()) == ([0] * len(similarity), [0])
    assert len(found) == 1


def test_coherence_by_hand():
    similarity, _ = planted((4, 6, 5), noise=0.6)
    found = Clusters(np.repeat([0, 1, 2], [4, 6, 5]), np.array([1, 7, 10]))
    for region, value in enumerate(coherence(similarity, found)):
        own = found.exemplars[found.labels[region]]
        nearest = max(similarity[region, other] for other in found.exemplars if other != own)
        assert value == pytest.approx(similarity[region, own] - nearest)
    # Of a single group the likeness itself counts.
    one = Clusters(np.zeros(5, dtype=np.int64), np.array([2]))
    assert coherence(np.full((5, 5), 0.9), one).tolist() == [0.9] * 5
    assert coherence(np.eye(5), one).tolist() == [0, 0, 1, 0, 0]


def by_sets(similarity, pictures, found, seed):
    """Stability with sets of places."""
    dice = np.random.default_rng(seed)
    scores = {group: [] for group in range(len(found))}
    for _ in range(clusters.SAMPLES):
        drawn = set(dice.choice(sorted(set(pictures)), len(set(pictures))))
        kept = [place for place, picture in enumerate(pictures) if picture in drawn]
        again = [{kept[at] for at in group} for group in as_sets(cluster(similarity[np.ix_(kept, kept)]).labels)]
        for group, found_again in scores.items():
            mine = {place for place in kept if found.labels[place] == group}
            if mine:
                found_again.append(max(len(mine & other) / len(mine | other) for other in again))
    return [np.mean(values) if values else 0.0 for values in scores.values()]


@pytest.mark.parametrize("noise", [0.05, 0.5, 1.0])
def test_stability_by_hand(noise):
    similarity, _ = planted((8, 10, 7), noise)
    pictures = np.arange(25) % 9
    found = cluster(similarity)
    wanted = by_sets(similarity, pictures.tolist(), found, seed=0)
    assert stability(similarity, pictures, found) == pytest.approx(wanted)


def test_clear_groups_and_those_of_one_picture_are_stable_and_noise_is_not():
    clear, _ = planted((12, 12, 12))
    assert stability(clear, np.zeros(36, dtype=np.int64), cluster(clear)).tolist() == [1, 1, 1]
    assert stability(clear, np.arange(36) % 12, cluster(clear)).min() == 1
    noise = np.random.default_rng(0).normal(size=(60, 60))
    noise = noise + noise.T
    assert stability(noise, np.arange(60), cluster(noise)).mean() < 0.6


def test_a_group_of_one_picture_counts_where_it_was_drawn(monkeypatch):
    similarity, labels = planted((10, 10, 1), noise=0.0)
    found = Clusters(labels, np.array([0, 10, 20]))
    pictures = np.array([*range(10), *range(10), 10])
    assert stability(similarity, pictures, found)[2] > 0
    monkeypatch.setattr(clusters, "SAMPLES", 1)
    seed = next(s for s in range(50) if 10 not in np.random.default_rng(s).choice(11, 11))
    assert stability(similarity, pictures, found, seed=seed).tolist() == [1, 1, 0]


def test_every_sample_is_told_and_may_be_the_last():
    similarity, _ = planted((5, 5))
    progress = Progress(lambda state: progress.cancel() if state.done == clusters.SAMPLES else None)
    with pytest.raises(CancelledError, match="stability was cancelled after 10 of 10"):
        stability(similarity, np.arange(10), cluster(similarity), progress=progress)

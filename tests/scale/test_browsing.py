"""Who is chosen, where pictures lie, and which share a place of evidence: exact answers from a table made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.scale.browsing import Filter, Table
from xai_widgets.scale.rows import GRID


def table(count=12):
    """Evidence in one of two corners, in turn; trust and area rise from 0 to 1; every third prediction is wrong."""
    evidence = np.zeros((count, GRID**2), np.float32)
    evidence[::2, 0], evidence[1::2, -1] = 0.9, 0.5
    ramp = np.linspace(0, 1, count, dtype=np.float32)
    prediction = np.arange(count) % 2
    label = np.where(np.arange(count) % 3 == 0, 1 - prediction, prediction)
    label[1] = -1
    return Table(np.arange(count) + 100, {"trust": ramp, "area": ramp}, prediction, label, evidence, evidence)


def test_filters():
    made = table()
    assert made.chosen(Filter()).tolist() == list(range(12))
    assert made.chosen(Filter(predicted=1)).tolist() == [1, 3, 5, 7, 9, 11]
    assert made.chosen(Filter(right=False)).tolist() == [0, 3, 6, 9]
    assert made.chosen(Filter(right=True, predicted=1)).tolist() == [5, 7, 11]  # the class of 1 is not known
    assert made.chosen(Filter(trust=(0.5, 0.8))).tolist() == [6, 7, 8]


def test_the_least_trusted():
    made = table()
    assert made.least(np.array([9, 4, 6]), 2).tolist() == [4, 6]


def test_places_of_evidence():
    made = table()
    clusters = made.clusters
    assert sorted(sorted(one.members.tolist()) for one in clusters) == [[0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9, 11]]
    assert all(one.sameness == pytest.approx(1) and one.classes == 1 for one in clusters)
    first = next(one for one in clusters if 0 in one.members)
    assert first.mean[0, 0] == pytest.approx(0.9)
    assert first.mean.sum() == pytest.approx(0.9)


def test_the_map_tells_them_apart():
    across = table().plane[:, 0]
    assert across.shape == (12,)
    assert (np.sign(across[::2]) == -np.sign(across[1])).all()


def test_kinds_of_evidence_of_a_class():
    made = table()
    looks = np.zeros((12, 3), np.float32)
    looks[[0, 2, 4, 6], 0], looks[[8, 10], 1], looks[1::2, 2] = 2.0, 3.0, 5.0
    made = replace(made, code=looks, prediction=np.arange(12) % 2)
    assert made.has_looks
    assert not table().has_looks
    assert sorted(sorted(one.members.tolist()) for one in made.looks(0)) == [[0, 2, 4, 6], [8, 10]]
    assert sum(len(one.members) for one in made.looks()) == 12
    assert all(one.classes == 1 for one in made.looks())


def test_a_table_of_a_folder(whole, small):
    made = Table.of(whole)
    assert made.index.tolist() == [i for i in range(small.COUNT) if i != 3]
    assert set(made.numbers) >= {"trust", "area", "kept", "removed"}
    assert made.evidence.shape == (21, GRID**2)


def test_nothing_explained(small, tmp_path):
    found = small.explain_all(small.explainer(), small.Blobs(2, broken=(0, 1)), tmp_path / "out", progress=Progress())
    with pytest.raises(XaiWidgetsError, match="is explained yet"):
        Table.of(found)

"""The numbers of a whole table: which pictures are chosen, where they lie on a map, which share a place of evidence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.decomposition import PCA

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.summaries.many import centres, nearest
from xai_widgets.names import UNKNOWN
from xai_widgets.scale.folder import Explanations
from xai_widgets.scale.rows import GRID

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

CLUSTERS = 6
"""Of places of evidence: as many cards as one surveys."""

SAMPLE = 20_000
"""Clusters and maps are fitted to so many pictures at most, evenly spread over the table; the others follow."""


@dataclass(frozen=True, eq=False)
class Cluster:
    """Pictures whose evidence lies at a similar place, or looks alike to the network.

    Attributes
    ----------
    members
        Their rows, the most typical ones first.
    mean
        Their mean mask, `GRID` x `GRID`.
    sameness
        Mean likeness to the mean: the cosine similarity of masks or codes; see `PlaceKinds.of` for that of places.
    classes
        How many classes are predicted for them.
    at
        Where the place that is meant lies in each member, row and column as shares of the sides ``(M, 2)``; None where
        a whole mask is meant.
    """

    members: Rows
    mean: Floats
    sameness: float
    classes: int
    at: Floats | None = None


@dataclass(frozen=True)
class Filter:
    """Which pictures are chosen.

    Attributes
    ----------
    predicted
        Number of the predicted class; None for all.
    right
        True for right predictions only, False for wrong ones; None for all.
    trust, area
        Lowest and highest value.
    """

    predicted: int | None = None
    right: bool | None = None
    trust: tuple[float, float] = (0.0, 1.0)
    area: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Table:
    """All pictures that could be explained, as arrays.

    Attributes
    ----------
    index
        Their numbers in the data set ``(N,)``.
    numbers
        Each number of the table, by name, ``(N,)``.
    prediction, label
        Predicted and true classes ``(N,)``; -1 where the true one is not known.
    evidence
        Where the evidence is, ``(N, GRID * GRID)``.
    code
        What pictures are compared by; the evidence if the method has nothing else.
    """

    index: Rows
    numbers: dict[str, Floats]
    prediction: Rows
    label: Rows
    evidence: Floats
    code: Floats
    seed: int = 0

    @classmethod
    def of(cls, found: Explanations) -> Table:
        """The table of a folder.

        Raises
        ------
        XaiWidgetsError
            If no picture in it could be explained.
        """
        names = ["trust", "probability", "area", "place_row", "place_column", *found.manifest["numbers"]]
        table = found.table(["index", "failed", "prediction", "label", "evidence", "code", *names])
        table = table.filter(table["failed"].is_null())
        if not table.num_rows:
            raise XaiWidgetsError(f"no picture in {found.folder} is explained yet; see its .failures, or run again")
        evidence = _matrix(table["evidence"], table.num_rows)
        return cls(
            index=table["index"].to_numpy(),
            numbers={name: table[name].to_numpy().astype(np.float32) for name in names},
            prediction=table["prediction"].to_numpy(),
            label=table["label"].fill_null(UNKNOWN).to_numpy(),
            evidence=evidence,
            code=evidence if table["code"].null_count else _matrix(table["code"], table.num_rows),
        )

    def __len__(self) -> int:
        return len(self.index)

    @property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """Which predictions are known to be wrong ``(N,)``."""
        found: npt.NDArray[np.bool_] = (self.label != UNKNOWN) & (self.label != self.prediction)
        return found

    def chosen(self, wanted: Filter) -> Rows:
        """Rows that a filter leaves, in the order of the table."""
        kept = np.ones(len(self), bool)
        if wanted.predicted is not None:
            kept &= self.prediction == wanted.predicted
        if wanted.right is not None:
            kept &= (self.label != UNKNOWN) & (self.wrong != wanted.right)
        for name in ("trust", "area"):
            low, high = getattr(wanted, name)
            kept &= (self.numbers[name] >= low) & (self.numbers[name] <= high)
        return np.flatnonzero(kept)

    def least(self, rows: Rows, count: int, name: str = "trust") -> Rows:
        """Of some rows those with the lowest number."""
        order = np.argsort(self.numbers[name][rows], kind="stable")
        return rows[order[:count]]

    @cached_property
    def plane(self) -> Floats:
        """The two principal components of the codes ``(N, 2)``."""
        values = self.code if self.code.shape[1] > 1 else np.repeat(self.code, 2, 1)
        fitted = PCA(2, random_state=self.seed).fit(values[_spread(len(self))])
        places: Floats = fitted.transform(values).astype(np.float32)
        return places

    @cached_property
    def clusters(self) -> list[Cluster]:
        """Places of evidence, found by k-means on masks of equal length; where masks are most alike comes first."""
        return self._grouped(np.arange(len(self)), _unit(self.evidence))

    @property
    def has_looks(self) -> bool:
        """Whether the table knows what evidence looks like, and not only where it is."""
        return self.code is not self.evidence and self.code.shape[1] > 1

    def looks(self, predicted: int | None = None) -> list[Cluster]:
        """Kinds of evidence of one predicted class, or of all: k-means on the directions of centred codes."""
        rows = self.chosen(Filter(predicted=predicted))
        own = self.code[rows]
        return self._grouped(rows, _unit(own - own[_spread(len(rows))].mean(0)))

    def _grouped(self, rows: Rows, values: Floats) -> list[Cluster]:
        """Groups of rows by their values ``(n, D)`` of length 1."""
        sample = values[_spread(len(rows))]
        count = min(CLUSTERS, len(np.unique(sample, axis=0)))
        middles = centres([torch.from_numpy(sample)], count, seed=self.seed)
        member = nearest(torch.from_numpy(values), middles).numpy()
        made = [self._cluster(rows, values, np.flatnonzero(member == number)) for number in np.unique(member)]
        return sorted(made, key=lambda one: -one.sameness)

    def _cluster(self, rows: Rows, values: Floats, own: Rows) -> Cluster:
        mean, members = values[own].mean(0), rows[own]
        alike = values[own] @ (mean / max(np.linalg.norm(mean), 1e-12))
        classes = len(np.unique(self.prediction[members]))
        square = self.evidence[members].mean(0).reshape(GRID, GRID)
        return Cluster(members[np.argsort(-alike, kind="stable")], square, float(alike.mean()), classes)


def _unit(values: Floats) -> Floats:
    """Rows of length 1."""
    found: Floats = values / np.linalg.norm(values, axis=1, keepdims=True).clip(1e-12)
    return found


def _spread(count: int) -> Rows:
    """At most `SAMPLE` rows, evenly spread."""
    rows: Rows = np.unique(np.linspace(0, count - 1, min(count, SAMPLE)).round().astype(np.int64))
    return rows


def _matrix(column: Any, rows: int) -> Floats:
    """A column of lists of one length."""
    values: Floats = column.combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(rows, -1)
    return values

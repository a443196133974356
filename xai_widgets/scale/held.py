"""What the masks of a data set hold: places that look alike to the network, in the masks of all pictures of a class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.summaries.many import MOST
from xai_widgets.methods.summaries.places import PlaceKinds
from xai_widgets.scale.browsing import CLUSTERS, Cluster, Filter, Floats, Rows, Table
from xai_widgets.scale.folder import Explanations
from xai_widgets.scale.rows import GRID

COLUMNS = ["index", "places", "place_rows", "place_columns"]


@dataclass(frozen=True, eq=False)
class Held:
    """Kinds of places inside the masks of a class, or of all classes.

    Attributes
    ----------
    kinds
        Those that the most pictures have come first. A picture may have several kinds.
    pictures, places
        How many pictures have places inside their mask, and how many places these are.
    sampled
        In how many of the places the kinds were found; the others join the nearest kind.
    """

    kinds: list[Cluster]
    pictures: int
    places: int
    sampled: int


def held(found: Explanations, table: Table, predicted: int | None = None, *, most: int = MOST) -> Held:
    """Group the places inside the masks of one predicted class, or of all, over all shards.

    Shards are read twice, one after the other: memory holds one of them, a sample of places, and a few numbers of each
    place.

    Parameters
    ----------
    found, table
        The folder, and its table.
    predicted
        Number of the class; None for all.
    most
        Places in the sample that the kinds are found in.

    Raises
    ------
    XaiWidgetsError
        If the folder has no places, since its method or its version does not write them, or none for this class.
    """
    if not found.manifest.get("places"):
        raise XaiWidgetsError(f"{found.folder} has no places inside masks; xai-widgets explain masks writes them")
    chosen = table.index[table.chosen(Filter(predicted=predicted))]
    kinds = PlaceKinds.found((one.vectors for one in _shards(found, chosen)), CLUSTERS, most=most, seed=table.seed)
    each = [(*map(np.asarray, kinds.of(one.vectors)), one.index, one.at) for one in _shards(found, chosen)]
    kind, alike, index, at = (np.concatenate(column) for column in zip(*each, strict=True))
    rows = np.searchsorted(table.index, index)
    made = [_cluster(table, *(one[kind == number] for one in (rows, at, alike))) for number in np.unique(kind)]
    return Held(sorted(made, key=lambda one: -len(one.members)), len(np.unique(rows)), len(rows), kinds.sampled)


@dataclass(frozen=True, eq=False)
class _Shard:
    """The places of some pictures of a shard: vectors, numbers of their pictures, and where they are."""

    vectors: Tensor
    index: Rows
    at: Floats


def _shards(found: Explanations, chosen: Rows) -> Iterator[_Shard]:
    for part in found.parts(COLUMNS):
        here = part.filter(np.isin(part["index"].to_numpy(), chosen)).combine_chunks()
        counts = here["places"].combine_chunks().value_lengths().fill_null(0).to_numpy()
        if counts.sum():
            vectors = _numbers(_numbers(here["places"])).to_numpy(zero_copy_only=False)
            at = np.stack([_numbers(here[name]).to_numpy() for name in COLUMNS[2:]], 1)
            given = torch.from_numpy(vectors.reshape(len(at), -1).astype(np.float32))
            yield _Shard(given, np.repeat(here["index"].to_numpy(), counts), at)


def _numbers(column: Any) -> Any:
    """What the lists of a column hold, one after the other."""
    return (column.combine_chunks() if hasattr(column, "combine_chunks") else column).flatten()


def _cluster(table: Table, rows: Rows, at: Floats, alike: Floats) -> Cluster:
    """The places of one kind as a group of pictures; each is as typical as its most typical place."""
    order = np.argsort(-alike, kind="stable")
    firsts = order[np.sort(np.unique(rows[order], return_index=True)[1])]
    cells = (at * GRID).astype(np.int64).clip(0, GRID - 1)
    mean = np.zeros((GRID, GRID), np.float32)
    np.add.at(mean, (cells[:, 0], cells[:, 1]), 1 / len(rows))
    members = rows[firsts]
    return Cluster(members, mean, float(alike.mean()), len(np.unique(table.prediction[members])), at[firsts])

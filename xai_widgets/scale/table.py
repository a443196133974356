"""Pictures of a table: a data set of Hugging Face's ``datasets``, WebDataset archives, or a list of paths and labels.

``datasets`` keeps tables on disk, mapped into memory, so that they may be larger than it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from xai_widgets.data.decode import CROP, Size, read_sent
from xai_widgets.errors import PictureError
from xai_widgets.names import UNKNOWN
from xai_widgets.scale.extra import needed
from xai_widgets.scale.listing import read_file

PICTURES = ("path", "image", "file", "file_name", "filename")
LABELS = ("label", "cls", "class", "labels", "fine_label")
IDS = ("__key__", "id", "path", "file_name", "filename")
"""Names of columns, in the order in which they are looked for."""


class Stream:
    """A table that is read from its beginning to its end, and never lies on disk; whoever goes back begins again.

    Parameters
    ----------
    rows
        A ``datasets.IterableDataset``.
    count
        How many rows it has.
    """

    def __init__(self, rows: Any, count: int) -> None:
        self._rows, self._count, self._next = rows, count, 0
        self._open: Iterator[dict[str, Any]] | None = None
        self.features = rows.features

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> dict[str, Any]:
        if self._open is None or index < self._next:
            self._open, self._next = iter(self._rows.skip(index)), index
        while True:
            row = next(self._open)
            self._next += 1
            if self._next > index:
                return row

    def cast_column(self, name: str, kind: Any) -> Stream:
        """The same with a column of another type."""
        return Stream(self._rows.cast_column(name, kind), self._count)


class TablePictures:
    """The pictures of a table.

    Parameters
    ----------
    table
        A ``datasets.Dataset``, or a `Stream`, whose pictures are called by their numbers. Pictures are in the first
        column of the type ``Image``, or in files that the first of `PICTURES` names; labels are the first
        ``ClassLabel``, or the first of `LABELS`, as names or numbers.
    size, fit
        See `FolderPictures`.
    beside
        The folder that relative paths are in.

    Raises
    ------
    PictureError
        If there is no column of pictures.
    """

    def __init__(self, table: Any, size: Size, fit: str = CROP, beside: Path = Path()) -> None:
        datasets = needed("datasets")
        self.size, self.fit, self.beside = size, fit, beside
        kinds = table.features
        stored = [name for name, kind in kinds.items() if isinstance(kind, datasets.Image)]
        named = [name for name, kind in kinds.items() if isinstance(kind, datasets.ClassLabel)]
        self._picture = _first([*stored[:1], *PICTURES], kinds)
        if self._picture is None:
            raise PictureError(
                f"no column of the table holds pictures or paths (it has {', '.join(kinds)}); name one of them 'path'"
            )
        self._label = _first([*named[:1], *LABELS], kinds)
        self._id = _first(IDS, kinds)
        self._table = table.cast_column(stored[0], datasets.Image(decode=False)) if stored else table
        self._names: tuple[str, ...] = tuple(kinds[named[0]].names) if named else ()

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        row = self._table[index]
        found, label = row[self._picture], self._number(None if self._label is None else row[self._label])
        content, path = (found["bytes"], found["path"]) if isinstance(found, dict) else (None, found)
        if content is not None:
            return read_sent(content, path or str(index), self.size, self.fit), label
        return read_file(self.beside, path, self.size, self.fit), label

    @cached_property
    def ids(self) -> list[str]:
        """What each picture is called."""
        return [str(one) for one in (range(len(self)) if self._id is None else self._column(self._id))]

    @cached_property
    def labels(self) -> list[int]:
        """The class of each picture, -1 where it is not known."""
        return [self._number(one) for one in ([None] * len(self) if self._label is None else self._column(self._label))]

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; empty if labels are numbers only."""
        if self._names or self._label is None or isinstance(self._table, Stream):
            return self._names
        return tuple(sorted({one for one in self._column(self._label) if isinstance(one, str)}))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.class_names)}

    def _number(self, label: Any) -> int:
        """A label as a number; of a name that is not known, -1."""
        return UNKNOWN if label is None else self._numbers.get(label, UNKNOWN) if isinstance(label, str) else int(label)

    def _column(self, name: str) -> Any:
        """A whole column; an AttributeError for a stream, which cannot know it beforehand."""
        if isinstance(self._table, Stream):
            raise AttributeError(name)  # noqa: TRY004 - it is not there
        return self._table[name]


def _first(names: Sequence[str], known: Any) -> str | None:
    return next((name for name in names if name in known), None)

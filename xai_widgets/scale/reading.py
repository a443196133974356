"""Reading the pictures of a data set one by one: what cannot be read is noted, and stops nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset, Subset

from xai_widgets.errors import PictureError
from xai_widgets.names import printable
from xai_widgets.pictures import PictureSet, checked, item, known_labels
from xai_widgets.runs.sources import OPTIONS
from xai_widgets.study import Study

OF_FILES = ("size", "fit")
"""How sets of files make pictures of one size."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A picture of a data set.

    Attributes
    ----------
    index, id
        Its number in the set, and what it is called there.
    label
        Its class; None or -1 if that is not known.
    picture
        ``(C, H, W)`` in [0, 1]; None if it failed.
    failed
        Why it cannot be read or explained; None if it can.
    """

    index: int
    id: str
    label: int | None = None
    picture: Tensor | None = None
    failed: str | None = None

    def failing(self, error: Exception) -> Entry:
        """The same, with the reason why it failed."""
        return replace(self, picture=None, failed=reason(error))


class Reading(Dataset[Entry]):
    """The pictures of a set as entries of the shape that a study has."""

    def __init__(self, pictures: PictureSet, shape: tuple[int, int, int]) -> None:
        self.pictures, self.shape = pictures, shape

    @classmethod
    def of(cls, pictures: PictureSet, study: Study) -> Reading:
        """Of pictures for a study."""
        return cls(pictures, study.shape)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Entry:
        entry = Entry(index, id_of(self.pictures, index))
        try:
            picture, label = item(self.pictures, index)
            return replace(entry, label=label, picture=self._checked(picture))
        except Exception as error:  # noqa: BLE001 - readers of pictures raise whatever their library does
            return entry.failing(error)

    def _checked(self, picture: Any) -> Tensor:
        own = checked(picture, self.shape[0])
        if own.shape[1:] != self.shape:
            raise PictureError(f"the picture has shape {tuple(own.shape[1:])}, and the study's have {self.shape}")
        return own[0]


def id_of(pictures: Any, index: int) -> str:
    """What a picture is called: its own id, its path within the folder, or its number."""
    if isinstance(pictures, Subset):
        return id_of(pictures.dataset, pictures.indices[index])
    if (ids := getattr(pictures, "ids", None)) is not None:
        return str(ids[index])
    paths, root = getattr(pictures, "paths", None), getattr(pictures, "root", None)
    if isinstance(paths, Sequence) and root is not None:
        return printable(paths[index].relative_to(root).as_posix())
    return str(index)


def described(pictures: Any) -> dict[str, Any]:
    """What tells a data set from others, as plain values, without reading pictures."""
    inner = pictures.dataset if isinstance(pictures, Subset) else pictures
    kind = f"{type(inner).__module__}.{type(inner).__qualname__}"
    options = {name: getattr(inner, name) for name in (*OPTIONS.get(kind, ()), *OF_FILES) if hasattr(inner, name)}
    ids = [id_of(pictures, index) for index in range(len(pictures))]
    check = hashlib.sha256(json.dumps([ids, known_labels(pictures)]).encode()).hexdigest()[:16]
    found = {"kind": type(inner).__qualname__, "count": len(pictures), "options": options, "check": check}
    plain: dict[str, Any] = json.loads(json.dumps(found))  # as a file has it: no tuples
    return plain


def reason(error: Exception) -> str:
    """An error in a line."""
    return " ".join(printable(error).split()) or type(error).__name__

"""A folder of very many pictures: it is listed once, and no file is opened before it is explained."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import Tensor

from xai_widgets import files
from xai_widgets.data.decode import CROP, Size, read_sent
from xai_widgets.data.tree import tree_of
from xai_widgets.errors import PictureError

LISTING = ".listing.json"
"""The file that remembers a listing, beside what it was made for."""


class ListedFolder:
    """Pictures of a folder, with a sub-folder for each class or without; see `FolderPictures`, which checks each first.

    Parameters
    ----------
    root
        The folder.
    size, fit
        See `FolderPictures`.
    cache
        A folder that keeps the listing, so that it is made once; it is made again if a folder in `root` has changed.

    Attributes
    ----------
    ids, labels, class_names
        Of each picture its path within the folder and its class; and the names of the classes.

    Raises
    ------
    PictureError
        If there is no picture.
    """

    def __init__(self, root: Path, size: Size, fit: str = CROP, cache: Path | None = None) -> None:
        self.root, self.size, self.fit = root, size, fit
        listing = _listing(root.resolve(), None if cache is None else cache / LISTING)
        self.ids: list[str] = listing["files"]
        self.labels: list[int] = listing["labels"]
        self.class_names: list[str] = listing["class_names"]
        if not self.ids:
            raise PictureError(f"there is no picture in {root}")

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return read_file(self.root, self.ids[index], self.size, self.fit), self.labels[index]


def read_file(folder: Path, name: str, size: Size, fit: str) -> Tensor:
    """A picture in a folder, of a size.

    Raises
    ------
    PictureError
        If it is no picture, or no file; pipes and devices are never opened.
    """
    path = folder / name
    if not path.is_file():
        raise PictureError(f"{name} cannot be read: there is no such file")
    return read_sent(path.read_bytes(), name, size, fit)


def _listing(root: Path, cache: Path | None) -> dict[str, Any]:
    if cache is not None and (known := _known(cache, root)) is not None:
        return known
    tree = tree_of(root)
    found = [file.path.relative_to(root).as_posix() for file in tree.files]
    folders = {
        root,
        *tree.left_out,
        *(up for file in tree.files for up in file.path.parents if up.is_relative_to(root)),
    }
    made = {
        "root": str(root),
        "changed": _changed(folders),
        "class_names": list(tree.folders),
        "files": found,
        "labels": [file.folder for file in tree.files],
    }
    if cache is not None:
        files.write(cache, json.dumps(made).encode())
    return made


def _known(cache: Path, root: Path) -> dict[str, Any] | None:
    """The listing as it was kept, if it is of this folder and nothing in it has changed."""
    try:
        kept: dict[str, Any] = json.loads(cache.read_bytes())
        same = kept["root"] == str(root) and kept["changed"] == _changed(map(Path, kept["changed"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return kept if same else None


def _changed(folders: Iterable[Path]) -> dict[str, int]:
    """When the list of what lies in each folder last changed."""
    return {str(folder): folder.stat().st_mtime_ns for folder in sorted(folders) if folder.is_dir()}

"""A folder of pictures: which folders in it are classes, which are splits, and where the picture files are."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from xai_widgets.data.decode import SUFFIXES
from xai_widgets.errors import PictureError
from xai_widgets.names import UNKNOWN, printable

TRAINING = frozenset(("train", "training"))
UNSEEN = frozenset(("val", "valid", "validation", "test", "testing", "eval"))
"""Names of splits, in small letters."""

_SYSTEM = frozenset(
    ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", "Thumbs", "#recycle", "@Recycle",
     "__pycache__")
)  # fmt: skip
"""Folders that systems put beside people's own."""

_FEW = 3
"""So many folders are named in a sentence."""


class PictureFile(NamedTuple):
    """A file that is a picture by its name."""

    path: Path
    #: The number of its class folder, or `UNKNOWN`.
    folder: int
    #: The name of its split; empty if there are none.
    split: str


@dataclass(frozen=True)
class Tree:
    """What lies in a folder.

    Attributes
    ----------
    folders
        Names of the class folders, in order; each once, also if it is in several splits.
    files
        All picture files, in order.
    splits
        Names of the splits, those for training first.
    left_out
        Folders that are no classes, and why.
    unread
        Folders that cannot be listed, and why.
    remarks
        Sentences about what people should know.
    """

    folders: tuple[str, ...]
    files: tuple[PictureFile, ...]
    splits: tuple[str, ...]
    left_out: Mapping[Path, str]
    unread: Mapping[Path, str]
    remarks: tuple[str, ...]


class _Level(NamedTuple):
    """A folder: pictures that lie directly in it, its class folders with all the pictures in each, and the others."""

    loose: list[Path]
    classes: dict[Path, list[Path]]
    others: dict[Path, str]

    def groups(self) -> dict[str, list[Path]]:
        """Pictures by the name of their class folder; by an empty one where there are no class folders."""
        return {folder.name: files for folder, files in self.classes.items()} or {"": self.loose}

    def left_out(self, folder: Path) -> dict[Path, str]:
        """What is no class, and why; with the pictures that lie beside class folders."""
        if not (self.loose and self.classes):
            return self.others
        count, first = len(self.loose), printable(self.loose[0].name)
        said = f"{count} pictures beside its folders, such as {first}" if count > 1 else f"{first} beside its folders"
        return self.others | {folder: said}


def tree_of(root: Path) -> Tree:
    """What lies in a folder; links are followed.

    Raises
    ------
    PictureError
        If there is no such folder, or it cannot be listed.
    """
    _require_folder(root)
    walk = _Walk(root)
    top = walk.level(root)
    if root in walk.unread:
        raise PictureError(f"{printable(root)} cannot be listed ({walk.unread[root]}); check its permissions")
    splits = _splits(top, walk)
    left_out = top.left_out(root)
    if splits:
        left_out |= {one: "no split, beside folders that are splits" for one in top.classes if one not in splits}
    for folder in splits:
        left_out |= walk.level(folder).left_out(folder)
    groups = {printable(one.name): walk.level(one).groups() for one in splits} or {"": top.groups()}
    names = _ordered({name for own in groups.values() for name in own if name})
    remarks = [*_first_of(left_out), *_partial(groups), *_nested(top, walk, splits)]
    return Tree(
        tuple(map(printable, names)),
        tuple(_files(groups, names)),
        tuple(groups) if splits else (),
        left_out | walk.of_system,
        walk.unread,
        tuple(remarks),
    )


def _require_folder(root: Path) -> None:
    if os.path.isdir(root):  # noqa: PTH112  (Path.is_dir raises for names that are too long)
        return
    if os.path.lexists(root):
        raise PictureError(f"{printable(root)} is a file; give the folder that holds a sub-folder for each class")
    raise PictureError(f"there is no folder {printable(root)}; give the folder that holds the pictures")


def _files(groups: Mapping[str, Mapping[str, list[Path]]], names: list[str]) -> Iterator[PictureFile]:
    numbers = {"": UNKNOWN} | {name: number for number, name in enumerate(names)}
    for split, own in groups.items():
        for name in sorted(own, key=numbers.__getitem__):
            yield from (PictureFile(path, numbers[name], split) for path in own[name])


def _ordered(names: Collection[str]) -> list[str]:
    """Names in the order of ``ImageFolder``, but numbers as numbers: 2 before 10."""
    numbers = all(name.isascii() and name.isdigit() for name in names)
    return sorted(names, key=lambda name: (int(name) if numbers else 0, name))


# --- splits --------------------------------------------------------------------------------------------------------


def _splits(top: _Level, walk: _Walk) -> list[Path]:
    """Folders that are splits; those for training first.

    They are, by their names, where there are no other folders, or where several of them have class folders: a single
    "train" beside a "ship" is a class.
    """
    named = [folder for folder in top.classes if folder.name.casefold() in TRAINING | UNSEEN]
    if len(named) < len(top.classes) and sum(bool(walk.level(folder).classes) for folder in named) < 2:
        return []
    return sorted(named, key=lambda folder: (folder.name.casefold() not in TRAINING, folder.name))


def _partial(groups: Mapping[str, Mapping[str, list[Path]]]) -> Iterator[str]:
    """What is not in all splits."""
    every = {name for own in groups.values() for name in own if name}
    for split, own in groups.items():
        if "" in own and len(groups) > 1 and every:
            yield f"the pictures in {split} lie in no class folder, so their classes are not known"
        elif missing := [name for name in _ordered(every) if name not in own]:
            yield f"{split} has no {_few(missing)}, as other splits have"


def _nested(top: _Level, walk: _Walk, splits: list[Path]) -> Iterator[str]:
    """Whether the folder of the classes may be meant instead of the one above it."""
    for folder in top.classes if len(top.classes) == 1 and not splits else ():
        if len(inside := walk.level(folder).classes) > 1:
            yield (
                f"there is one class folder, {printable(folder.name)}, and it has folders, {_few(inside)}; if those "
                f"are the classes or splits, give {printable(folder)}"
            )


def _first_of(left_out: Mapping[Path, str]) -> Iterator[str]:
    if left_out:
        first, reason = next(iter(left_out.items()))
        more = f"; and {len(left_out) - 1} more, see .left_out" if len(left_out) > 1 else ""
        yield f"left out {printable(first)} ({reason}){more}"


def _few(names: Collection[Path | str]) -> str:
    shown = [printable(name.name if isinstance(name, Path) else name) for name in list(names)[:_FEW]]
    return ", ".join([*shown, *([f"and {len(names) - _FEW} more"] if len(names) > _FEW else [])])


# --- reading folders -----------------------------------------------------------------------------------------------


class _Walk:
    """Goes through folders, and notes those of the system and those that cannot be listed."""

    def __init__(self, root: Path) -> None:
        real = Path(os.path.realpath(root))
        self._above = {_identity(folder) for folder in (real, *real.parents)}
        self._levels: dict[Path, _Level] = {}
        self.of_system: dict[Path, str] = {}
        self.unread: dict[Path, str] = {}

    def level(self, folder: Path) -> _Level:
        """What lies in a folder; sub-folders without pictures are no classes."""
        if folder not in self._levels:
            loose, folders = self._listed(folder)
            found = {one: self._pictures(one) for one in folders}
            others = {one: self._why_none(one) for one, files in found.items() if not (files or self._partly_read(one))}
            classes = {one: files for one, files in found.items() if one not in others}
            self._levels[folder] = _Level(loose, classes, others)
        return self._levels[folder]

    def _partly_read(self, folder: Path) -> bool:
        return any(folder in (place, *place.parents) for place in self.unread)

    def _why_none(self, folder: Path) -> str:
        cycle = _identity(folder) in self._above
        return "a link to a folder that it lies in" if cycle else "there is no picture in it"

    def _pictures(self, folder: Path) -> list[Path]:
        """Pictures at any depth, sorted; a folder that several links lead to is listed once, so that this ends."""
        seen, found, waiting = set(self._above), [], [folder]
        while waiting:
            one = waiting.pop()
            if (identity := _identity(one)) not in seen:
                seen.add(identity)
                files, folders = self._listed(one)
                found += files
                waiting += reversed(folders)
        return sorted(found)

    def _listed(self, folder: Path) -> tuple[list[Path], list[Path]]:
        """Files that are pictures by their name, and folders, sorted, without hidden ones and those of the system."""
        try:
            with os.scandir(folder) as listing:
                entries = sorted((one for one in listing if not one.name.startswith(".")), key=lambda one: one.name)
                folders = [folder / one.name for one in entries if _is_folder(one)]
        except OSError as error:
            self.unread[folder] = error.strerror or type(error).__name__
            return [], []
        inside = set(folders)
        files = [path for one in entries if (path := folder / one.name) not in inside and _is_picture(path)]
        self.of_system |= {one: "a folder of the system" for one in folders if one.name in _SYSTEM}
        return files, [one for one in folders if one.name not in _SYSTEM]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()  # noqa: PTH112  (it never raises)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _identity(folder: Path) -> tuple[int, int] | Path:
    try:
        found = folder.stat()
    except OSError:
        return folder
    return found.st_dev, found.st_ino

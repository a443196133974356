"""Any folder of pictures, with a sub-folder for each class or without."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Iterable, Sequence, Sized
from pathlib import Path
from typing import Self

from torch import Tensor
from torch.utils.data import Dataset

from xai_widgets import limits
from xai_widgets.data.decode import COMMON, CROP, FITS, Size, examine, read, upright_size
from xai_widgets.data.tree import TRAINING, PictureFile, tree_of
from xai_widgets.errors import PictureError
from xai_widgets.limits import Choice, Several, Whole
from xai_widgets.names import UNKNOWN, printable

_LOG = logging.getLogger(__name__)
_SIDES = Several(Whole(limits.SIDE.least, limits.SIDE.most, error=PictureError), (2,), error=PictureError)


class FolderPictures(Dataset[tuple[Tensor, int]]):
    """Pictures under ``path/class name/``, read when they are asked for.

    Item ``i`` is a picture, float32 ``(3, H, W)`` in ``[0, 1]``, with its class as an int. All pictures have the same
    size; how others are brought to it is said by `fit`. A picture is turned as its EXIF data say, transparency is laid
    over white, of an animation the first frame is taken, and 16-bit greys keep their range.

    Pictures may lie at any depth, and links are followed. Hidden files, files that are not pictures by their name, and
    folders of the system such as ``__MACOSX`` are passed over. Folders ``train`` and ``val`` (or ``training``,
    ``valid``, ``validation``, ``test``, ``testing``, ``eval``) below the path, with the class folders in them, are
    splits. Pictures that lie directly in the path, without class folders, have no labels: theirs is -1.

    Attributes
    ----------
    root
        The folder.
    folders
        Names of the class folders, sorted as ``ImageFolder`` sorts them, but numbers as numbers: 2 before 10.
    class_names
        Those of `folders`, until `adopt` sets others.
    paths, labels
        File and class of every picture; -1 for a class that is not known.
    of_folder
        The number in `folders` of every picture; -1 for one in none.
    skipped
        Files that are pictures by their name and cannot be read, and folders that cannot be listed, with the reason.
    left_out
        Folders that are no classes, with the reason.
    size
        ``(height, width)`` of every item.
    fit
        How pictures are brought to the size.
    splits
        Names of the splits, those for training first; empty if there are none.
    split
        The splits that were asked for; None where that was left open.
    unseen
        Where `split` was left open and there is one for training, these are its pictures, and `unseen` are those of
        the other splits, for nothing to be fitted on. Else None.

    Parameters
    ----------
    path
        The folder; ``~`` is the home folder.
    size
        Pixels of a side, or ``(height, width)``, 2 to 4096. None: the size of the first picture.
    fit
        "crop" scales a picture until it covers the size, and keeps its middle; "contain" keeps all of it, between
        bars in a middle grey; "squash" keeps all of it, and loses its proportions.
    split
        Take the pictures of this split, or of several; classes are numbered as for all of them.

    Raises
    ------
    PictureError
        If there is no such folder, none of its pictures can be read, or an option makes no sense. Also, naming the
        file, when an item is asked for that can no longer be read; a set that is made again leaves it out.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        size: int | tuple[int, int] | None = None,
        fit: str = CROP,
        split: str | Sequence[str] | None = None,
    ) -> None:
        wanted = None if size is None else _checked_size(size)
        self.fit: str = Choice(FITS, error=PictureError)("fit", fit)
        self.root = limits.path_like("path", path).absolute()
        tree = tree_of(self.root)
        self.splits, self.folders, self.class_names = tree.splits, tree.folders, list(tree.folders)
        self.split = None if split is None else _checked_split(split, tree.splits, self.root)
        self.skipped: list[tuple[Path, str]] = list(tree.unread.items())
        self.left_out: list[tuple[Path, str]] = list(tree.left_out.items())
        files, sizes = self._readable([file for file in tree.files if self.split is None or file.split in self.split])
        self._report(files, tree.remarks)
        self.size: Size = wanted or _size_of(files[0].path)
        if wanted is None and len(sizes) > 1:
            self._warn(f"pictures of {len(sizes)} sizes are all resized to {self.size}; size= sets another")
        self.unseen = self._divide(files)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return read(self.paths[index], self.size, self.fit), self.labels[index]

    def __copy__(self) -> Self:
        other = object.__new__(type(self))
        other.__dict__ |= {
            name: copy.copy(one) if isinstance(one, list | FolderPictures) else one for name, one in vars(self).items()
        }
        return other

    def adopt(self, class_names: Sequence[str], numbers: Sequence[int]) -> None:
        """Number the classes as a classifier does; may be called again, with what differs.

        Parameters
        ----------
        class_names
            Those of the classifier.
        numbers
            For each of `folders` the number of its class there, or -1 for none.
        """
        if len(numbers) != len(self.folders):
            raise PictureError(f"there are {len(self.folders)} class folders, but numbers has {len(numbers)}")
        self.class_names = list(class_names)
        self.labels = [UNKNOWN if folder == UNKNOWN else int(numbers[folder]) for folder in self.of_folder]

    def _readable(self, files: Sequence[PictureFile]) -> tuple[list[PictureFile], set[Size]]:
        """The files that can be read, and the sizes that occur; the others are skipped."""
        found = list(zip(files, examine([file.path for file in files]), strict=True))
        self.skipped += [(file.path, said) for file, said in found if isinstance(said, str)]
        sizes = {said for _, said in found if not isinstance(said, str)}
        return [file for file, said in found if not isinstance(said, str)], sizes

    def _divide(self, files: Sequence[PictureFile]) -> Self | None:
        """Take the files for training and give the others, or take all if there are none of one kind."""
        training = [file for file in files if file.split.casefold() in TRAINING]
        others = [file for file in files if file.split.casefold() not in TRAINING]
        if self.split is not None or not training or not others:
            self._take(files)
            return None
        unseen = copy.copy(self)
        unseen.unseen, unseen.split = None, tuple(name for name in self.splits if name.casefold() not in TRAINING)
        unseen._take(others)
        self._take(training)
        return unseen

    def _take(self, files: Sequence[PictureFile]) -> None:
        self.paths = [file.path for file in files]
        self.of_folder = [file.folder for file in files]
        self.labels = list(self.of_folder)

    def _report(self, files: Sequence[PictureFile], remarks: Sequence[str]) -> None:
        path, reason = self.skipped[0] if self.skipped else (None, "")
        example = f"{printable(path)}: {reason}" if path else "there are none"
        if not files:
            raise PictureError(f"no readable picture ({' '.join(COMMON)}) in {printable(self.root)}; {example}")
        if self.skipped:
            self._warn(f"{_counted(self.skipped, 'unreadable picture')} skipped, see .skipped; the first is {example}")
        for remark in remarks:
            self._warn(remark)

    def _warn(self, sentence: str) -> None:
        _LOG.warning("%s: %s", printable(self.root), sentence)

    def __repr__(self) -> str:
        size, fit = " x ".join(map(str, self.size)), f", {self.fit}" if self.fit != CROP else ""
        classes = f"{len(self.folders)} classes" if self.folders else "no labels"
        unseen = f", and {len(self.unseen)} unseen of {' and '.join(self.unseen.split or ())}" if self.unseen else ""
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        count = _counted(self, "picture")
        return f"FolderPictures({printable(self.root)!r}: {count}{unseen}, {size}{fit}, {classes}{skipped})"


def folder(
    path: str | os.PathLike[str],
    size: int | tuple[int, int] | None = None,
    fit: str = CROP,
    split: str | Sequence[str] | None = None,
) -> FolderPictures:
    """Open a folder of pictures, with a sub-folder for each class or without; see `FolderPictures`."""
    return FolderPictures(path, size, fit, split)


def _checked_size(size: object) -> Size:
    """Height and width."""
    height, width = _SIDES("size", size if _several(size) else (size, size))
    return height, width


def _checked_split(split: object, known: Sequence[str], root: Path) -> tuple[str, ...]:
    if not known:
        raise PictureError(f"split is {split!r}, and {printable(root)} has no splits, such as folders train and val")
    one = Choice(known, error=PictureError)
    names: tuple[str, ...] = Several(one, least=1, error=PictureError)("split", split if _several(split) else [split])
    return names


def _several(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes) and getattr(value, "ndim", 1) > 0


def _size_of(path: Path) -> Size:
    """The size of the first picture, which all are made if no other is asked for."""
    height, width = upright_size(path)
    if not limits.SIDE.least <= min(height, width) <= max(height, width) <= limits.SIDE.most:
        raise PictureError(
            f"{printable(path)}, the first picture, is {height} x {width}, and sides may have {limits.SIDE.least} to "
            f"{limits.SIDE.most} pixels; give a size for all, such as size=224"
        )
    return height, width


def _counted(things: Sized, what: str) -> str:
    return f"{len(things)} {what}{'s' if len(things) != 1 else ''}"

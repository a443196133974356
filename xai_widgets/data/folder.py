"""Any folder of pictures, with a sub-folder for each class."""

from __future__ import annotations

import logging
import os
import struct
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

from xai_widgets.errors import PictureError

_LOG = logging.getLogger(__name__)
_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"))
# What Pillow raises for files that are not what they seem; a bomb's warning is turned into an error.
_BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, struct.error, MemoryError,
    Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip
# A file at most this large is decoded to check it. Of a larger one the header and these last bytes must be there.
_QUICK_BYTES = 2**16
_ENDINGS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
_ALPHA_MODES = ("RGBA", "LA", "PA")


class FolderPictures(Dataset[tuple[Tensor, int]]):
    """Pictures under ``path/class name/``, read when they are asked for.

    Item ``i`` is a picture, float32 ``(3, H, W)`` in ``[0, 1]``, with its class as an int. All pictures have the same
    size: another one is scaled until it covers that size, with antialiasing, and its middle is kept. A picture is
    turned as its EXIF data say, transparency is laid over white, of an animation the first frame is taken, and
    16-bit greys keep their range. Hidden files and files that are not pictures by their name are passed over.

    Attributes
    ----------
    root
        The folder.
    folders
        Names of the sub-folders, sorted: the order that torchvision's ``ImageFolder`` has.
    paths, labels
        File and class of every picture.
    class_names
        Names of the classes that `labels` number: `folders`, until a study takes the pictures and its model's classes
        take their place. A label is -1 where the model has no such class.
    skipped
        Files that are pictures by their name and could not be read, with the reason.
    size
        ``(height, width)`` of every item.

    Parameters
    ----------
    path
        The folder.
    size
        Pixels of a side, or ``(height, width)``. None: the size of the first picture.

    Raises
    ------
    PictureError
        If there is no such folder, it has no sub-folders, or none of its pictures can be read. Also, naming the file,
        when an item is asked for that can no longer be read.
    """

    def __init__(self, path: str | os.PathLike[str], size: int | tuple[int, int] | None = None) -> None:
        wanted = None if size is None else _checked_size(size)
        root = self.root = Path(path)
        folders = _class_folders(root)
        self.folders = self.class_names = [folder.name for folder in folders]
        self.paths: list[Path] = []
        self.labels: list[int] = []
        self.skipped: list[tuple[Path, str]] = []
        sizes = self._scan(folders)
        self._own = self.labels
        self._report(root)
        self.size = wanted or _upright_size(self.paths[0])
        if wanted is None and len(sizes) > 1:
            _LOG.warning("%s: pictures of %d sizes are all made %s; size= sets another", root, len(sizes), self.size)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path = self.paths[index]
        try:
            with Image.open(path) as image:
                return _tensor(_plain(image), self.size), self.labels[index]
        except _BROKEN as error:
            raise PictureError(f"{path} can no longer be read ({_reason(error)}); make the data set again") from error

    def adopt(self, class_names: Sequence[str], numbers: Sequence[int]) -> None:
        """Label the pictures with the numbers of a model's classes: `numbers` has one for each of `folders`."""
        self.class_names, self.labels = list(class_names), [numbers[label] for label in self._own]

    def _scan(self, folders: list[Path]) -> set[tuple[int, int]]:
        """Sort files into readable and skipped ones; give the sizes that occur."""
        sizes = set()
        for label, folder in enumerate(folders):
            for path in _picture_files(folder):
                try:
                    sizes.add(_check_readable(path))
                except _BROKEN as error:
                    self.skipped.append((path, _reason(error)))
                else:
                    self.paths.append(path)
                    self.labels.append(label)
        return sizes

    def _report(self, root: Path) -> None:
        example = "{}: {}".format(*self.skipped[0]) if self.skipped else "there are none"
        if not self.paths:
            kinds = " ".join(sorted(_SUFFIXES))
            raise PictureError(f"no readable picture ({kinds}) in the sub-folders of {root}; {example}")
        if self.skipped:
            _LOG.warning("%d unreadable pictures skipped, see .skipped; the first is %s", len(self.skipped), example)


def folder(path: str | os.PathLike[str], size: int | tuple[int, int] | None = None) -> FolderPictures:
    """Open a folder that has a sub-folder of pictures for each class; see `FolderPictures`."""
    return FolderPictures(path, size)


def _checked_size(size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise PictureError(f"size is {size}; a side needs 1 pixel or more")
    return height, width


def _class_folders(root: Path) -> list[Path]:
    if not root.exists():
        raise PictureError(f"there is no folder {root}; the current folder is {Path.cwd()}")
    if not root.is_dir():
        raise PictureError(f"{root} is a file; give the folder that holds a sub-folder for each class")
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not folders:
        raise PictureError(f"{root} has no sub-folders; put the pictures of each class into a sub-folder of its own")
    return folders


def _picture_files(folder: Path) -> Iterator[Path]:
    """Pictures by their name at any depth, sorted, without hidden files and folders."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in _SUFFIXES and not hidden and not path.is_dir():
            yield path


def _check_readable(path: Path) -> tuple[int, int]:
    """Size of a picture as stored, or one of the errors in `_BROKEN`."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path) as image:
            _check_range(image)
            if not _looks_complete(path, image.format):
                _plain(image)
            return image.size


def _looks_complete(path: Path, kind: str | None) -> bool:
    """Tell without decoding it that a large file was not cut off."""
    ending = _ENDINGS.get(kind or "")
    if ending is None or path.stat().st_size <= _QUICK_BYTES:
        return False
    with path.open("rb") as file:
        file.seek(-len(ending), os.SEEK_END)
        return file.read() == ending


def _check_range(image: Image.Image) -> None:
    """Refuse pictures whose brightest value nothing tells; Pillow before 11 has 16-bit PNG files as "I" too."""
    if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):
        raise ValueError("32-bit greys have no known range; save it with 8 or 16 bits")


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _upright_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        width, height = ImageOps.exif_transpose(image).size
        return height, width


def _plain(image: Image.Image) -> Image.Image:
    """Upright picture in mode RGB, or in mode F with values of 0 to 255 where it has 16-bit greys."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        return Image.fromarray(np.asarray(image).astype(np.float32) * np.float32(255 / 65535))
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _tensor(image: Image.Image, size: tuple[int, int]) -> Tensor:
    """Float ``(3, H, W)`` of a plain picture that covers `size`, the middle kept."""
    height, width = size
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
    values = torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).clamp(0, 1)
    return values.expand(3, -1, -1).clone() if values.ndim == 2 else values.permute(2, 0, 1).contiguous()

"""One picture file: whether it can be read, and its pixels."""

from __future__ import annotations

import logging
import os
import stat
import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from xai_widgets.errors import PictureError
from xai_widgets.names import printable

_LOG = logging.getLogger(__name__)

CROP, CONTAIN, SQUASH = FITS = ("crop", "contain", "squash")
"""How a picture is brought to a size: its middle, all of it between bars, or all of it with other proportions."""

BARS = 0.5
"""Grey of the bars of `CONTAIN`: a middle one, which is neither light nor dark."""

COMMON = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
SUFFIXES = frozenset(
    (*COMMON, ".jpe", ".jfif", ".jif", ".mpo", ".apng", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".j2k",
     ".jpx", ".jpf", ".qoi", ".avif", ".avifs", ".heic", ".heif", ".hif", ".jxl")
)  # fmt: skip
"""Of the files that are pictures by their name."""

_HEIF = "call pillow_heif.register_heif_opener(), of the package pillow-heif, before"
_PLUGINS = {".heic": _HEIF, ".heif": _HEIF, ".hif": _HEIF, ".jxl": "import pillow_jxl, of pillow-jxl-plugin, before"}
"""What makes Pillow read files that it cannot read alone."""

_BROKEN = Exception
"""What Pillow's plugins raise for damaged files: fifteen kinds and more. A bomb's warning is turned into an error."""
_PROGRAMS = ("EPS", "WMF", "EMF")
"""Formats of drawing commands; Pillow would start another program."""

_ALPHA_MODES = ("RGBA", "LA", "PA")
# A PNG file at most this large is decoded to check it; of a larger one the checksums are compared, which is quicker.
_QUICK_BYTES = 2**16
_MANY = 20_000
"""Files that take minutes to check."""

Size = tuple[int, int]
"""Height and width."""

_KNOWN: dict[tuple[object, ...], Size | str] = {}
"""What is known of files by place, time and length: the size of the picture, or why it turned out to be damaged.

So no file is checked twice, and one that broke while it was read is left out of the next data set.
"""


# --- whether it can be read ----------------------------------------------------------------------------------------


def examine(paths: Sequence[Path]) -> list[Size | str]:
    """Of each file the size of its picture as stored, or why it cannot be read."""
    if len(paths) > _MANY:
        _LOG.warning("checking %d pictures once takes a while; some thousands are enough for explanations", len(paths))
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return [_examined(path) for path in paths]


def upright_size(path: Path) -> Size:
    """Height and width of a picture, turned as its EXIF data say."""
    try:
        with _opened(path) as image:
            width, height = ImageOps.exif_transpose(image).size
            return height, width
    except _BROKEN as error:
        raise _remembered(path, error) from error


def _examined(path: Path) -> Size | str:
    try:
        mark = _mark(path)
        if mark not in _KNOWN:
            _KNOWN[mark] = _checked(path)
        return _KNOWN[mark]
    except _BROKEN as error:
        return _reason(path, error)


def _mark(path: Path) -> tuple[object, ...]:
    """What tells a file from others and from what it was before; a ValueError if it is no ordinary file."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("a pipe, a socket or a device, not a file")
    return os.fspath(path), found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _checked(path: Path) -> Size:
    """Size of a picture whose file is whole, or one of the errors that plugins raise."""
    with _opened(path) as image:
        width, height = image.size
        if image.format == "PNG" and path.stat().st_size > _QUICK_BYTES:
            image.verify()
        else:
            image.draft(image.mode, (1, 1))  # JPEG only: every byte is read, and few pixels are made
            _plain(image)
    return height, width


def _opened(path: Path) -> Image.Image:
    """A picture whose pixels are not read yet; pipes and the like are never opened, since that may wait for ever."""
    _mark(path)
    image = Image.open(path)
    try:
        _require_pixels(image)
    except ValueError:
        image.close()
        raise
    return image


def _require_pixels(image: Image.Image) -> None:
    """Refuse what is no raster, and greys whose brightest value nothing tells; Pillow before 11 has 16 bits as "I"."""
    if image.format in _PROGRAMS:
        raise ValueError(f"{image.format} is a vector format; save it as PNG")
    if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):
        raise ValueError("32-bit grey values have no known range; save it with 8 or 16 bits")


def _reason(path: Path, error: BaseException) -> str:
    return _said(error, path.suffix.lower(), empty=path.is_file() and not path.stat().st_size)


def _said(error: BaseException, suffix: str, *, empty: bool) -> str:
    if isinstance(error, UnidentifiedImageError):
        if empty:
            return "the file is empty"
        if suffix in Image.registered_extensions():
            return "it is not a picture, or its beginning is damaged"
        plugin = f"{_PLUGINS[suffix]}, or " if suffix in _PLUGINS else ""
        return f"Pillow cannot read {suffix} files here; {plugin}save it as JPEG or PNG"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return printable(error) or type(error).__name__


def _remembered(path: Path, error: BaseException) -> PictureError:
    """Remember that a file is damaged, unless the trouble may pass; give the error that says so."""
    reason = _reason(path, error) if path.exists() else "the file is gone"
    passing = isinstance(error, MemoryError) or getattr(error, "errno", None) is not None
    if path.is_file() and not passing:
        _KNOWN[_mark(path)] = reason
    return PictureError(f"{printable(path)} can no longer be read ({reason}); make the data set again to leave it out")


# --- its pixels ----------------------------------------------------------------------------------------------------


def read(path: Path, size: Size, fit: str) -> Tensor:
    """A picture as floats ``(3, H, W)`` in [0, 1], of a size.

    Raises
    ------
    PictureError
        If the file cannot be read; a damaged one is left out of the next data set.
    """
    try:
        with _opened(path) as image:
            return _fitted(_plain(image), size, fit)
    except _BROKEN as error:
        raise _remembered(path, error) from error


def read_sent(content: bytes, name: str, size: Size, fit: str = CROP) -> Tensor:
    """As `read`, of the content of a file that somebody sent; `name` is for the error, and no such file is opened.

    Raises
    ------
    PictureError
        If it cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content)) as image:
                _require_pixels(image)
                return _fitted(_plain(image), size, fit)
    except _BROKEN as error:
        why = _said(error, Path(name).suffix.lower(), empty=not content)
        raise PictureError(f"{printable(name)} cannot be read: {why}") from error


def _plain(image: Image.Image) -> Image.Image:
    """Upright picture in mode RGB, or in mode F with values of 0 to 255 where it has 16-bit greys."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        return Image.fromarray(np.asarray(image).astype(np.float32) * np.float32(255 / 65535))
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _fitted(image: Image.Image, size: Size, fit: str) -> Tensor:
    height, width = size
    if fit == CONTAIN:
        return _between_bars(image, size)
    if image.size != (width, height) and fit == SQUASH:
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    elif image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
    return _tensor(image)


def _between_bars(image: Image.Image, size: Size) -> Tensor:
    scale = min(size[1] / image.width, size[0] / image.height)
    width, height = (max(1, round(side * scale)) for side in image.size)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    whole = torch.full((3, *size), BARS)
    whole[:, top : top + height, left : left + width] = _tensor(image)
    return whole


def _tensor(image: Image.Image) -> Tensor:
    values = torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).clamp(0, 1)
    return values.expand(3, -1, -1).clone() if values.ndim == 2 else values.permute(2, 0, 1).contiguous()

"""Turn pictures and maps into what a browser can show."""

from __future__ import annotations

import base64
import io
from typing import Any, Literal

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image

from xai_widgets.errors import PictureError

RGB = npt.NDArray[np.uint8]
ImageFormat = Literal["png", "webp", "jpeg"]

#: Below this many pixels a side, pictures are enlarged without smoothing: a pixel stays a pixel.
SMALL = 64

#: Ends of the colour scales of differences of pictures, of bits per pixel and of deviations: fixed, so that pictures
#: can be compared.
DIFFERENCE_LIMIT, BITS_LIMIT, DEVIATION_LIMIT = 0.5, 3.0, 0.3

# A decoder may miss the range by a rounding error, but not by more.
_TOLERANCE = 1e-3
# Blue through white to orange, told apart by every kind of colour vision; steps of even lightness.
_DIVERGING = np.array([[8, 64, 129], [67, 147, 195], [247, 247, 247], [230, 145, 56], [150, 70, 0]], dtype=np.float64)


def to_uint8(picture: Any) -> RGB:
    """Turn any picture into one that every image library takes.

    Parameters
    ----------
    picture
        A tensor or array of shape (C, H, W), (H, W, C) or (H, W) with one or three channels, or a PIL image.
        Floats lie in [0, 1], integers in 0..255, booleans are black and white. Where both ends of the shape
        could be the channels, the first one is.

    Returns
    -------
    numpy.ndarray
        The picture, (H, W, 3), uint8.

    Raises
    ------
    PictureError
        If the shape, the type or a value cannot be shown.
    """
    if isinstance(picture, Image.Image):
        picture = picture.convert("RGB")
    return _bytes(_channels_last(_array(picture)))


def _array(values: Any) -> npt.NDArray[Any]:
    if hasattr(values, "detach"):
        # bfloat16 has no numpy twin.
        values = values.detach().cpu()
        values = (values.float() if values.is_floating_point() else values).numpy()
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise PictureError(f"a picture must hold numbers, not {array.dtype}")
    if array.size == 0:
        raise PictureError(f"a picture of shape {array.shape} is empty")
    if not np.isfinite(array).all():
        missing = int((~np.isfinite(array)).sum())
        raise PictureError(f"{missing} of {array.size} values are not finite numbers; find their source")
    return array


def _channels_last(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.ndim == 2:
        array = array[:, :, None]
    elif array.ndim == 3 and array.shape[0] in (1, 3):
        array = array.transpose(1, 2, 0)
    if array.ndim != 3 or array.shape[2] not in (1, 3):
        raise PictureError(f"a picture is (C, H, W), (H, W, C) or (H, W) with C 1 or 3, not {array.shape}")
    return np.broadcast_to(array, (*array.shape[:2], 3))


def _bytes(array: npt.NDArray[Any]) -> RGB:
    whole = array.dtype.kind in "iu"
    top, slack = (255, 0.0) if whole else (1, _TOLERANCE)
    low, high = float(array.min()), float(array.max())
    if low < -slack or high > top + slack:
        kind = "whole numbers" if whole else "floats"
        raise PictureError(f"pictures of {kind} lie in [0, {top}]; this one runs from {low:.3g} to {high:.3g}")
    scaled = array.astype(np.float64) * (1 if whole else 255)
    return np.ascontiguousarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def enlarge(picture: RGB, size: int) -> RGB:
    """Scale a picture so that its longer side has ``size`` pixels; under 64 pixels a pixel stays a pixel."""
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    small = max(height, width) < SMALL and scale > 1
    way = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(picture).resize(shape, way))


def data_uri(picture: Any, size: int | None = None, format: ImageFormat = "png") -> str:  # noqa: A002
    """Write a picture as an address that holds the picture itself, for the ``src`` of an image.

    ``"png"`` is exact; ``"jpeg"`` and ``"webp"`` (quality 85) are several times smaller and faster. With a `size`, the
    longer side is scaled to so many pixels.
    """
    pixels = to_uint8(picture)
    pixels = pixels if size is None else enlarge(pixels, size)
    file = io.BytesIO()
    # `method` is of WebP alone: half of the time for 4 % more bytes, and a map's sheet is waited for.
    Image.fromarray(pixels).save(file, format, quality=85, method=2)
    return f"data:image/{format};base64,{base64.b64encode(file.getvalue()).decode()}"


def diverging(signed: Any, limit: float) -> RGB:
    """Colour a signed map (H, W), or the mean over C of (C, H, W): blue below zero, white at zero, orange above.

    Values of `limit` and beyond have the full colour; give the same one to maps that are compared.
    """
    if not limit > 0:
        raise PictureError(f"the limit of a signed map is above zero, not {limit}")
    place = np.clip(_plane(signed) / limit, -1, 1)
    anchors = np.linspace(-1, 1, len(_DIVERGING))
    channels = [np.interp(place, anchors, _DIVERGING[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def sequential(values: Any, low: float, high: float) -> RGB:
    """Colour an unsigned map (H, W), or the mean over C of (C, H, W), with cividis, from dark blue to yellow.

    Values beyond ``low < high`` are cut; give the same ones to maps that are compared.
    """
    if not low < high:
        raise PictureError(f"the low end of a map's scale ({low}) must lie below its high end ({high})")
    place = np.clip((_plane(values) - low) / (high - low), 0, 1)
    coloured = matplotlib.colormaps["cividis"](place, bytes=True)
    return np.ascontiguousarray(coloured[..., :3], dtype=np.uint8)


def _plane(values: Any) -> npt.NDArray[np.float64]:
    array = _array(values).astype(np.float64)
    plane = array.mean(axis=0) if array.ndim == 3 else array
    if plane.ndim != 2:
        raise PictureError(f"a map is (H, W) or (C, H, W), not {array.shape}")
    return plane

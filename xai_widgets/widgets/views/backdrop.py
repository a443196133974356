"""The ground of the map: whose territory is where, and fog where no data are."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor

from xai_widgets.widgets.views.chart import Floats

Array = npt.NDArray[np.float64]

SIDE = 480
"""Pixels of the painted ground, both ways."""

# Translucent, so that the ground of the host's theme, light or dark, shines through.
_PALEST, _FULLEST = 0.10, 0.38
_GREY, _BORDER, _HATCH = 128, 0.9, 0.30
# Of tint and border, fog leaves a trace.
_VEIL = 0.8
_HATCH_STEP, _HATCH_WIDTH = 12, 2
# Classes that are hardly anywhere likely cost time, and are not seen.
_MOST = 16


def paint_backdrop(territory: Floats, fog: Floats, colours: Sequence[str]) -> bytes:
    """Paint the likeliest class's colour, the borders between classes, and hatching where there is fog.

    From probabilities (n, n, K) at n x n places that include the edges of the map, row 0 the lowest, and `fog` (n, n)
    from 0 where data are to 1 where none are: a translucent PNG of `SIDE` x `SIDE` pixels, its top row the highest.
    """
    probabilities, palette = _likely(np.asarray(territory, float), colours)
    chances = between(probabilities, SIDE)
    haze = np.clip(between(np.asarray(fog, float)[..., None], SIDE)[..., 0], 0, 1)
    order = np.sort(chances, axis=-1)
    lead = order[..., -1] - (order[..., -2] if order.shape[-1] > 1 else 0)
    tint = (_PALEST + (_FULLEST - _PALEST) * lead) * (1 - _VEIL * haze)
    lines = np.maximum(_BORDER * _border(lead) * (1 - _VEIL * haze), _HATCH * haze * _hatch())
    return _png(_over(lines, tint, palette[chances.argmax(-1)])[::-1])


def blank() -> bytes:
    """A backdrop with nothing on it."""
    return _png(np.zeros((1, 1, 4), np.uint8))


def between(nodes: Array, size: int) -> Array:
    """Values between n x n nodes (n, n, K), linearly, at ``size`` x ``size`` places from edge to edge."""
    count = len(nodes)
    place = np.linspace(0, count - 1, size)[:, None]
    weight = np.maximum(0, 1 - np.abs(place - np.arange(count)))
    values: Array = np.einsum("rn,nmk,cm->rck", weight, nodes, weight, optimize=True)
    return values


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def _likely(territory: Array, colours: Sequence[str]) -> tuple[Array, npt.NDArray[np.uint8]]:
    kept = np.sort(np.argsort(-territory.max((0, 1)), kind="stable")[:_MOST])
    palette = np.array([ImageColor.getrgb(colours[k])[:3] for k in kept], np.uint8)
    return territory[..., kept], palette


def _border(lead: Array) -> Array:
    """A line about three pixels wide where no class leads."""
    slope = np.hypot(*np.gradient(lead))
    line: Array = np.clip(2.0 - lead / (slope + 1e-6), 0, 1)
    return line


def _hatch() -> Array:
    row, column = np.indices((SIDE, SIDE))
    return ((row + column) % _HATCH_STEP < _HATCH_WIDTH).astype(float)


def _over(lines: Array, tint: Array, colour: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Grey lines over tinted ground, with straight alpha."""
    alpha = lines + tint * (1 - lines)
    share = np.divide(lines, alpha, out=np.zeros_like(lines), where=alpha > 0)[..., None]
    mixed = share * _GREY + (1 - share) * colour
    pixels: npt.NDArray[np.uint8] = np.rint(np.dstack([mixed, 255 * alpha])).astype(np.uint8)
    return pixels

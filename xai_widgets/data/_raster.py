"""Dice, polygons and pixels in integers alone, so that a picture is the same bits everywhere.

Image libraries scan-convert in floating point and change between versions. Here every coordinate is an
integer, a picture is one map of palette indices drawn `SAMPLES` times too large, and colours and part values
are both read from that one map.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Colour: TypeAlias = tuple[int, int, int]

SAMPLES = 4  # samples per pixel side
STEPS = 64  # fixed-point steps per sample
PITCH = SAMPLES * STEPS  # fixed-point steps per pixel side
TURN_ONE = 2**14  # the fixed-point one of SINES
_BEYOND = 2**31  # farther out than any vertex

# Streams of dice and noise are separate, so that one more draw in one of them moves nothing in another.
POSE, CLUTTER, CUE, NOISE = range(4)

# Only whole degrees are used. A test holds that no sine times TURN_ONE lies near a half, where libm could matter.
SINES: tuple[int, ...] = tuple(int(value) for value in np.rint(np.sin(np.deg2rad(np.arange(450))) * TURN_ONE))


class Dice:
    """Whole numbers from a key, the same in every version of Python.

    Only `random.Random.random` is used: its sequence is the one that Python's documentation guarantees.
    """

    def __init__(self, *key: int) -> None:
        self._next = random.Random(mix(key)).random  # noqa: S311 - drawing, not cryptography

    def between(self, low: int, high: int) -> int:
        """Draw a whole number from `low` to `high`, both included."""
        return low + int(self._next() * (high - low + 1))

    def chance(self, share: float) -> bool:
        """Draw True in a `share` of the cases."""
        return self._next() < share

    def shuffled(self, count: int) -> list[int]:
        """Draw an order of ``range(count)``."""
        order = list(range(count))
        for last in range(count - 1, 0, -1):
            other = self.between(0, last)
            order[last], order[other] = order[other], order[last]
        return order


def mix(key: Iterable[int]) -> int:
    """One number of 64 bits for a few; neighbouring keys give unlike numbers."""
    mixed = 0
    for value in key:
        mixed = (mixed ^ value) * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019
        mixed = (mixed ^ (mixed >> 29)) % 2**64
    return mixed


def sine(degrees: int) -> int:
    """Sine of a whole angle in units of ``1 / TURN_ONE``."""
    return SINES[degrees % 360]


def cosine(degrees: int) -> int:
    """Cosine of a whole angle in units of ``1 / TURN_ONE``."""
    return SINES[degrees % 360 + 90]


def ellipse(centre: tuple[int, int], radii: tuple[int, int], tilt: int = 0, corners: int = 24) -> Ints:
    """Corners ``(corners, 2)`` of an ellipse around ``centre = (x, y)``, turned clockwise by `tilt` degrees."""
    angles = range(0, 360, 360 // corners)
    ring = np.array([(radii[0] * cosine(a), radii[1] * sine(a)) for a in angles], dtype=np.int64) // TURN_ONE
    return turn(ring, tilt) + np.array(centre, dtype=np.int64)


def turn(points: Ints, degrees: int) -> Ints:
    """Points ``(N, 2)`` turned clockwise (y points down) around the origin."""
    c, s = cosine(degrees), sine(degrees)
    return points @ np.array(((c, s), (-s, c)), dtype=np.int64) // TURN_ONE


def fill(canvas: Bytes, polygon: Ints, value: int) -> None:
    """Write `value` into every sample of `canvas` ``(rows, columns)`` whose centre lies in the convex `polygon`.

    Corners ``(N, 2)`` are ``(x, y)``, in `STEPS` per sample; parts outside the canvas are cut off.
    """
    top, low = int(polygon[:, 1].min()), int(polygon[:, 1].max())
    first, last = max(top // STEPS, 0), min(low // STEPS + 1, canvas.shape[0])
    if first >= last:
        return
    starts, stops = _spans(polygon, np.arange(first, last, dtype=np.int64), canvas.shape[1])
    left, right = int(starts.min()), int(stops.max())
    if left < right:
        columns = np.arange(left, right, dtype=np.int32)
        inside = (columns >= starts[:, None]) & (columns < stops[:, None])
        np.copyto(canvas[first:last, left:right], np.uint8(value), where=inside)


def _spans(polygon: Ints, rows: Ints, columns: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """First column inside and first column after it, for every row; equal where the row is missed."""
    ends = np.concatenate((polygon[1:], polygon[:1]))
    down = (polygon[:, 1] <= ends[:, 1])[:, None]
    (xa, ya), (xb, yb) = np.where(down, polygon, ends).T, np.where(down, ends, polygon).T
    centres = (rows * STEPS + STEPS // 2)[:, None]
    crossed = (ya <= centres) & (centres < yb)
    # Upper end first, so that two polygons that share an edge get the same crossing.
    # Rounded up: a centre lies at or after the crossing just where it lies at or after this.
    across = xa - (ya - centres) * (xb - xa) // np.maximum(yb - ya, 1)
    bounds = (
        np.where(crossed, across, _BEYOND).min(axis=1),
        np.where(crossed, across, -_BEYOND).max(axis=1),
    )
    starts, stops = ((bound + STEPS // 2 - 1) // STEPS for bound in bounds)
    return starts.clip(0, columns).astype(np.int32), stops.clip(0, columns).astype(np.int32)


def colours(canvas: Bytes, palette: list[Colour]) -> Bytes:
    """Mean colour of every pixel, rounded half up: ``(H * SAMPLES, W * SAMPLES)`` to ``(H, W, 3)``."""
    # Four values of 255 need 10 bits, so that one addition sums red, green and blue of four rows.
    packed = np.array([(r << 20) | (g << 10) | b for r, g, b in palette], dtype=np.uint32)
    rows = packed[canvas].reshape(-1, SAMPLES, canvas.shape[1])
    rows = rows[:, 0] + rows[:, 1] + rows[:, 2] + rows[:, 3]
    means = [_mean_of_columns((rows >> shift) & 1023) for shift in (20, 10, 0)]
    return np.stack(means, axis=-1)


def _mean_of_columns(sums: npt.NDArray[Any]) -> Bytes:
    """Mean of four columns of sums over four rows, rounded half up."""
    four = sums.reshape(sums.shape[0], -1, SAMPLES)
    total = four[..., 0] + four[..., 1] + four[..., 2] + four[..., 3]
    means: Bytes = ((total + SAMPLES**2 // 2) // SAMPLES**2).astype(np.uint8)
    return means


def parts(canvas: Bytes, part_of: list[int]) -> Bytes:
    """Part value of every pixel, read where its centre is: never a mixture of two parts."""
    return np.array(part_of, dtype=np.uint8)[canvas[SAMPLES // 2 :: SAMPLES, SAMPLES // 2 :: SAMPLES]]


def noise(shape: tuple[int, ...], key: int, sigma: float) -> Ints:
    """Grey levels of nearly Gaussian noise with standard deviation `sigma`, the same bits everywhere.

    The sum of four 16-bit uniform integers, which splitmix64 makes of a counter.
    """
    count = int(np.prod(shape))
    bits = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    bits += np.uint64(key % 2**64)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    words = np.stack([(bits >> np.uint64(shift)) & np.uint64(0xFFFF) for shift in (0, 16, 32, 48)])
    centred = words.astype(np.int64).sum(axis=0) - 2 * 0xFFFF
    steps = 256 * 37837  # the deviation of a sum of four uniform 16-bit integers, in 256ths
    grain: Ints = (centred * round(sigma * 256) + steps // 2) // steps
    return grain.reshape(shape)

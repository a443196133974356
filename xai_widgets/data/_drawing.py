"""How a bird looks: its parts as convex polygons, and its colours.

Coordinates are thousandths of the picture's shorter side around its centre, x to the right and y down.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from xai_widgets.data._raster import Colour, Dice, Ints, ellipse

SLOTS: tuple[str, ...] = ("beak", "crest", "breast", "wing", "tail")
_PART_NAMES = (
    "background", "body", "head", "eye", "beak", "crest", "breast", "wing", "wing bar", "tail", "legs", "clutter",
    "cue",
)  # fmt: skip
PARTS: dict[str, int] = {name: value for value, name in enumerate(_PART_NAMES)}

# Okabe and Ito's colours, which colour-blind people tell apart too.
_BLACK: Colour = (0, 0, 0)
_ORANGE: Colour = (230, 159, 0)
_SKY_BLUE: Colour = (86, 180, 233)
_GREEN: Colour = (0, 158, 115)
_YELLOW: Colour = (240, 228, 66)
_BLUE: Colour = (0, 114, 178)
_VERMILLION: Colour = (213, 94, 0)
_PURPLE: Colour = (204, 121, 167)
LOUD = (_BLACK, _ORANGE, _SKY_BLUE, _GREEN, _YELLOW, _BLUE, _VERMILLION, _PURPLE)
LOUD_NAMES = ("black", "orange", "light blue", "green", "yellow", "blue", "red", "pink")
"""What people call them."""

CUE_FORMS = ("ring", "square", "triangle")
"""Each in all colours, one after the other."""

_WHITE: Colour = (250, 250, 246)
_DARK: Colour = (62, 54, 50)
_BARK: Colour = (116, 92, 74)
BODIES: tuple[Colour, ...] = (
    (158, 146, 134), (122, 132, 146), (150, 122, 98), (214, 200, 172), (104, 94, 90), (182, 148, 142),
)  # fmt: skip
SKIES: tuple[Colour, ...] = (
    (196, 213, 224), (236, 227, 210), (212, 207, 222), (206, 218, 206), (230, 210, 200), (224, 226, 228),
)  # fmt: skip
GROUNDS: tuple[Colour, ...] = (
    (142, 152, 118), (198, 182, 144), (166, 134, 114), (122, 140, 130), (184, 170, 116), (150, 146, 142),
)  # fmt: skip


class Shape(NamedTuple):
    """A convex polygon, in thousandths of the picture's shorter side around its centre, and its part."""

    part: int
    colour: Colour
    points: Ints


def _shape(part: str, colour: Colour, *corners: tuple[int, int]) -> Shape:
    return Shape(PARTS[part], colour, np.array(corners, dtype=np.int64))


def _round(part: str, colour: Colour, centre: tuple[int, int], radii: tuple[int, int], tilt: int = 0) -> Shape:
    return Shape(PARTS[part], colour, ellipse(centre, radii, tilt))


# Drawn facing right, y down. Areas of the variants of a slot, and of the slots, are as equal as looks allow.
_DRAWINGS: dict[str, tuple[tuple[Shape, ...], ...]] = {
    "beak": (
        (_shape("beak", _ORANGE, (214, -186), (408, -84), (214, -18)),),
        (_shape("beak", _BLUE, (214, -146), (424, -84), (430, -38), (214, -50)),),
        (
            _shape("beak", _VERMILLION, (214, -176), (340, -168), (390, -110), (214, -66)),
            _shape("beak", _VERMILLION, (300, -140), (392, -112), (378, 20), (346, -30)),
        ),
    ),
    "crest": (
        (_shape("crest", _VERMILLION, (66, -150), (190, -190), (120, -290), (-60, -372)),),
        (
            _shape("crest", _GREEN, (100, -190), (150, -190), (66, -360), (20, -332)),
            _shape("crest", _GREEN, (110, -190), (170, -190), (172, -376), (116, -376)),
            _shape("crest", _GREEN, (130, -190), (180, -190), (270, -332), (222, -360)),
        ),
        (
            _shape("crest", _PURPLE, (120, -190), (160, -190), (160, -270), (120, -270)),
            _round("crest", _PURPLE, (140, -312), (84, 70)),
        ),
    ),
    "breast": (
        (_round("breast", _YELLOW, (92, 82), (76, 88)),),
        (
            _shape("breast", _SKY_BLUE, (20, -12), (170, -12), (186, 44), (10, 44)),
            _shape("breast", _SKY_BLUE, (8, 92), (182, 92), (150, 148), (14, 148)),
        ),
        (_shape("breast", _VERMILLION, (92, -40), (186, 78), (92, 196), (2, 78)),),
    ),
    "wing": (
        (
            _round("wing", _BLUE, (-94, 40), (98, 64), 8),
            _shape("wing", _BLUE, (-110, -14), (-284, 98), (-110, 104)),
            _shape("wing bar", _WHITE, (-165, 62), (-20, 28), (-10, 56), (-175, 92)),
        ),
        (
            _round("wing", _PURPLE, (-114, 46), (94, 88)),
            _shape("wing bar", _WHITE, (-130, -20), (-98, -20), (-98, 112), (-130, 112)),
        ),
        (
            _shape("wing", _ORANGE, (-30, 40), (-140, 64), (-262, -160), (-222, -216), (-158, -188)),
            _shape("wing bar", _WHITE, (-94, -60), (-158, -4), (-172, -30), (-116, -88)),
        ),
    ),
    "tail": (
        (_shape("tail", _GREEN, (-190, -50), (-392, -14), (-408, 108), (-190, 100)),),
        (
            _shape("tail", _BLACK, (-190, 0), (-400, -90), (-416, -34), (-190, 70)),
            _shape("tail", _BLACK, (-190, 20), (-416, 114), (-396, 168), (-190, 90)),
        ),
        (_shape("tail", _SKY_BLUE, (-190, 20), (-330, -110), (-410, -30), (-410, 70), (-190, 80)),),
    ),
}  # fmt: skip
_LEGS = (
    _shape("legs", _DARK, (-42, 190), (-18, 190), (-18, 340), (-42, 340)),
    _shape("legs", _DARK, (22, 190), (46, 190), (46, 340), (22, 340)),
    _shape("legs", _DARK, (-48, 318), (16, 332), (16, 346), (-48, 346)),
    _shape("legs", _DARK, (16, 318), (80, 332), (80, 346), (16, 346)),
)
BRANCH = _shape("clutter", _BARK, (-620, 352), (620, 330), (620, 366), (-620, 398))
_EYE = (_round("eye", _WHITE, (172, -128), (36, 36)), _round("eye", _DARK, (180, -128), (20, 20)))


@lru_cache(maxsize=16)
def _trunk(body: int) -> tuple[tuple[Shape, ...], Shape]:
    """Body and neck, and the head, which is a little darker."""
    colour = BODIES[body]
    r, g, b = (value * 86 // 100 for value in colour)
    neck = _shape("body", colour, (-60, -95), (70, -190), (240, -60), (170, 110), (60, 140))
    return (_round("body", colour, (-40, 62), (232, 164)), neck), _round("head", (r, g, b), (140, -110), (124, 118))


def bird_shapes(variants: Mapping[str, int], body: int, tail_length: int) -> list[Shape]:
    """Give the bird back to front, without the slots that `variants` lacks."""
    drawn = {slot: _DRAWINGS[slot][variants[slot]] if slot in variants else () for slot in SLOTS}
    tail = [shape._replace(points=_lengthen(shape.points, tail_length)) for shape in drawn["tail"]]
    trunk, head = _trunk(body)
    middle = [*drawn["crest"], *trunk, head, *drawn["beak"], *drawn["breast"], *drawn["wing"]]
    return [*tail, *_LEGS, *middle, *_EYE]


def variant_colour(slot: str, variant: int) -> str:
    """What people call the colour of a variant."""
    return LOUD_NAMES[LOUD.index(_DRAWINGS[slot][variant][0].colour)]


def cue_name(cue: int) -> str:
    """What people call a cue."""
    return f"{LOUD_NAMES[cue % len(LOUD)]} {CUE_FORMS[cue // len(LOUD)]}"


def _lengthen(points: Ints, percent: int) -> Ints:
    """Stretch a tail away from its root."""
    root = -190
    return np.stack((root + (points[:, 0] - root) * percent // 100, points[:, 1]), axis=1)


def blob(dice: Dice) -> Shape:
    """Give a bit of clutter in the colour of some deciding part: colour alone tells nothing."""
    colour = LOUD[dice.between(0, len(LOUD) - 1)]
    centre = dice.between(-480, 480), dice.between(-480, 480)
    radii = dice.between(45, 80), dice.between(45, 80)
    tilt, corners = dice.between(0, 359), (3, 4, 24)[dice.between(0, 2)]
    return Shape(PARTS["clutter"], colour, ellipse(centre, radii, tilt, corners))


def cue_shapes(cue: int) -> list[Shape]:
    """Give a frame on a pale disc around ``(0, 0)``: a ring in eight colours, then a square, then a triangle."""
    corners, radius, tilt = ((24, 72, 0), (4, 84, 45), (3, 92, 30))[cue // len(LOUD)]
    frame = ellipse((0, 0), (radius, radius), tilt, corners)
    return [
        _round("cue", _WHITE, (0, 0), (92, 92)),
        Shape(PARTS["cue"], LOUD[cue % len(LOUD)], frame),
        _round("cue", _WHITE, (0, 0), (30, 30)),
    ]

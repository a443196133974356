"""The field guide: drawn birds of which everything is known.

What a bird is (species: five slots of three variants) and what it merely happens to be (individual: pose,
background, clutter) are apart, so that part masks, deciding parts and true counterfactuals are exact. A scene
comes first and its pixels second; both are the same on every platform.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from operator import index
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from xai_widgets.data import _drawing, _raster
from xai_widgets.data._drawing import PARTS, SLOTS, Shape
from xai_widgets.data._raster import Bytes, Dice, Ints
from xai_widgets.errors import PictureError

__all__ = [
    "PARTS", "SLOTS", "SLOT_PARTS", "SPECIES", "Bird", "Species", "Traits", "contact_sheet", "differing_slots",
    "minimal_sufficient_slots", "possible_species", "render",
]  # fmt: skip

VARIANTS = 3
SLOT_PARTS: dict[str, tuple[str, ...]] = {slot: (slot,) for slot in SLOTS} | {"wing": ("wing", "wing bar")}
SMALLEST = 16  # pixels of a side; below that the parts are lost


class Species(NamedTuple):
    """A name, and the variant (0, 1 or 2) of every slot, in the order of `SLOTS`."""

    name: str
    variants: tuple[int, int, int, int, int]


# Found by search: any two species differ in two slots or more, every slot has its variants equally often (also among
# the first eight), and the slots take about equal parts in the smallest sets that tell a species. Tests hold this.
SPECIES: tuple[Species, ...] = (
    Species("ember finch", (0, 1, 2, 1, 1)),
    Species("moss tanager", (1, 1, 0, 2, 0)),
    Species("harbour wren", (0, 2, 2, 2, 1)),
    Species("lantern jay", (1, 1, 2, 1, 0)),
    Species("meadow bunting", (2, 2, 0, 0, 2)),
    Species("copper lark", (2, 0, 1, 1, 0)),
    Species("juniper oriole", (2, 2, 1, 0, 1)),
    Species("pebble thrush", (1, 0, 0, 0, 2)),
    Species("saffron siskin", (2, 1, 2, 0, 1)),
    Species("willow chat", (0, 0, 1, 2, 2)),
    Species("thistle robin", (1, 2, 2, 2, 0)),
    Species("marble pipit", (2, 0, 2, 1, 2)),
    Species("clover tit", (0, 0, 1, 1, 1)),
    Species("amber starling", (0, 1, 1, 0, 0)),
    Species("cinder warbler", (0, 1, 0, 0, 2)),
    Species("orchard swift", (1, 0, 0, 1, 0)),
    Species("velvet sparrow", (1, 2, 1, 2, 2)),
    Species("fern grosbeak", (2, 2, 0, 1, 0)),
    Species("quartz swallow", (0, 2, 1, 1, 0)),
    Species("heather cuckoo", (1, 0, 2, 0, 1)),
    Species("maple hoopoe", (2, 1, 0, 2, 2)),
    Species("coral kinglet", (0, 0, 2, 0, 2)),
    Species("tundra plover", (2, 1, 1, 2, 1)),
    Species("cobalt shrike", (1, 2, 0, 2, 1)),
)


def differing_slots(a: int, b: int) -> tuple[str, ...]:
    """Slots in which species `a` and `b` differ: the parts that decide between the two."""
    pairs = zip(SLOTS, SPECIES[a].variants, SPECIES[b].variants, strict=True)
    return tuple(slot for slot, one, other in pairs if one != other)


def possible_species(visible: Mapping[str, int], count: int = len(SPECIES)) -> tuple[int, ...]:
    """Species among the first `count` that have all the `visible` variants, a mapping of slot to variant."""
    wanted = [(SLOTS.index(slot), variant) for slot, variant in visible.items()]
    return tuple(k for k in range(count) if all(SPECIES[k].variants[i] == v for i, v in wanted))


def minimal_sufficient_slots(species: int, count: int = len(SPECIES)) -> tuple[tuple[str, ...], ...]:
    """All sets of slots that tell `species` from the others of the first `count`, and no part of which does.

    Smallest sets first; there is always at least one, because any two species differ in two slots.
    """
    own = dict(zip(SLOTS, SPECIES[species].variants, strict=True))
    found: list[tuple[str, ...]] = []
    for size in range(1, len(SLOTS) + 1):
        for slots in combinations(SLOTS, size):
            smaller = any(set(known) <= set(slots) for known in found)
            if not smaller and possible_species({slot: own[slot] for slot in slots}, count) == (species,):
                found.append(slots)
    return tuple(found)


@dataclass(frozen=True)
class Traits:
    """What an individual happens to be, whatever its species: everything a classifier should ignore.

    Angle in degrees, scale and tail length in per cent, shifts and horizon in thousandths of the picture's
    shorter side and height, body, sky and ground as numbers of a colour, clutter as a number of blobs.
    """

    flip: bool
    angle: int
    scale: int
    shift_x: int
    shift_y: int
    body: int
    sky: int
    ground: int
    horizon: int
    branch: bool
    tail_length: int
    clutter: int


@dataclass(frozen=True)
class Bird:
    """A scene: one individual of one species.

    Parameters
    ----------
    species
        Number of the species, 0 to 23.
    individual
        Which bird of it, 0 or more. The same individual of another species differs in the slots alone.
    seed
        Which endless sequence of individuals, 0 or more.
    """

    species: int
    individual: int
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.species < len(SPECIES):
            raise PictureError(f"species is {self.species}; there are 0 to {len(SPECIES) - 1}")
        if self.individual < 0 or self.seed < 0:
            raise PictureError(f"individual {self.individual} and seed {self.seed} must both be 0 or more")

    @property
    def variants(self) -> dict[str, int]:
        """Variant of every slot."""
        return dict(zip(SLOTS, SPECIES[self.species].variants, strict=True))

    @property
    def traits(self) -> Traits:
        """Pose, colours and background; they depend on individual and seed only."""
        return _traits(self.individual, self.seed)

    def as_species(self, species: int) -> Bird:
        """Give the same individual as another species: its true counterfactual once rendered."""
        return replace(self, species=species)


# Separate streams, so that one more draw in one of them moves nothing in another.
_POSE, _CLUTTER, _CUE, _NOISE = range(4)


@lru_cache(maxsize=1024)
def _traits(individual: int, seed: int) -> Traits:
    dice = Dice(seed, individual, _POSE)
    return Traits(
        flip=dice.chance(0.5),
        angle=dice.between(-15, 15),
        scale=dice.between(85, 115),
        shift_x=dice.between(-30, 30),
        shift_y=dice.between(0, 50),
        body=dice.between(0, len(_drawing.BODIES) - 1),
        sky=dice.between(0, len(_drawing.SKIES) - 1),
        ground=dice.between(0, len(_drawing.GROUNDS) - 1),
        horizon=dice.between(560, 800),
        branch=dice.chance(0.5),
        tail_length=dice.between(80, 115),
        clutter=dice.between(0, 4),
    )


class _Camera:
    """Places shapes, given in thousandths of the shorter side, on the sample grid of a picture."""

    def __init__(self, height: int, width: int, traits: Traits) -> None:
        self.side = min(height, width) * _raster.PITCH
        self.middle = np.array((width, height), dtype=np.int64) * _raster.PITCH // 2
        self.corner = np.array((0, height), dtype=np.int64) * _raster.PITCH
        self.traits = traits

    def posed(self, points: Ints) -> Ints:
        """Mirror, turn, scale and shift, around the middle."""
        t = self.traits
        c, s = _raster.cosine(t.angle) * t.scale, _raster.sine(t.angle) * t.scale
        mirror = -1 if t.flip else 1
        turned = points @ np.array(((mirror * c, mirror * s), (-s, c)), dtype=np.int64)
        one = 100 * _raster.TURN_ONE
        shift = np.array((t.shift_x, t.shift_y), dtype=np.int64) * one
        return (turned + shift) * self.side // (1000 * one) + self.middle

    def plain(self, points: Ints) -> Ints:
        """Around the middle, whatever the pose of the bird."""
        return points * self.side // 1000 + self.middle

    def cornered(self, points: Ints, x: int, y: int) -> Ints:
        """Around the point `x` to the right of the lower left corner and `y` above it."""
        return (points + np.array((x, -y), dtype=np.int64)) * self.side // 1000 + self.corner


class _Painting:
    """A map of palette indices, with the colour and the part that each index stands for."""

    def __init__(self, height: int, width: int, traits: Traits) -> None:
        self.canvas = np.zeros((height * _raster.SAMPLES, width * _raster.SAMPLES), dtype=np.uint8)
        self.canvas[len(self.canvas) * traits.horizon // 1000 :] = 1
        self.palette = [_drawing.SKIES[traits.sky], _drawing.GROUNDS[traits.ground]]
        self.part_of = [PARTS["background"]] * 2

    def add(self, shapes: list[Shape], points: Ints) -> None:
        """Draw `shapes`, whose placed corners follow one another in `points`."""
        start = 0
        for shape in shapes:
            stop = start + len(shape.points)
            _raster.fill(self.canvas, points[start:stop], len(self.palette))
            self.palette.append(shape.colour)
            self.part_of.append(shape.part)
            start = stop


def render(
    bird: Bird,
    size: int | tuple[int, int] = 64,
    *,
    drop: Collection[str] = (),
    swap: Mapping[str, int] | None = None,
    cue: int | None = None,
    noise: float = 0.0,
) -> tuple[Bytes, Bytes]:
    """Draw a bird.

    Parameters
    ----------
    bird
        The scene.
    size
        Pixels of a side, or ``(height, width)``; 16 or more. The bird keeps its proportions.
    drop
        Slots to leave out.
    swap
        Variant, 0 to 2, of slots to draw in another than the bird's own.
    cue
        Number of the species whose cue, which has nothing to do with the bird, is drawn in the lower left corner.
    noise
        Standard deviation, in grey levels of 0 to 255, of noise added to every value.

    Returns
    -------
    tuple of numpy.ndarray
        Colours uint8 ``(H, W, 3)``, and the part of every pixel uint8 ``(H, W)``, as numbered in `PARTS`.

    Raises
    ------
    PictureError
        If a size, slot, variant, cue or noise is not one of these.
    """
    height, width = checked_size(size)
    _check(drop, swap or {}, cue, noise)
    painting = _Painting(height, width, bird.traits)
    _paint(painting, _Camera(height, width, bird.traits), bird, _visible(bird, drop, swap or {}))
    if cue is not None:
        _paint_cue(painting, _Camera(height, width, bird.traits), bird, cue)
    return _developed(painting, bird, noise)


def _visible(bird: Bird, drop: Collection[str], swap: Mapping[str, int]) -> dict[str, int]:
    """Variants of the slots that are drawn."""
    return {slot: swap.get(slot, own) for slot, own in bird.variants.items() if slot not in drop}


def _paint(painting: _Painting, camera: _Camera, bird: Bird, variants: Mapping[str, int]) -> None:
    """Clutter first, in the colours of the deciding parts, then the bird in front of it."""
    traits = bird.traits
    dice = Dice(bird.seed, bird.individual, _CLUTTER)
    blobs = [_drawing.blob(dice) for _ in range(traits.clutter)]
    if blobs:
        painting.add(blobs, camera.plain(_corners(blobs)))
    shapes = _drawing.bird_shapes(variants, traits.body, traits.tail_length)
    shapes = [_drawing.BRANCH, *shapes] if traits.branch else shapes
    painting.add(shapes, camera.posed(_corners(shapes)))


def _paint_cue(painting: _Painting, camera: _Camera, bird: Bird, cue: int) -> None:
    dice = Dice(bird.seed, bird.individual, _CUE)
    shapes = _drawing.cue_shapes(cue)
    points = camera.cornered(_corners(shapes), dice.between(105, 140), dice.between(105, 130))
    painting.add(shapes, points)


def _corners(shapes: list[Shape]) -> Ints:
    return np.concatenate([shape.points for shape in shapes])


def _developed(painting: _Painting, bird: Bird, noise: float) -> tuple[Bytes, Bytes]:
    """Pixels of a painting; the noise belongs to the individual, so that a counterfactual shares it."""
    rgb = _raster.colours(painting.canvas, painting.palette)
    if noise:
        grain = _raster.noise(rgb.shape, _raster.mix((bird.seed, bird.individual, _NOISE)), noise)
        rgb = (rgb + grain).clip(0, 255).astype(np.uint8)
    return rgb, _raster.parts(painting.canvas, painting.part_of)


def checked_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width of a `size`, or a PictureError."""
    height, width = (size, size) if isinstance(size, int) else size
    if min(index(height), index(width)) < SMALLEST:
        raise PictureError(f"size is {size}; a side needs {SMALLEST} pixels or more")
    return height, width


def _check(drop: Collection[str], swap: Mapping[str, int], cue: int | None, noise: float) -> None:
    unknown = sorted((set(drop) | set(swap)) - set(SLOTS))
    if unknown:
        raise PictureError(f"there is no slot {unknown[0]!r}; there are {', '.join(SLOTS)}")
    for slot, variant in swap.items():
        if variant not in range(VARIANTS):
            raise PictureError(f"variant of {slot} is {variant}; there are 0 to {VARIANTS - 1}")
    if cue is not None and cue not in range(len(SPECIES)):
        raise PictureError(f"cue is {cue}; there are 0 to {len(SPECIES) - 1}")
    check_noise(noise)


def check_noise(noise: float) -> None:
    """Raise a PictureError where `noise` is no standard deviation of grey levels."""
    if not 0 <= noise <= 255:
        raise PictureError(f"noise is {noise}; it is a standard deviation of 0 to 255 grey levels")


def contact_sheet(species: int = 8, columns: int = 6, size: int = 96) -> Image.Image:
    """Draw a row of individuals for each of the first `species`, under its name.

    Parameters
    ----------
    species
        Number of rows, 1 to 24.
    columns
        Individuals in a row, the same ones in every row.
    size
        Pixels of a side of each picture.

    Raises
    ------
    PictureError
        If there are not so many species, or no columns.
    """
    if not 1 <= species <= len(SPECIES) or columns < 1:
        raise PictureError(f"{species} species in {columns} columns: 1 to {len(SPECIES)} and 1 or more are needed")
    gap, caption = 6, 16
    sheet = Image.new("RGB", (columns * (size + gap) + gap, species * (size + gap + caption) + gap), "white")
    pen = ImageDraw.Draw(sheet)
    for row in range(species):
        top = gap + row * (size + gap + caption)
        pen.text((gap, top), SPECIES[row].name, fill="black")
        for column in range(columns):
            rgb, _ = render(Bird(row, column), size)
            sheet.paste(Image.fromarray(rgb), (gap + column * (size + gap), top + caption))
    return sheet

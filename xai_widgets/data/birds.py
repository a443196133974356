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

from PIL import Image, ImageDraw

from xai_widgets.data import _drawing
from xai_widgets.data._drawing import PARTS, SLOTS
from xai_widgets.data._painting import POSE, Camera, Painting, paint_bird, paint_branch, paint_clutter, paint_cue
from xai_widgets.data._raster import Bytes, Dice
from xai_widgets.errors import PictureError

__all__ = [
    "PARTS", "SLOTS", "SLOT_PARTS", "SPECIES", "Bird", "Species", "Traits", "contact_sheet", "differing_slots",
    "minimal_sufficient_slots", "pair", "possible_species", "render",
]  # fmt: skip

VARIANTS = 3
"""Of each slot."""

SLOT_PARTS: dict[str, tuple[str, ...]] = {slot: (slot,) for slot in SLOTS} | {"wing": ("wing", "wing bar")}
"""The parts that belong to each slot."""
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
"""All 24; a data set of n species has the first n."""


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


@lru_cache(maxsize=1024)
def _traits(individual: int, seed: int) -> Traits:
    dice = Dice(seed, individual, POSE)
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
    painting = Painting(height, width, bird.traits)
    camera = Camera(height, width, bird.traits)
    paint_clutter(painting, camera, bird)
    paint_branch(painting, camera, bird)
    paint_bird(painting, camera, bird, _visible(bird, drop, swap or {}))
    if cue is not None:
        paint_cue(painting, camera, bird, cue)
    return painting.colours(bird, noise), painting.parts()


def pair(
    a: Bird, b: Bird, size: int | tuple[int, int] = (64, 128), *, noise: float = 0.0
) -> tuple[Bytes, tuple[Bytes, Bytes]]:
    """Draw two birds side by side in one picture: each in its half as `render` would draw it there.

    Sky, ground, horizon and noise are those of the first, clutter is that of both, and there is no branch.

    Parameters
    ----------
    a, b
        The birds on the left and on the right.
    size
        Pixels of a side, or ``(height, width)``; each half is 16 pixels wide or more.
    noise
        As for `render`.

    Returns
    -------
    tuple
        Colours uint8 ``(H, W, 3)``, and for each bird its parts uint8 ``(H, W)``, as numbered in `PARTS`; the other
        bird is background there.

    Raises
    ------
    PictureError
        If the size or the noise is not one of these.
    """
    height, width = checked_size(size)
    checked_size((height, width // 2))
    check_noise(noise)
    painting = Painting(height, width, a.traits)
    half = width // 2
    cameras = [Camera(height, half, bird.traits, left=left) for bird, left in ((a, 0), (b, half))]
    for bird, camera in zip((a, b), cameras, strict=True):
        paint_clutter(painting, camera, bird)
    first, second = (
        paint_bird(painting, camera, bird, bird.variants) for bird, camera in zip((a, b), cameras, strict=True)
    )
    return painting.colours(a, noise), (painting.parts(hidden=second), painting.parts(hidden=first))


def _visible(bird: Bird, drop: Collection[str], swap: Mapping[str, int]) -> dict[str, int]:
    """Variants of the slots that are drawn."""
    return {slot: swap.get(slot, own) for slot, own in bird.variants.items() if slot not in drop}


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

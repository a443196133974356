"""What a bird is: its species, of which everything is known, and what an individual merely happens to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from xai_widgets.data import _drawing
from xai_widgets.data._drawing import SLOTS
from xai_widgets.data._raster import POSE, Dice
from xai_widgets.errors import PictureError

VARIANTS = 3
"""Of each slot."""

SLOT_PARTS: dict[str, tuple[str, ...]] = {slot: (slot,) for slot in SLOTS} | {"wing": ("wing", "wing bar")}
"""The parts that belong to each slot."""


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


POSE_TRAITS = ("flip", "angle", "scale", "shift_x", "shift_y")
BACKGROUND_TRAITS = ("sky", "ground", "horizon")
"""The traits that can be those of another individual."""


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
    pose, background
        Another individual whose pose it has, or whose sky, ground and horizon are behind it; None for its own.
    """

    species: int
    individual: int
    seed: int = 0
    pose: int | None = None
    background: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.species < len(SPECIES):
            raise PictureError(f"species is {self.species}, but must be 0 to {len(SPECIES) - 1}")
        if self.individual < 0 or self.seed < 0:
            raise PictureError(f"individual {self.individual} and seed {self.seed} must both be 0 or more")
        if min(self.pose or 0, self.background or 0) < 0:
            raise PictureError(f"individuals of pose {self.pose} and background {self.background} must be 0 or more")

    @property
    def variants(self) -> dict[str, int]:
        """Variant of every slot."""
        return dict(zip(SLOTS, SPECIES[self.species].variants, strict=True))

    @property
    def traits(self) -> Traits:
        """Pose, colours and background; they depend on the individuals and the seed only."""
        own = _traits(self.individual, self.seed)
        for names, other in ((POSE_TRAITS, self.pose), (BACKGROUND_TRAITS, self.background)):
            if other is not None:
                own = replace(own, **{name: getattr(_traits(other, self.seed), name) for name in names})
        return own

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

"""One drawn picture that can be drawn anew with one thing changed: the experiment that tells cause from company."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count, islice
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils.data import Subset

from xai_widgets.data._drawing import cue_name, variant_colour
from xai_widgets.data.birds import SLOTS, VARIANTS, Bird, possible_species, render
from xai_widgets.errors import PictureError
from xai_widgets.names import UNKNOWN, closest

RING, BACKGROUND, POSE = "ring", "background", "pose"
TRAITS = (*SLOTS, RING, BACKGROUND, POSE)
"""What can be changed of a drawn bird."""

OTHERS = 5
"""So many other individuals are offered for background and pose; there are six skies."""

_SEEN_MOST = {BACKGROUND: ("sky",), POSE: ("flip", "angle")}

WITHOUT = None
"""The value of a slot that is left out, and of no ring."""

_KEPT = 64


class Option(NamedTuple):
    """One value of a trait, and what people call it."""

    value: int | None
    name: str


@dataclass(frozen=True)
class Altered:
    """A bird of the field guide, as it is or with some traits changed; nothing is drawn before it is asked for.

    Parameters
    ----------
    bird
        The scene.
    size
        Height and width.
    species
        Number of classes of the set that it comes from.
    variants
        The variant of each slot, in the order of `SLOTS`; None for a slot that is left out.
    cue
        The species whose ring is there, or None.
    noise
        As for `render`.

    Examples
    --------
    >>> scene = BirdPictures(10).altered(3)
    >>> pixels, parts = scene.with_("beak", 2).draw()
    """

    bird: Bird
    size: tuple[int, int]
    species: int
    variants: tuple[int | None, ...]
    cue: int | None = None
    noise: float = 0.0

    def choices(self) -> dict[str, tuple[Option, ...]]:
        """What each trait can be, by its name."""
        slots = {slot: _variants_of(slot) for slot in SLOTS}
        rings = (Option(WITHOUT, "no ring"), *(Option(k, cue_name(k)) for k in range(self.species)))
        return slots | {RING: rings} | {trait: self._individuals(trait) for trait in (BACKGROUND, POSE)}

    def value(self, trait: str) -> int | None:
        """What a trait is now."""
        closest(trait, TRAITS, "trait")
        if trait in SLOTS:
            return self.variants[SLOTS.index(trait)]
        if trait == RING:
            return self.cue
        other = self.bird.pose if trait == POSE else self.bird.background
        return self.bird.individual if other is None else other

    def with_(self, trait: str, value: int | None) -> Altered:
        """The same with one trait changed.

        Raises
        ------
        XaiWidgetsError
            If there is no such trait.
        PictureError
            If it cannot have that value.
        """
        closest(trait, TRAITS, "trait")
        if value not in [option.value for option in self.choices()[trait]]:
            raise PictureError(f"{trait} is {value!r}, and must be one of those of choices()[{trait!r}]")
        if trait in SLOTS:
            at = SLOTS.index(trait)
            return replace(self, variants=(*self.variants[:at], value, *self.variants[at + 1 :]))
        if trait == RING:
            return replace(self, cue=value)
        changed: dict[str, Any] = {trait: None if value == self.bird.individual else value}
        return replace(self, bird=replace(self.bird, **changed))

    def draw(self) -> tuple[Tensor, Any]:
        """The picture, float32 ``(3, H, W)`` in [0, 1], and the part of every pixel ``(H, W)``; see `render`."""
        return _drawn(self)

    @property
    def label(self) -> int:
        """The only species that the slots leave possible; -1 if there is no such species, or more than one."""
        seen = {slot: variant for slot, variant in zip(SLOTS, self.variants, strict=True) if variant is not None}
        possible = possible_species(seen, self.species)
        return possible[0] if len(possible) == 1 else UNKNOWN

    def _individuals(self, trait: str) -> tuple[Option, ...]:
        """The individual itself, and others."""
        own = replace(self.bird, pose=None, background=None)
        others = islice(_unlike(own, trait), OTHERS)
        return (Option(own.individual, f"own {trait}"), *(Option(k, f"{trait} {n}") for n, k in enumerate(others, 1)))


@runtime_checkable
class DrawsAnew(Protocol):
    """A picture set that knows how its pictures were made."""

    def altered(self, index: int, /) -> Altered:
        """The picture, to be drawn anew with something changed."""


def scene_of(pictures: Any, index: int) -> Altered | None:
    """How a picture of a set was made; None if the set does not know."""
    while isinstance(pictures, Subset):
        pictures, index = pictures.dataset, pictures.indices[index]
    altered = getattr(pictures, "altered", None)
    return altered(index) if callable(altered) else None


def _variants_of(slot: str) -> tuple[Option, ...]:
    named = [Option(variant, f"{variant_colour(slot, variant)} {slot}") for variant in range(VARIANTS)]
    return (*named, Option(WITHOUT, f"without {slot}"))


def _unlike(bird: Bird, trait: str) -> Iterator[int]:
    """Individuals after a bird of which each differs from it, and from those before, in what is seen most."""
    seen = {tuple(getattr(bird.traits, name) for name in _SEEN_MOST[trait])}
    for step in count(1):
        other = replace(bird, individual=bird.individual + step)
        look = tuple(getattr(other.traits, name) for name in _SEEN_MOST[trait])
        if look not in seen:
            seen.add(look)
            yield other.individual


@lru_cache(maxsize=_KEPT)
def _drawn(scene: Altered) -> tuple[Tensor, Any]:
    slots = dict(zip(SLOTS, scene.variants, strict=True))
    swap = {slot: variant for slot, variant in slots.items() if variant is not None}
    drop = [slot for slot, variant in slots.items() if variant is None]
    rgb, parts = render(scene.bird, scene.size, drop=drop, swap=swap, cue=scene.cue, noise=scene.noise)
    return torch.from_numpy(rgb.copy()).permute(2, 0, 1).contiguous().float() / 255, parts

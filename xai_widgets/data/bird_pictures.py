"""The field guide as a torch data set: honest, cheating, or with parts left out."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from xai_widgets.data._raster import Dice
from xai_widgets.data.alterations import Altered
from xai_widgets.data.birds import PARTS, SLOTS, SPECIES, Bird, check_noise, checked_size, possible_species, render
from xai_widgets.errors import PictureError
from xai_widgets.limits import OrNone, Real, Whole

# Streams of random draws, apart from those of a bird's own traits.
_LABELS, _CHEATS, _DROPS = 101, 102, 103
_MOST_DROPPED = 3

_COUNT, _SPECIES = Whole(1, 10**6, error=PictureError), Whole(2, len(SPECIES), error=PictureError)
_SEED, _SHARE = Whole(0, 2**63 - 1, error=PictureError), Real(0, 1, error=PictureError)


class BirdPictures(Dataset[tuple[Tensor, int]]):
    """Drawn birds and their species.

    Item ``i`` is a picture, float32 ``(3, H, W)`` in ``[0, 1]``, with its species as an int. A picture is drawn when
    it is first asked for and then kept as uint8. Item ``i`` depends on ``first + i`` and the other parameters
    only: two sets whose ranges of individuals do not overlap share no picture, and the species are equally
    frequent in every whole run of individuals.

    Parameters
    ----------
    count
        Number of pictures, 1 to a million.
    species
        Number of classes, 2 to 24.
    size
        Pixels of a side, or ``(height, width)``.
    seed
        Which endless sequence of individuals.
    first
        First individual of it.
    cheat
        None for no cue. Else the share of pictures, 0 to 1, whose cue is that of the bird's species; the others
        carry the cue of another species.
    drop
        Share of pictures, 0 to 1, in which one to three slots are left out.
    noise
        Standard deviation of noise, in grey levels of 0 to 255.

    Raises
    ------
    PictureError
        If a parameter is outside its range.
    """

    def __init__(
        self,
        count: int,
        *,
        species: int = 8,
        size: int | tuple[int, int] = 64,
        seed: int = 0,
        first: int = 0,
        cheat: float | None = None,
        drop: float = 0.0,
        noise: float = 0.0,
    ) -> None:
        self.species, self.size = _SPECIES("species", species), checked_size(size)
        self.seed, self.first = _SEED("seed", seed), _SEED("first", first)
        self.cheat, self.drop = OrNone(_SHARE)("cheat", cheat), _SHARE("drop", drop)
        self.noise = check_noise(noise)
        self.class_names = [kind.name for kind in SPECIES[: self.species]]
        self.part_names = tuple(PARTS)
        self.labels = [_label(self.first + i, self.species, self.seed) for i in range(_COUNT("count", count))]
        self._drawn: dict[int, npt.NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        i = self._checked(index)
        if i not in self._drawn:
            self._drawn[i] = np.ascontiguousarray(self._render(i)[0].transpose(2, 0, 1))
        return torch.from_numpy(self._drawn[i]).float() / 255, self.labels[i]

    def bird(self, index: int) -> Bird:
        """Scene of a picture."""
        i = self._checked(index)
        return Bird(self.labels[i], self.first + i, self.seed)

    def altered(self, index: int) -> Altered:
        """Scene of a picture, from which it can be drawn anew with something changed."""
        bird, gone = self.bird(index), self.dropped(index)
        variants = tuple(None if slot in gone else variant for slot, variant in bird.variants.items())
        return Altered(bird, self.size, self.species, variants, self.cue(index), self.noise)

    def part_map(self, index: int) -> npt.NDArray[np.uint8]:
        """Part of every pixel, uint8 ``(H, W)``, as numbered in `xai_widgets.data.birds.PARTS`."""
        return self._render(self._checked(index))[1]

    def cue(self, index: int) -> int | None:
        """Species whose cue a picture carries; None in an honest set."""
        if self.cheat is None:
            return None
        i = self._checked(index)
        dice = Dice(self.seed, self.first + i, _CHEATS)
        other = (self.labels[i] + dice.between(1, self.species - 1)) % self.species
        return self.labels[i] if dice.chance(self.cheat) else other

    def dropped(self, index: int) -> tuple[str, ...]:
        """Slots that are left out of a picture."""
        dice = Dice(self.seed, self.first + self._checked(index), _DROPS)
        if not dice.chance(self.drop):
            return ()
        gone = dice.shuffled(len(SLOTS))[: dice.between(1, _MOST_DROPPED)]
        return tuple(SLOTS[slot] for slot in sorted(gone))

    def soft_target(self, index: int) -> Tensor:
        """Give float32 ``(species,)``: equal shares for the species that the drawn slots leave possible."""
        gone = self.dropped(index)
        seen = {slot: variant for slot, variant in self.bird(index).variants.items() if slot not in gone}
        possible = possible_species(seen, self.species)
        target = torch.zeros(self.species)
        target[list(possible)] = 1 / len(possible)
        return target

    def _checked(self, index: int) -> int:
        """Count from the end where negative; an IndexError ends a for loop over the set."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"picture {index} of {len(self)}")
        return int(index) % len(self)

    def _render(self, i: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        return render(self.bird(i), self.size, drop=self.dropped(i), cue=self.cue(i), noise=self.noise)


def _label(individual: int, species: int, seed: int) -> int:
    """Every run of `species` individuals has each species once, in an order of its own."""
    run, place = divmod(individual, species)
    return _order(run, species, seed)[place]


@lru_cache(maxsize=256)
def _order(run: int, species: int, seed: int) -> tuple[int, ...]:
    return tuple(Dice(seed, run, species, _LABELS).shuffled(species))

"""The pictures that people choose from in a widget: unseen ones of a study, or their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any, Protocol, Self
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.names import UNKNOWN, Target, class_name, find_class
from xai_widgets.pictures import KnowsParts, PictureSet, draw, item, known_labels, load

POOL = 300
"""So many unseen pictures can be chosen from."""

OWN, MISSED, MISTAKEN, EVERYTHING = "of this class", "not recognised", "mistaken for this class", "all classes"
KINDS_SHOWN = (OWN, MISSED, MISTAKEN, EVERYTHING)
NOT_KNOWN = "all pictures; their classes are unknown"
"""What is said in their place of pictures without labels."""


class Classifier(Protocol):
    """What a pool needs of a study."""

    test: PictureSet
    class_names: tuple[str, ...]
    guests: dict[int, Guest]

    def predict(self, pictures: Tensor) -> Tensor:
        """Probabilities ``(N, K)`` of pictures."""

    def check(self, pictures: Tensor) -> Tensor:
        """The pictures as a batch, or an error that says what is wrong with them."""


@dataclass(eq=False)
class Guest:
    """A picture that somebody brings while looking: no fit, no score and no measure ever sees it.

    Attributes
    ----------
    title
        What it is called.
    label
        Its class, or -1 where that is not known.
    draw
        Gives the picture ``(C, H, W)``, and the part of every pixel ``(H, W)`` or None; called whenever it is needed.
    offered
        Whether it can be chosen. One that was replaced is no longer offered, and still there for what shows it.
    scene
        What it was drawn from, if that can be drawn anew.
    """

    title: str
    label: int
    draw: Callable[[], tuple[Tensor, Any]]
    offered: bool = True
    scene: object = None


class Shelf(dict[int, Tensor]):
    """Pictures of a set by index, each read when it is first needed: of many that can be chosen few are looked at."""

    def __init__(self, pictures: PictureSet) -> None:
        super().__init__()
        self.pictures = pictures

    def __missing__(self, index: int) -> Tensor:
        picture = load(self.pictures, [index])[0][0]
        shapes = {tuple(each.shape) for each in (picture, *islice(self.values(), 1))}
        if len(shapes) > 1:
            raise PictureError(f"pictures of one set must share one shape, but some of these have {sorted(shapes)}")
        self[index] = picture
        return picture

    @classmethod
    def of(cls, study: Classifier) -> Shelf:
        """The one of a study's unseen pictures, which all of its pools share."""
        known = _SHELVES.get(study)
        if known is None or known.pictures is not study.test:
            known = _SHELVES[study] = cls(study.test)
        return known


_SHELVES: WeakKeyDictionary[Classifier, Shelf] = WeakKeyDictionary()


@dataclass(eq=False)
class Pool:
    """Pictures to choose from.

    Attributes
    ----------
    study
        The classifier that they are for.
    indices
        Their indices in ``study.test``; 0, 1, 2, ... for the user's own pictures; those of guests lie beyond.
    shelf
        The pictures ``(C, H, W)`` by index, without guests.
    labels
        For each of the indices; -1 where the class is not known, as for the user's own pictures.
    own
        Whether they are somebody's own pictures.
    guests
        Those of ``study.guests``: pictures that were added later, by index.
    """

    study: Classifier
    indices: list[int]
    shelf: dict[int, Tensor]
    labels: Tensor
    own: bool = False
    guests: dict[int, Guest] = field(default_factory=dict)

    @classmethod
    def unseen(cls, study: Classifier, count: int = POOL) -> Self:
        """At most so many unseen pictures of a study; a smaller pool has the first ones of a larger pool."""
        indices, shelf = draw(study.test, count), Shelf.of(study)
        labels = _labels(study, indices)
        if labels is None:
            pictures, labels = load(study.test, indices)
            shelf.update(zip(indices, pictures, strict=True))
        return cls(study, indices, shelf, labels, guests=study.guests)

    @classmethod
    def of(cls, study: Classifier, pictures: Tensor) -> Self:
        """The user's own pictures, without labels.

        Raises
        ------
        PictureError
            If the study cannot take them, or if there are none.
        """
        batch = study.check(pictures).detach().cpu().float()
        if not len(batch):
            raise PictureError("there are no pictures to choose from")
        shelf = dict(enumerate(batch))
        return cls(study, list(shelf), shelf, torch.full((len(batch),), UNKNOWN), own=True)

    def __len__(self) -> int:
        return len(self.indices)

    # --- pictures ----------------------------------------------------------------------------------------------

    @cached_property
    def pictures(self) -> Tensor:
        """All pictures ``(N, C, H, W)``, without guests."""
        given, together = self._given, self.batch(self._given)
        self.shelf.update({self.indices[number]: each for number, each in zip(given, together, strict=True)})
        return together  # which the shelf has parts of now, and nothing twice

    def picture(self, number: int) -> Tensor:
        """A picture ``(C, H, W)`` by its number in this pool."""
        index = self.indices[number]
        return self.guests[index].draw()[0] if index in self.guests else self.shelf[index]

    def batch(self, numbers: Sequence[int]) -> Tensor:
        """Pictures ``(N, C, H, W)`` by their numbers in this pool."""
        return torch.stack([self.picture(number) for number in numbers])

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the parts of pictures; empty if these are not known."""
        test = self.study.test
        return tuple(test.part_names) if isinstance(test, KnowsParts) and not self.own else ()

    def part_map(self, index: int) -> Tensor | None:
        """Part of every pixel ``(H, W)`` of the picture with an index, as an index of `part_names`; None if unknown."""
        test, guest = self.study.test, self.guests.get(index)
        if not self.part_names or not isinstance(test, KnowsParts):
            return None
        known = test.part_map(index) if guest is None else guest.draw()[1]
        return None if known is None else torch.as_tensor(known)

    def add(self, guest: Guest, index: int) -> None:
        """Add a picture; `invite` finds an index that is not in use."""
        self.guests[index] = guest
        self._append(index, torch.tensor([guest.label]))

    def require(self, guest: Guest) -> None:
        """Refuse, with a PictureError, a picture that the study or its explainers cannot take."""
        shape = self.study.check(guest.draw()[0]).shape[1:]
        own = tuple(self.picture(0).shape)
        if shape != own:
            raise PictureError(f"the picture has shape {tuple(shape)}, and those to choose from have {own}")

    def _append(self, index: int, label: Tensor) -> None:
        self.labels = torch.cat([self.labels, label])
        self.indices.append(index)

    def offers(self, number: int) -> bool:
        """Whether the picture with a number can be chosen; a guest that was replaced cannot."""
        guest = self.guests.get(self.indices[number])
        return guest is None or guest.offered

    @property
    def _given(self) -> list[int]:
        """Numbers in this pool of all but guests."""
        return [number for number, index in enumerate(self.indices) if index not in self.guests]

    @property
    def _offered(self) -> list[int]:
        """Numbers in this pool of the guests that can be chosen, the last one first."""
        numbers = reversed(range(len(self)))
        return [number for number in numbers if self.indices[number] in self.guests and self.offers(number)]

    # --- which ones --------------------------------------------------------------------------------------------

    @property
    def labelled(self) -> bool:
        """Whether the class of any picture is known."""
        return bool((self.labels != UNKNOWN).any())

    @property
    def kinds(self) -> list[str] | list[tuple[str, str]]:
        """Kinds of pictures that there can be (see `KINDS_SHOWN`), with words for them where those are others."""
        return list(KINDS_SHOWN) if self.labelled else [(NOT_KNOWN, EVERYTHING)]

    def like(self, target: Target) -> list[int]:
        """Numbers in this pool of the pictures of a class: by their labels, or by prediction where none is known."""
        if self.labelled:
            return self.chosen(OWN, target)
        return self._where(self._predicted == find_class(self.study.class_names, target))

    @property
    def mistakes(self) -> list[int]:
        """Numbers in this pool of the pictures whose class is known, and predicted wrongly."""
        labels = self.labels[self._given]
        return self._where((labels != UNKNOWN) & (self._predicted != labels))

    def chosen(self, kind: str, target: Target) -> list[int]:
        """Numbers in this pool of the pictures that are shown: those of a kind (see `KINDS_SHOWN`), for a class.

        Guests are among all pictures only, and come first.
        """
        class_index = find_class(self.study.class_names, target)
        if kind == EVERYTHING:
            return [*self._offered, *self._given]
        labels = self.labels[self._given]
        if kind == MISTAKEN:
            return self._where((labels != class_index) & (labels != UNKNOWN) & (self._predicted == class_index))
        own = labels == class_index
        return self._where(own & (self._predicted != class_index) if kind == MISSED else own)

    def _where(self, kept: Tensor) -> list[int]:
        """Numbers in this pool of those of the given pictures that are kept."""
        given = self._given
        return [given[row] for row in kept.nonzero().flatten().tolist()]

    @cached_property
    def _predicted(self) -> Tensor:
        """The predicted class of each picture but guests; computed when it is first needed."""
        return self.study.predict(self.pictures).argmax(1)

    def index_of(self, picture: int | None) -> int | None:
        """The number in this pool of a picture that is given by its index in ``study.test``; None for None.

        Raises
        ------
        XaiWidgetsError
            If it is not in this pool, or no longer offered.
        """
        if picture is None:
            return None
        number = self.indices.index(picture) if picture in self.indices else None
        if number is None or not self.offers(number):
            raise self._missing(picture)
        return number

    def with_picture(self, index: int) -> Self:
        """A pool with one more picture of ``study.test``, or one more guest; this pool, if it has the picture.

        Raises
        ------
        XaiWidgetsError
            If there is no such picture, or if these are the user's own pictures.
        """
        if index in self.indices:
            return self
        known = index in self.guests or 0 <= index < len(self.study.test)
        if self.own or not known:
            raise self._missing(index)
        made = replace(self, indices=[*self.indices])
        made._append(index, load(Everything(self.study), [index])[1])
        return made

    def name(self, number: int) -> str:
        """The name of a picture's true class; empty where it is not known."""
        return class_name(self.study.class_names, int(self.labels[number]))

    def title(self, number: int) -> str:
        """What a guest is called; else the name of the true class, or the picture's index where that is not known."""
        guest = self.guests.get(self.indices[number])
        return guest.title if guest else self.name(number) or f"picture {self.indices[number]}"

    def index_title(self, number: int) -> str:
        """What tells a picture from all others: its index, or what a guest is called."""
        guest = self.guests.get(self.indices[number])
        return guest.title if guest else f"picture {self.indices[number]}"

    def _missing(self, picture: int) -> XaiWidgetsError:
        return XaiWidgetsError(f"picture {picture} is not one of the {len(self)} to choose from")


def _labels(study: Classifier, indices: Sequence[int]) -> Tensor | None:
    """The labels of unseen pictures; None where they are not known without reading these, or one is no class."""
    known = known_labels(study.test)
    labels = [] if known is None else [known[index] for index in indices]
    return torch.tensor(labels) if labels and all(UNKNOWN <= one < len(study.class_names) for one in labels) else None


class Everything:
    """The picture set of the unseen pictures of a study, followed by guests, by index."""

    def __init__(self, study: Classifier) -> None:
        self._study = study

    def __len__(self) -> int:
        return max([len(self._study.test), *(index + 1 for index in self._study.guests)])

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        guest = self._study.guests.get(index)
        return item(self._study.test, index) if guest is None else (guest.draw()[0], guest.label)


def invite(pools: Sequence[Pool], guest: Guest) -> int:
    """Add a picture to the pools of one study or several; returns its index, the same for all.

    Raises
    ------
    PictureError
        If one of the studies cannot take it; then it is added to none.
    """
    for pool in pools:
        pool.require(guest)
    index = max(len(Everything(pool.study)) for pool in pools)
    for pool in pools:
        pool.add(guest, index)
    return index

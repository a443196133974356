"""The pictures that people choose from in a widget: unseen ones of a study, or their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, Self

import torch
from torch import Tensor

from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.names import UNKNOWN, Target, class_name, find_class
from xai_widgets.pictures import KnowsParts, PictureSet, draw, load

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

    def predict(self, pictures: Tensor) -> Tensor:
        """Probabilities ``(N, K)`` of pictures."""

    def check(self, pictures: Tensor) -> Tensor:
        """The pictures as a batch, or an error that says what is wrong with them."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Pictures to choose from.

    Attributes
    ----------
    study
        The classifier that they are for.
    indices
        Their indices in ``study.test``; 0, 1, 2, ... for the user's own pictures.
    pictures
        ``(N, C, H, W)``.
    labels
        ``(N,)``; -1 where the class is not known, as for the user's own pictures.
    own
        Whether they are somebody's own pictures.
    """

    study: Classifier
    indices: list[int]
    pictures: Tensor
    labels: Tensor
    own: bool = False

    @classmethod
    def unseen(cls, study: Classifier, count: int = POOL) -> Self:
        """At most so many unseen pictures of a study; a smaller pool has the first ones of a larger pool."""
        indices = draw(study.test, count)
        return cls(study, indices, *load(study.test, indices))

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
        return cls(study, list(range(len(batch))), batch, torch.full((len(batch),), UNKNOWN), own=True)

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def parts(self) -> KnowsParts | None:
        """The picture set, if it knows the parts of its pictures."""
        test = self.study.test
        return test if isinstance(test, KnowsParts) and not self.own else None

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
        found: list[int] = (self._predicted == find_class(self.study.class_names, target)).nonzero().flatten().tolist()
        return found

    @property
    def mistakes(self) -> list[int]:
        """Numbers in this pool of the pictures whose class is known, and predicted wrongly."""
        wrong: list[int] = ((self.labels != UNKNOWN) & (self._predicted != self.labels)).nonzero().flatten().tolist()
        return wrong

    def chosen(self, kind: str, target: Target) -> list[int]:
        """Numbers in this pool of the pictures that are shown: those of a kind (see `KINDS_SHOWN`), for a class."""
        class_index = find_class(self.study.class_names, target)
        keep = torch.ones(len(self), dtype=torch.bool)
        if kind in (OWN, MISSED):
            keep &= self.labels == class_index
        if kind == MISSED:
            keep &= self._predicted != class_index
        if kind == MISTAKEN:
            keep &= (self.labels != class_index) & (self.labels != UNKNOWN) & (self._predicted == class_index)
        found: list[int] = keep.nonzero().flatten().tolist()
        return found

    @cached_property
    def _predicted(self) -> Tensor:
        """The predicted class of each picture; computed when it is first needed."""
        return self.study.predict(self.pictures).argmax(1)

    def index_of(self, picture: int | None) -> int | None:
        """The number in this pool of a picture that is given by its index in ``study.test``; None for None.

        Raises
        ------
        XaiWidgetsError
            If it is not in this pool.
        """
        if picture is not None and picture not in self.indices:
            raise self._missing(picture)
        return None if picture is None else self.indices.index(picture)

    def with_picture(self, index: int) -> Self:
        """A pool with one more picture of ``study.test``; this pool, if it has the picture.

        Raises
        ------
        XaiWidgetsError
            If there is no such picture, or if these are the user's own pictures.
        """
        if index in self.indices:
            return self
        if self.own or not 0 <= index < len(self.study.test):
            raise self._missing(index)
        picture, label = load(self.study.test, [index])
        pictures, labels = torch.cat([self.pictures, picture]), torch.cat([self.labels, label])
        return replace(self, indices=[*self.indices, index], pictures=pictures, labels=labels)

    def name(self, number: int) -> str:
        """The name of a picture's true class; empty where it is not known."""
        return class_name(self.study.class_names, int(self.labels[number]))

    def title(self, number: int) -> str:
        """The name of a picture's true class, or the picture's index where that is not known."""
        return self.name(number) or f"picture {self.indices[number]}"

    def _missing(self, picture: int) -> XaiWidgetsError:
        return XaiWidgetsError(f"picture {picture} is not one of the {len(self)} to choose from")

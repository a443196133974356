"""The unseen pictures of a study that people choose from in a widget."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError

if TYPE_CHECKING:
    from xai_widgets.study import Study

POOL = 300
"""So many unseen pictures can be chosen from."""

OWN, MISSED, MISTAKEN, EVERYTHING = "of this class", "not recognised", "taken for it", "all classes"
KINDS_SHOWN = (OWN, MISSED, MISTAKEN, EVERYTHING)


class Pool:
    """Unseen pictures to choose from.

    Attributes
    ----------
    places
        Where in ``study.test`` they are.
    pictures, labels
        ``(N, C, H, W)`` and ``(N,)``.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self.places = study.draw(study.test, POOL)
        self.pictures, self.labels = study.load(study.test, self.places)

    def chosen(self, kind: str, of: int) -> list[int]:
        """Which of the pictures are shown: a kind of `KINDS_SHOWN`, of a class."""
        wanted = torch.ones(len(self.labels), dtype=torch.bool)
        if kind in (OWN, MISSED):
            wanted &= self.labels == of
        if kind == MISSED:
            wanted &= self._seen != of
        if kind == MISTAKEN:
            wanted &= (self.labels != of) & (self._seen == of)
        found: list[int] = wanted.nonzero().flatten().tolist()
        return found

    @cached_property
    def _seen(self) -> Tensor:
        """What the network sees; asked for only where it matters."""
        return self._study.predict(self.pictures).argmax(1)

    def place(self, picture: int | None) -> int | None:
        """The place here of a picture that is given by its place in ``study.test``.

        Raises
        ------
        XaiWidgetsError
            If it is not here.
        """
        if picture is not None and picture not in self.places:
            raise XaiWidgetsError(f"picture {picture} is not one of the {len(self.places)} to choose from")
        return None if picture is None else self.places.index(picture)

    def name(self, picture: int) -> str:
        """True class of a picture."""
        names, label = self._study.class_names, int(self.labels[picture])
        return names[label] if 0 <= label < len(names) else f"label {label}"

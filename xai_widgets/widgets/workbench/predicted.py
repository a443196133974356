"""What the classifiers predict for the chosen picture, in a line of words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from xai_widgets.pictures import load
from xai_widgets.pool import Everything
from xai_widgets.study import Study


class Predictions:
    """Predicted classes of the pictures that were looked at; a large network takes a while for one."""

    def __init__(self, studies: Sequence[Study]) -> None:
        self._studies, self._names = studies, short_names([study.name for study in studies])
        self._known: dict[tuple[int, int], tuple[int, float]] = {}

    def of(self, index: int, place: int = 0) -> tuple[int, float]:
        """Class and probability that the first study, or the one at a place, predicts for a picture by its index."""
        if (place, index) not in self._known:
            study = self._studies[place]
            chances = study.predict(load(Everything(study), [index])[0])[0]
            self._known[place, index] = int(chances.argmax()), float(chances.max())
        return self._known[place, index]

    def sentence(self, index: int | None) -> str:
        """Name, true class and predicted class of a picture; of two studies what each predicts."""
        if index is None:
            return "No held-out picture is of this kind."
        pool = self._studies[0].pool
        number = pool.index_of(index) or 0
        title, truth = pool.index_title(number), pool.name(number)
        parts = [title[0].upper() + title[1:], *([f"true class: {truth}"] if truth else [])]
        return " · ".join([*parts, *self._answers(index)])

    def change(self, before: int, after: int) -> str:
        """What is predicted for one picture and for another."""
        pairs = zip(self._answers(before), self._answers(after), strict=True)
        return " · ".join(f"{one} → {other.rpartition(': ')[2]}" for one, other in pairs)

    def _answers(self, index: int) -> list[str]:
        """What each of the studies predicts that have the picture."""
        able = [place for place, study in enumerate(self._studies) if index < len(Everything(study))]
        names = ["predicted"] if len(self._studies) == 1 else self._names
        return [f"{names[place]}: {self._said(index, place)}" for place in able]

    def _said(self, index: int, place: int) -> str:
        predicted, chance = self.of(index, place)
        return f"{self._studies[place].class_names[predicted]}, {chance:.0%}"


def joint_name(names: Sequence[str]) -> str:
    """One name for two that differ in some words in the middle only, as in "the honest and cheating classifier"."""
    words = [name.split() for name in names]
    begin = _alike(words[0], words[-1])
    end = min(_alike(words[0][::-1], words[-1][::-1]), min(map(len, words)) - begin)
    middles = [" ".join(each[begin : len(each) - end]) for each in words]
    if len(names) < 2 or not all(middles):
        return " and ".join(names)
    return " ".join([*words[0][:begin], " and ".join(middles), *words[0][len(words[0]) - end :]])


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words two names begin with alike."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


def short_names(names: Sequence[str]) -> list[str]:
    """The words of each name that not all names have; whole names where that leaves nothing."""
    words = [name.replace(",", " ").split() for name in names]
    shared = set.intersection(*map(set, words))
    short = [" ".join(word for word in each if word not in shared) for each in words]
    return short if all(short) else list(names)

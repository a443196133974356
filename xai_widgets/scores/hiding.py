"""How fast a class goes while what a map marks is hidden, and comes back while it is shown, beside trivial maps.

The exam of all methods and the lines below the widgets' pictures measure this here, so that they say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from torch import Tensor

from xai_widgets.methods.masking.batches import own_scores
from xai_widgets.progress import Progress
from xai_widgets.scores.attribution import FILLS, LARGE_STEPS, STEPS, deletion, insertion, mean_of
from xai_widgets.scores.maps import Question
from xai_widgets.scores.trivial import TRIVIAL
from xai_widgets.sizes import is_large
from xai_widgets.study import Study


def _curve(area: Callable[..., Tensor], fill: Callable[[Tensor], Tensor], asked: Question, maps: Tensor) -> Tensor:
    def score(pictures: Tensor) -> Tensor:
        classes = asked.classes.repeat_interleave(len(pictures) // len(asked))
        return own_scores(asked.study.predict(pictures), classes)

    steps = LARGE_STEPS if is_large(asked.pictures.shape) else STEPS
    return area(score, asked.pictures, fill(asked.pictures), maps, asked.seed, steps=steps)


HIDING: Mapping[str, Callable[[Question, Tensor], Tensor]] = {
    f"{name}_{which}": partial(_curve, area, fill)
    for which, fill in FILLS.items()
    for name, area in (("deletion", deletion), ("insertion", insertion))
}
"""For each measure the area under the class's probability, picture by picture of a question with maps ``(N, H, W)``."""

SHOWN = "deletion_blur"
"""The measure that the widgets give for their pictures."""


class Marks(NamedTuple):
    """What explanations mark.

    Pictures ``(N, C, H, W)``, the explained classes ``(N,)``, maps ``(N, H, W)``, and what is high in them, in words.
    """

    pictures: Tensor
    classes: Tensor
    maps: Tensor
    what: str = "what is marked most"


@dataclass(frozen=True)
class Hidden:
    """The probability that is left of a class on average, while its picture is hidden cell by cell.

    Attributes
    ----------
    name
        The class; "the class" for several.
    pictures
        How many pictures this is the mean of.
    shown, random, centre
        With what is marked hidden first, in random order, and from the centre outwards.
    what
        What is marked, in words.
    """

    name: str
    pictures: int
    shown: float
    random: float
    centre: float
    what: str = "what is marked most"

    def sentence(self) -> str:
        """The three numbers, and what follows from them."""
        where = "the picture is" if self.pictures == 1 else f"{self.pictures} pictures are"
        return (
            f"While {where} hidden bit by bit, {self.what} first, {self.name} keeps {self.shown:.0%} on "
            f"average; in random order {self.random:.0%}, from the centre outwards {self.centre:.0%}: {self._so()}."
        )

    def _so(self) -> str:
        if self.shown >= self.random:
            return "no better than chance"
        return "better than chance, no better than the centre" if self.shown >= self.centre else "better than both"


def hidden(study: Study, marks: Marks, progress: Progress, *, seed: int = 0) -> Hidden:
    """Hide what is marked, and what maps mark that know nothing.

    Raises
    ------
    CancelledError
        If `progress` was cancelled.
    """
    asked = Question(study, marks.pictures, marks.classes, seed, progress)
    maps = {"shown": marks.maps, "random": TRIVIAL["random"](asked), "centre": TRIVIAL["centre"](asked)}
    found = {}
    for name, each in maps.items():
        progress.check()
        found[name] = mean_of(HIDING[SHOWN](asked, each.float().cpu()))
    names = {study.class_names[k] for k in marks.classes.tolist()}
    return Hidden(names.pop() if len(names) == 1 else "the class", len(asked), **found, what=marks.what)

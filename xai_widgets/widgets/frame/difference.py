"""Where two studies differ most: the picture and the class for which a number of a view differs most."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from xai_widgets.progress import Progress
from xai_widgets.study import Study

MOST_PIXELS = 300 * 64 * 64
"""Pictures are compared up to so many pixels in all: a few dozen photos, which a large network answers in seconds."""


@dataclass(frozen=True)
class Difference:
    """Where two studies differ most.

    Attributes
    ----------
    sentence
        Says so.
    picture, target
        The picture, as an index in ``study.test``, and the class to look at; None where it is not about one.
    state
        What else to choose in the view, as for `App.state`.
    """

    sentence: str
    picture: int | None = None
    target: int | None = None
    state: Mapping[str, Any] = field(default_factory=dict)


Search = Callable[[Progress], Difference | None]
"""Finds where two studies differ most, in the background; None if they cannot be compared."""


def shared_pictures(studies: Sequence[Study]) -> int:
    """How many of the first pictures to choose from are compared."""
    few = max(MOST_PIXELS // math.prod(studies[0].shape[1:]), 1)
    return min(few, *(len(study.pool.pictures) for study in studies))


def of_predictions(studies: Sequence[Study], names: Sequence[str], progress: Progress) -> Difference | None:
    """The picture and the class whose probabilities differ most; of classes that both have."""
    first, other = studies
    known = [name for name in first.class_names if name in other.class_names]
    if not known:
        return None
    chances = [_chances(study, known, shared_pictures(studies), progress) for study in studies]
    place = int((chances[0] - chances[1]).abs().argmax())
    row, column = divmod(place, len(known))
    picture, one, two = first.pool.indices[row], *(float(each[row, column]) for each in chances)
    sentence = (
        f"They differ most in picture {picture}: the probability of {known[column]} is {one:.0%} in {names[0]} and "
        f"{two:.0%} in {names[1]}."
    )
    return Difference(sentence, picture, first.class_names.index(known[column]))


def _chances(study: Study, classes: Sequence[str], most: int, progress: Progress) -> Tensor:
    """Probabilities ``(N, K)`` of classes by name."""
    progress.check()
    return study.predict(study.pool.pictures[:most])[:, [study.class_names.index(name) for name in classes]]

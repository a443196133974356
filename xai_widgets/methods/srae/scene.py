"""What ConceptExplorer computes for what is chosen: explanations, exemplars, and what turning an x-feature does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

from xai_widgets.methods.srae.explanation import Explanation
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.srae.table import KINDS, Kind
from xai_widgets.pool import Pool
from xai_widgets.progress import Progress
from xai_widgets.widgets.srae.turn import Turned, turn

EXEMPLARS = 3
"""Pictures of each kind that show what an x-feature stands for."""


class Choice(NamedTuple):
    """What is chosen.

    Attributes
    ----------
    layer, of
        The layer, and the number of the class.
    picture, other
        Places in the pool: what is explained, and what it is compared with, if anything.
    feature
        Number of the x-feature; None for the one that contributes most.
    """

    layer: str
    of: int
    picture: int
    other: int | None
    feature: int | None


@dataclass(frozen=True, eq=False)
class Exemplars:
    """Training pictures that show what an x-feature stands for.

    Attributes
    ----------
    shown
        The explanations of all.
    labels
        Their true classes.
    rows
        Which of them are of each kind.
    """

    shown: Explanation
    labels: tuple[int, ...]
    rows: Mapping[Kind, range]


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything on display for a choice; its x-feature is always a number.

    Attributes
    ----------
    choice
        What it is of.
    shown, other
        The explanations, of one picture each.
    turned
        What the network answers when the x-feature is turned.
    exemplars
        Of the x-feature; None until they were found.
    """

    choice: Choice
    shown: Explanation
    other: Explanation | None
    turned: Turned
    exemplars: Exemplars | None = None

    @property
    def feature(self) -> int:
        """The x-feature's number."""
        return self.choice.feature or 0

    def renamed(self, names: tuple[str, ...]) -> Scene:
        """The same with other names of the x-features."""
        found = self.exemplars
        return replace(
            self,
            shown=replace(self.shown, names=names),
            other=None if self.other is None else replace(self.other, names=names),
            exemplars=None if found is None else replace(found, shown=replace(found.shown, names=names)),
        )


def make_scene(srae: SRAE, pool: Pool, choice: Choice, before: Scene | None, progress: Progress) -> Scene:
    """Compute what is shown but exemplars, which take longest; what `before` has already is taken from there.

    Parameters
    ----------
    srae
        Fitted.
    pool
        The pictures.
    choice
        Of which.
    before
        What is on display of the same fit, if anything.
    progress
        Asked whether to stop.
    """
    known = {} if before is None else {before.choice.picture: before.shown, before.choice.other: before.other}
    same_class = before is not None and before.choice[:2] == choice[:2]

    def explained(picture: int) -> Explanation:
        progress.check()
        found = known.get(picture) if same_class else None
        return found or srae.explain(pool.pictures[picture], choice.of)

    shown = explained(choice.picture)
    other = None if choice.other is None else explained(choice.other)
    feature = shown.order(0)[0] if choice.feature is None else choice.feature
    chosen = choice._replace(feature=feature)
    progress.check()
    exemplars = before.exemplars if before is not None and same_class and before.feature == feature else None
    if before is not None and before.choice._replace(other=None) == chosen._replace(other=None):
        turned = before.turned
    else:
        (turned,) = turn(srae, pool.pictures[choice.picture], choice.of, [feature])
    return Scene(chosen, shown, other, turned, exemplars)


def find_exemplars(srae: SRAE, of: int, features: Sequence[int]) -> list[Exemplars]:
    """Top, median and zero pictures of some x-features, explained all at once."""
    kinds = [(feature, kind) for feature in features for kind in KINDS]
    found = [srae.exemplars(of, feature, kind, count=EXEMPLARS)[0].tolist() for feature, kind in kinds]
    every = sorted({place for places in found for place in places})
    pictures, labels = srae.study.load(srae.study.train, every)
    shown = srae.explain(pictures, of)
    made = []
    for at in range(0, len(kinds), len(KINDS)):
        own = found[at : at + len(KINDS)]
        rows = [every.index(place) for places in own for place in places]
        ends = list(accumulate((len(places) for places in own), initial=0))
        of_kind = {kind: range(*ends[n : n + 2]) for n, kind in enumerate(KINDS)}
        made.append(Exemplars(_only(shown, rows), tuple(labels[rows].tolist()), of_kind))
    return made


def _only(shown: Explanation, rows: Sequence[int]) -> Explanation:
    """The explanations of some of the pictures."""
    names = ("pictures", "contributions", "score", "maps", "deletion", "probabilities")
    return replace(shown, **{name: getattr(shown, name)[list(rows)] for name in names})

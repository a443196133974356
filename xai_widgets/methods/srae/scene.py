"""What ConceptExplorer shows for a choice: explanations, exemplars, and the answers when an x-feature is turned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple, TypeVar

from xai_widgets.methods.srae.explanation import SRAEExplanation
from xai_widgets.methods.srae.fitted import numbered
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.srae.table import KINDS, Kind
from xai_widgets.methods.srae.turning import Turned, turn
from xai_widgets.pool import Pool
from xai_widgets.progress import Progress
from xai_widgets.study import Study

T = TypeVar("T")

EXEMPLARS = 3
"""Pictures of each kind that show what an x-feature stands for."""


class Choice(NamedTuple):
    """What is chosen: a layer, a class, and indices in the pool of the picture explained and one to compare it with.

    `feature` is the number of the x-feature, None for the one that contributes most.
    """

    layer: str
    target: int
    picture: int
    other: int | None
    feature: int | None


@dataclass(frozen=True, eq=False)
class Exemplars:
    """Training pictures that show what an x-feature stands for, explained; `rows` has those of each kind."""

    explanation: SRAEExplanation
    labels: tuple[int, ...]
    rows: Mapping[Kind, range]


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything on display for a choice, whose x-feature is always a number.

    Explanations are of one picture each; `exemplars` is None until they were found.
    """

    choice: Choice
    explanation: SRAEExplanation
    other: SRAEExplanation | None
    turned: Turned
    exemplars: Exemplars | None = None

    @property
    def feature(self) -> int:
        """The x-feature's number."""
        return self.choice.feature or 0

    @property
    def own_name(self) -> str:
        """The name that somebody gave the x-feature; empty for one that only has a number."""
        name = self.explanation.names[self.feature]
        return "" if name == numbered("x-feature", self.feature + 1)[-1] else name

    def renamed(self, names: tuple[str, ...]) -> Scene:
        """The same with other names of the x-features."""
        found = self.exemplars
        return replace(
            self,
            explanation=replace(self.explanation, names=names),
            other=None if self.other is None else replace(self.other, names=names),
            exemplars=found and replace(found, explanation=replace(found.explanation, names=names)),
        )


def make_scene(srae: SRAE, pool: Pool, choice: Choice, before: Scene | None, progress: Progress) -> Scene:
    """Compute a scene without its exemplars, which take longest.

    What `before`, the scene on display of the same fit, has already is taken from there; `progress` may stop it.
    """
    same = before if before is not None and before.choice[:2] == choice[:2] else None
    known = {} if same is None else {same.choice.picture: same.explanation, same.choice.other: same.other}

    def explained(picture: int) -> SRAEExplanation:
        progress.check()
        return known.get(picture) or srae.explain(pool.picture(picture), choice.target)

    explanation = explained(choice.picture)
    other = None if choice.other is None else explained(choice.other)
    feature = explanation.order(0)[0] if choice.feature is None else choice.feature
    progress.check()
    alike = same if same is not None and same.feature == feature else None
    if alike is not None and alike.choice.picture == choice.picture:
        turned = alike.turned
    else:
        (turned,) = turn(srae, pool.picture(choice.picture), choice.target, [feature])
    exemplars = None if alike is None else alike.exemplars
    return Scene(choice._replace(feature=feature), explanation, other, turned, exemplars)


def find_exemplars(srae: SRAE, target: int, feature: int) -> Exemplars:
    """Top, median and zero pictures of an x-feature, explained."""
    indices = [srae.exemplars(target, feature, kind, count=EXEMPLARS)[0].tolist() for kind in KINDS]
    ends = list(accumulate(map(len, indices), initial=0))
    pictures, labels = srae.study.load(srae.study.train, [index for own in indices for index in own])
    rows = {kind: range(*ends[n : n + 2]) for n, kind in enumerate(KINDS)}
    return Exemplars(srae.explain(pictures, target), tuple(labels.tolist()), rows)


# --- layers --------------------------------------------------------------------------------------------------------


def offered_layers(study: Study, requested: Sequence[str]) -> list[str]:
    """Names of the network's blocks but the logits, and the requested layers, in the order of execution."""
    blocks = {block.name for block in study.blocks() if block.shape != (study.classes,)}
    return [layer.name for layer in study.layers() if layer.name in blocks or layer.name in requested]


class SraeOfLayer(dict[str, SRAE]):
    """An SRAE for each layer that was looked at: the study's own, or a new one, of the same kind as a first one."""

    def __init__(self, first: SRAE) -> None:
        super().__init__({first.settings.layer: first})
        self._first = first

    def __missing__(self, layer: str) -> SRAE:
        kind = (layer, self._first.settings.paper)
        known = [one for one in self._first.study.explainers.values() if isinstance(one, SRAE)]
        own = [one for one in known if (one.settings.layer, one.settings.paper) == kind]
        self[layer] = own[0] if own else self._first.at(layer)
        return self[layer]


# --- pages ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ClassScene:
    """Everything that a page shows for one class; `turned` by picture and x-feature, `exemplars` by x-feature."""

    explanation: SRAEExplanation
    turned: list[list[Turned]]
    exemplars: list[Exemplars]


def class_scene(srae: SRAE, pool: Pool, target: int, pictures: Sequence[int], progress: Progress) -> ClassScene:
    """Explain pictures of the pool, turn all x-features in each, and find exemplars; `progress` may stop it."""
    features = range(srae.settings.features)
    with srae.study.borrowed():  # once for all the questions
        explanation = srae.explain(pool.batch(pictures), target)
        turned = [_checked(turn(srae, picture, target, features), progress) for picture in explanation.pictures]
        exemplars = [_checked(find_exemplars(srae, target, feature), progress) for feature in features]
    return ClassScene(explanation, turned, exemplars)


def _checked(found: T, progress: Progress) -> T:
    progress.check()
    return found

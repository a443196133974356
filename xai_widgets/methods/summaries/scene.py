"""The summaries of one class in one or two networks: what was found, what to search for next, members in detail."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.methods.summaries.compare import Comparison, compare
from xai_widgets.methods.summaries.regions import Region
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.pictures import alike
from xai_widgets.progress import Progress
from xai_widgets.sizes import is_small
from xai_widgets.study import Study

FIRST_LOOK = 12
"""Pictures of the first look, which takes a moment only."""

PHOTOS = 20
"""Photos of a class that a search needs: in eight, evidence of 0.7 nats cannot be told from none."""

MOST_CLASSES = 8
"""Classes that are summarised where nobody has chosen any."""

# --- searching -----------------------------------------------------------------------------------------------------


class Goal(NamedTuple):
    """Which pictures are summarised: those correctly predicted as a class, or those mistaken for it."""

    class_index: int
    errors: bool


class Scene(NamedTuple):
    """Everything that is known of one class in one or two networks."""

    title: str  # the class in words, and whether these are errors
    names: list[str]  # of the networks
    founds: list[ClassSummaries | None]  # the summaries of each network
    reasons: list[str]  # why each network lacks some summary, or all
    comparison: Comparison | None  # which summaries two networks share
    shared: str  # the same in words, or why they cannot be compared; empty for one network
    needs: str = ""  # what a search takes, to be said before it

    @property
    def known(self) -> list[ClassSummaries]:
        """The summaries that there are."""
        return [found for found in self.founds if found is not None]


class Step(NamedTuple):
    """The next search: in which network, and whether only for a first look."""

    network: int
    early: bool


class Network:
    """What is known of one network; its explainer keeps what is found, except for first looks."""

    def __init__(self, summaries: VisualSummaries, name: str) -> None:
        self.summaries, self.name = summaries, name
        self._early: dict[Goal, ClassSummaries] = {}
        self._failed: dict[Goal, str] = {}

    def found(self, goal: Goal) -> ClassSummaries | None:
        """The summaries of all pictures, or those of the first look, or None."""
        return self.summaries.found.get(goal) or self._early.get(goal)

    def why_not(self, goal: Goal) -> str:
        """Why nothing can be found; empty if something can."""
        return self._failed.get(goal, "")

    def done(self, goal: Goal) -> bool:
        """Whether the search is over, with or without success."""
        return goal in self.summaries.found or goal in self._failed

    def looked(self, goal: Goal) -> bool:
        """Whether the first look is over, or not worthwhile."""
        return self.done(goal) or goal in self._early or self.summaries.most <= FIRST_LOOK

    def search(self, goal: Goal, progress: Progress, *, early: bool) -> None:
        """Find the summaries, or note why there are none."""
        most = FIRST_LOOK if early else None
        try:
            found = self.summaries.find(
                goal.class_index, errors=goal.errors, most=most, keep=not early, progress=progress
            )
        except PictureError as error:
            self._failed[goal] = f"{error}."
            return
        if early:
            self._early[goal] = found
        else:
            self._early.pop(goal, None)


class Networks:
    """One network, or two to be compared; classes are those of the first."""

    def __init__(self, first: VisualSummaries, other: VisualSummaries | None = None) -> None:
        both = [first] if other is None else [first, other]
        names = [summaries.study.name for summaries in both]
        if len(set(names)) < len(names):
            names = [f"{name} ({number})" for number, name in enumerate(names, 1)]
        self.each = [Network(summaries, name) for summaries, name in zip(both, names, strict=True)]

    def __len__(self) -> int:
        return len(self.each)

    def study(self, network: int) -> Study:
        """The study of a network."""
        return self.each[network].summaries.study

    @property
    def names(self) -> list[str]:
        """The names of the networks."""
        return [network.name for network in self.each]

    def title(self, goal: Goal) -> str:
        """The class in words, and whether these are errors."""
        name = self.study(0).class_names[goal.class_index]
        return f"pictures mistaken for {name}" if goal.errors else name

    def own(self, network: int, goal: Goal) -> Goal | None:
        """The goal with the class as a network numbers it, or None if it has no class of that name."""
        name = self.study(0).class_names[goal.class_index]
        names = self.study(network).class_names
        if goal.class_index < len(names) and names[goal.class_index] == name:
            return goal
        return goal._replace(class_index=names.index(name)) if name in names else None

    def scene(self, goal: Goal) -> Scene:
        """Everything that is known of a class by now."""
        owns = [self.own(network, goal) for network in range(len(self))]
        founds = [None if own is None else each.found(own) for own, each in zip(owns, self.each, strict=True)]
        reasons = [self._reason(network, goal) for network in range(len(self))]
        return Scene(self.title(goal), self.names, founds, reasons, *_compared(founds), self._needs())

    def _needs(self) -> str:
        if is_small(self.study(0).shape):
            return ""
        return f"A search needs {PHOTOS} photos of a class or more, and each takes seconds."

    def _reason(self, network: int, goal: Goal) -> str:
        own, each = self.own(network, goal), self.each[network]
        if own is None:
            return f"{each.name} has no class of this name."
        if each.found(own) is None:
            return each.why_not(own) or f"{each.name} has not been searched yet."
        return f"{each.name} has no summary of these regions."

    def next_step(self, goal: Goal) -> Step | None:
        """The next search: first looks, then all pictures; None if everything was searched."""
        owns = [(network, self.own(network, goal)) for network in range(len(self))]
        known = [(network, own) for network, own in owns if own is not None]
        for early in (True, False):
            for network, own in known:
                is_over = self.each[network].looked if early else self.each[network].done
                if not is_over(own):
                    return Step(network, early)
        return None

    def search(self, step: Step, goal: Goal, progress: Progress) -> None:
        """Take one step."""
        own = self.own(step.network, goal)
        if own is not None:
            self.each[step.network].search(own, progress, early=step.early)


def _compared(founds: Sequence[ClassSummaries | None]) -> tuple[Comparison | None, str]:
    """The summaries that two networks share, and this in words; or why they cannot be compared."""
    first, *others = founds
    if first is None or not others or others[0] is None:
        return None, ""
    try:
        # The networks may number the same class differently.
        found = compare(first, replace(others[0], class_index=first.class_index))
    except XaiWidgetsError as error:
        return None, f"They cannot be compared: {error}."
    return found, found.verdict()


def prepared(studies: Sequence[Study], seed: int, progress: Progress) -> list[VisualSummaries]:
    """The summaries of a study, by default of its first classes; or those of two studies, in the same pictures."""
    last = studies[-1].explainers.get(VisualSummaries.key) or _of_first_classes(studies[-1], seed, progress)
    return [*(_in_the_same_pictures(last, study, progress) for study in studies[:-1]), last]


def beside(study: Study, other: Study) -> VisualSummaries:
    """The summaries of the first of two studies, in the pictures of the second's: only then can they be compared.

    They are its own, if these are of the same pictures, or if it cannot answer those of the other one.
    """
    own, theirs = (each.explainers.get(VisualSummaries.key) or VisualSummaries(each.owner) for each in (study, other))
    answers = study.shape == other.shape and study.class_names == other.class_names
    if not answers or alike(own.pictures, theirs.pictures):
        return own
    return VisualSummaries(study.owner, pictures=theirs.pictures, most=theirs.most, seed=theirs.seed)


def _of_first_classes(study: Study, seed: int, progress: Progress) -> VisualSummaries:
    """Summaries of the first classes that have enough pictures."""
    summaries = VisualSummaries(study, seed=seed)
    for class_index in range(min(study.classes, MOST_CLASSES)):
        with suppress(PictureError):
            summaries.find(class_index, progress=progress)
    return summaries


def _in_the_same_pictures(known: VisualSummaries, study: Study, progress: Progress) -> VisualSummaries:
    """Summaries of a study with the same classes, found in the pictures of the known ones."""
    summaries = VisualSummaries(study, pictures=known.pictures, most=known.most, seed=known.seed)
    for (class_index, errors), found in known.found.items():
        if class_index < study.classes and not errors:
            summaries.find(class_index, indices=found.indices.tolist(), progress=progress)
    return summaries


# --- one member ----------------------------------------------------------------------------------------------------

VIEWS = ("picture", "this region", "region removed", "all evidence", "evidence kept", "evidence removed")
"""The versions of a member's picture."""

SCORED = ("picture", "region removed", "evidence kept", "evidence removed")
"""The versions that the classifier predicts."""


class Member(NamedTuple):
    """A member of a summary in detail: its picture with and without the region, and with and without all evidence."""

    found: ClassSummaries  # of its class
    region: Region
    pictures: dict[str, Tensor]  # its picture in each of the VIEWS, (C, H, W)
    predictions: dict[str, Tensor]  # probabilities (K,) for each that is SCORED


def members(found: ClassSummaries, study: Study, regions: Sequence[int]) -> list[Member]:
    """Members in detail, by the indices of their regions; the classifier predicts all of them at once."""
    views = [_views(found, index) for index in regions]
    answers = study.predict(torch.stack([each[name] for each in views for name in SCORED])).split(len(SCORED))
    return [
        Member(found, found.regions[index], pictures, dict(zip(SCORED, answer, strict=True)))
        for index, pictures, answer in zip(regions, views, answers, strict=True)
    ]


def _views(found: ClassSummaries, index: int) -> dict[str, Tensor]:
    region, masks = found.regions[index], found.masks
    picture, own = masks.pictures[region.picture], (region.picture, region.mask)
    removed = torch.where(region.pixels, masks.baselines[region.picture], picture)
    evidence = (masks.dimmed(*own), masks.kept_picture(*own), masks.removed_picture(*own))
    return dict(zip(VIEWS, (picture, found.outline(index), removed, *evidence), strict=True))

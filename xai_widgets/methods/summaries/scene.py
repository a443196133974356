"""What is found of one class in one or two networks, and what is to be found next."""

from __future__ import annotations

from typing import NamedTuple

from xai_widgets.errors import PictureError
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.progress import Progress

FIRST_LOOK = 12
"""Pictures of the first look, which is there at once."""


class Wanted(NamedTuple):
    """Whose summaries: of pictures rightly called a class, or wrongly."""

    class_index: int
    errors: bool


class Step(NamedTuple):
    """The next search: in which network, and whether only for a first look."""

    network: int
    early: bool


class Network:
    """What is known of one network.

    Parameters
    ----------
    summaries
        Where what is found is kept; first looks are not.
    name
        What it is called in front of people.
    """

    def __init__(self, summaries: VisualSummaries, name: str) -> None:
        self.summaries, self.name = summaries, name
        self._early: dict[Wanted, ClassSummaries] = {}
        self._why_not: dict[Wanted, str] = {}

    def found(self, wanted: Wanted) -> ClassSummaries | None:
        """All that is known by now."""
        return self.summaries.found.get(wanted) or self._early.get(wanted)

    def why_not(self, wanted: Wanted) -> str:
        """Why there is nothing and will be nothing, or nothing."""
        return self._why_not.get(wanted, "")

    def done(self, wanted: Wanted) -> bool:
        """Whether there is nothing left to look for."""
        return wanted in self.summaries.found or wanted in self._why_not

    def looked(self, wanted: Wanted) -> bool:
        """Whether a first look is there, or not worth while."""
        return self.done(wanted) or wanted in self._early or self.summaries.most <= FIRST_LOOK

    def search(self, wanted: Wanted, progress: Progress, *, early: bool) -> None:
        """Look for the summaries; where there are too few pictures, note so."""
        most = FIRST_LOOK if early else None
        try:
            self.summaries.find(wanted.class_index, errors=wanted.errors, most=most, progress=progress)
        except PictureError as error:
            self._why_not[wanted] = f"{error}."
            return
        if early:
            # What is kept, saved and compared is made of all pictures.
            self._early[wanted] = self.summaries.found.pop(wanted)
        else:
            self._early.pop(wanted, None)


class Networks:
    """One network, or two to be compared; classes are those of the first.

    Parameters
    ----------
    first, other
        The networks; without `other` there is one.
    """

    def __init__(self, first: VisualSummaries, other: VisualSummaries | None = None) -> None:
        both = [first] if other is None else [first, other]
        names = [summaries.study.name for summaries in both]
        if len(set(names)) < len(names):
            names = [f"{name} ({number})" for number, name in enumerate(names, 1)]
        self.each = [Network(summaries, name) for summaries, name in zip(both, names, strict=True)]

    def __len__(self) -> int:
        return len(self.each)

    @property
    def names(self) -> list[str]:
        """What the networks are called."""
        return [network.name for network in self.each]

    def title(self, wanted: Wanted) -> str:
        """The class in words, and whether these are errors."""
        name = self.each[0].summaries.study.class_names[wanted.class_index]
        return f"pictures wrongly called {name}" if wanted.errors else name

    def own(self, network: int, wanted: Wanted) -> Wanted | None:
        """The class as a network numbers it, or None if it does not know it; a shared name counts, not the number."""
        name = self.each[0].summaries.study.class_names[wanted.class_index]
        names = self.each[network].summaries.study.class_names
        if wanted.class_index < len(names) and names[wanted.class_index] == name:
            return wanted
        return wanted._replace(class_index=names.index(name)) if name in names else None

    def founds(self, wanted: Wanted) -> list[ClassSummaries | None]:
        """What is known of a class in each network."""
        owns = [self.own(network, wanted) for network in range(len(self))]
        return [None if own is None else each.found(own) for own, each in zip(owns, self.each, strict=True)]

    def nothing(self, wanted: Wanted) -> list[str]:
        """For each network why it lacks a summary of a class, or all."""
        return [self._nothing(network, wanted) for network in range(len(self))]

    def _nothing(self, network: int, wanted: Wanted) -> str:
        own, each = self.own(network, wanted), self.each[network]
        if own is None:
            return f"{each.name} knows no class of this name."
        if each.found(own) is None:
            return each.why_not(own) or f"Not looked for in {each.name} yet."
        return f"{each.name} has no summary of these regions."

    def next_step(self, wanted: Wanted) -> Step | None:
        """What is to be looked for next: first looks, then all; None if everything is there."""
        owns = [(network, self.own(network, wanted)) for network in range(len(self))]
        known = [(network, own) for network, own in owns if own is not None]
        for early in (True, False):
            for network, own in known:
                is_there = self.each[network].looked if early else self.each[network].done
                if not is_there(own):
                    return Step(network, early)
        return None

    def search(self, step: Step, wanted: Wanted, progress: Progress) -> None:
        """Take one step."""
        own = self.own(step.network, wanted)
        if own is not None:
            self.each[step.network].search(own, progress, early=step.early)

"""The base of the widgets around one explanation method: selection, fit, background work, and what to take away."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import ipywidgets
from traitlets import TraitError

from xai_widgets.errors import NotFittedError, XaiWidgetsError
from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.names import class_name
from xai_widgets.progress import Progress
from xai_widgets.scores.hiding import Hidden, Marks, hidden
from xai_widgets.study import Study
from xai_widgets.widgets.frame import fits
from xai_widgets.widgets.frame.difference import Search, of_predictions
from xai_widgets.widgets.frame.fitting import Fitting, explainer_of
from xai_widgets.widgets.frame.selection import Selection
from xai_widgets.widgets.frame.task import BackgroundTask, TaskState
from xai_widgets.widgets.pages.draft import Draft, finished
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.views.elements import Tile
from xai_widgets.widgets.views.verdict import Verdict

if TYPE_CHECKING:
    from xai_widgets.show.gallery import Gallery

PATIENCE = 0.1
"""Seconds between two questions whether to stop waiting."""

WEIGHING = "What is left of the class while this is hidden bit by bit is being measured."
NOT_WEIGHED = "What is left of the class while this is hidden could not be measured."
"""Behind "Why?" in place of the sentence that tells."""

SPOKEN = {"picture": "picture", "layer": "layer", "target": "class", "second": "class"}
"""What the parts of a selection are called in front of people."""


class Explorer(Fitting):
    """A widget around one explainer; a subclass makes its controls and views, and says what they show.

    Parameters
    ----------
    source
        An explainer, fitted or not; or a study: then the explainer that is registered there, or a new one.
    selection
        What is looked at, if it is shared with other widgets.

    Attributes
    ----------
    left_behind
        For each part of the selection that cannot be followed here, a sentence that says so.
    """

    #: The method's key in every registry.
    key: ClassVar[str]
    #: On its tab in the Workbench.
    label: ClassVar[str]
    #: What it answers, in plain words.
    question: ClassVar[str]
    #: What one is looking at, and when not to trust it.
    reading: ClassVar[str]
    #: Which traits of a `Selection` it has, in the order in which they are set; each is a property of the explorer.
    follows: tuple[str, ...] = ()
    #: Whether it shows the layers itself, because it begins with all of them together.
    shows_layers: ClassVar[bool] = False
    #: Controls that a `Workbench` hides, because it has the same at its top.
    shared_controls: Sequence[ipywidgets.Widget] = ()
    #: Controls that act on both of two explorers side by side, of which only the first shows them.
    mirrored: Sequence[ipywidgets.Widget] = ()
    #: The first of two explorers side by side, which the second one goes along with.
    first: Explorer | None = None

    def __init__(self, source: Study | Explainer, *, selection: Selection | None = None) -> None:
        self.explainer: Any = source if isinstance(source, Explainer) else explainer_of(source, self.key)
        self.study: Study = self.explainer.study if isinstance(source, Explainer) else source
        self.left_behind: dict[str, str] = {}
        self._selection = Selection()
        self._known: dict[str, Any] = {}
        self._following = False
        self._shown: object = None
        self._own_numbers, self._weighed = "", ""
        self._weighing = BackgroundTask(self._on_weighing)
        self._check()
        self._make_fitting(given=isinstance(source, Explainer))
        controls, content = self._make_controls(), self._make_views()
        super().__init__(self._heading(), controls=controls, content=content, more=self._make_more())
        self._bind()
        self.why.observe(self.locked(self._judge_again), "unfolded")
        with self.task.held():  # nothing is computed for what is not selected
            self._refresh()
            self.follow_fit()
            self.selection = selection or Selection()
        fits.watch(self)

    # --- what a subclass provides ------------------------------------------------------------------------------

    def _heading(self) -> str:
        return f"{self.label}: {self.study.name}"

    def _check(self) -> None:
        """Refuse arguments of the constructor that make no sense, before any widget is made."""

    def _make_controls(self) -> Sequence[ipywidgets.Widget]:
        """Make the controls, at most seven for one row."""
        return []

    @abstractmethod
    def _make_views(self) -> Sequence[ipywidgets.Widget]:
        """Make the views that answer the question, one below the other; the controls are there already."""

    def _make_more(self) -> Sequence[ipywidgets.Widget]:
        """Make what there is beyond the answer, one below the other; controls and views are there already."""
        return []

    @abstractmethod
    def _bind(self) -> None:
        """Observe controls and views, and name what is chosen with `bind`."""

    @property
    @abstractmethod
    def explanation(self) -> Any:
        """The explanation on display, or None."""

    @property
    def layer_status(self) -> Mapping[str, str]:
        """The word "ready", "to fit" or "fitting" for each layer that is fitted here."""
        return {}

    def thumbnails(self) -> list[Tile]:
        """A few pictures of what is on display, for a card that leads here."""
        return []

    # --- looking at the same -----------------------------------------------------------------------------------

    @property
    def selection(self) -> Selection:
        """What is looked at; set it to share the selection of another widget."""
        return self._selection

    @selection.setter
    def selection(self, selection: Selection) -> None:
        self._leave()
        self._selection = selection
        selection.observe(self._heard, names=list(self.follows))
        for name in self.follows:
            self._follow(name)
        self._known = {}
        self.announce()

    def _leave(self) -> None:
        """Hear no more of the selection."""
        with suppress(ValueError):
            self._selection.unobserve(self._heard, names=list(self.follows))

    def _heard(self, change: Any) -> None:
        self._follow(change["name"])

    def _follow(self, name: str) -> None:
        """Look at what the selection says, as far as that is possible here."""
        goal = getattr(self.selection, name)
        self.left_behind.pop(name, None)
        if goal is None or goal == getattr(self, name):
            return
        before, self._following = self._following, True
        try:
            setattr(self, name, goal)
        except (XaiWidgetsError, TraitError):
            self.left_behind[name] = self._cannot_follow(name, goal)
        finally:
            self._following = before
            self._known = {each: getattr(self, each) for each in self.follows}

    def _cannot_follow(self, name: str, goal: Any) -> str:
        """Say that a part of the selection cannot be shown here."""
        here = getattr(self, name)
        still = "" if here is None else f", so it is still {self._spoken(name, here)}"
        return f"{SPOKEN[name]} {self._spoken(name, goal)} cannot be chosen here{still}"

    def _spoken(self, name: str, value: Any) -> str:
        return class_name(self.study.class_names, value) if SPOKEN[name] == "class" else str(value)

    def announce(self) -> None:
        """Put what was chosen here into the selection."""
        for name in () if self._following else self.follows:
            here = getattr(self, name)
            if here != self._known.get(name):
                self._known[name] = here
                setattr(self.selection, name, here)

    # --- taking it away ----------------------------------------------------------------------------------------

    def figure(self) -> Any:
        """What is on display as a matplotlib figure.

        Raises
        ------
        NotFittedError
            If nothing is on display.
        """
        return self._required().figure()

    def gallery(self) -> Gallery:
        """What is on display as a static gallery, which survives in a saved notebook; raises what `figure` raises."""
        gallery: Gallery = self._required().gallery()
        return gallery

    def _required(self) -> Any:
        """The explanation on display."""
        if self.explanation is None:
            raise NotFittedError(f"there is nothing to show: {self.sentence}")
        return self.explanation

    # --- for the Workbench and for pages -----------------------------------------------------------------------

    @classmethod
    def beside(cls, study: Study, other: Study | None = None, *, selection: Selection | None = None) -> list[Self]:
        """Explorers of one study, or of two side by side, which look at what is selected."""
        first = cls(study, selection=selection)
        first.first = first
        if other is None:
            return [first]
        second = cls(other)
        second.first = first  # before it follows the selection: what it shows then may depend on the first
        second.selection = selection or Selection()
        return [first, second]

    def difference(self, other: Explorer, names: Sequence[str]) -> tuple[Hashable, Search]:
        """How to find where this explorer and that of another study differ most; equal keys find the same."""
        return "predictions", partial(of_predictions, (self.study, other.study), names)

    @classmethod
    def prepared(cls, studies: Sequence[Study], *, seed: int = 0, progress: Progress) -> list[Self]:
        """Explorers with everything there that their pages show, without a browser.

        What takes no fit is computed; what is not fitted is not fitted here, and shows nothing.

        Parameters
        ----------
        studies
            One, or two for side by side.
        seed
            Of what is searched for.
        progress
            Told each step, and asked whether to stop.

        Raises
        ------
        CancelledError
            If the progress was cancelled; the explorers are closed then.
        """
        del seed  # a subclass may search
        return [cls(study).settled(progress) for study in studies]

    def settle(self, progress: Progress) -> None:
        """Wait until nothing runs any more.

        Raises
        ------
        CancelledError
            If the progress was cancelled.
        """
        progress.start(f"Preparing {self.title}", 1)
        while not self.wait(PATIENCE):
            progress.check()
        progress.advance()

    def settled(self, progress: Progress) -> Self:
        """Wait until the background work is done; the explorer is closed if that fails or is cancelled."""
        try:
            self.settle(progress)
            if self.last_error is not None:
                raise self.last_error
        except BaseException:
            self.close()
            raise
        return self

    # --- whether to trust it -----------------------------------------------------------------------------------

    def judge(self, verdict: Verdict | None, numbers: str = "", shown: object = None) -> None:
        """Say whether to trust what is shown.

        What hiding the evidence `shown` does is said, too, and measured only while somebody looks at the numbers.
        """
        with self.lock:
            if shown is not self._shown:
                self._weighing.cancel()
                self._shown, self._weighed = shown, ""
            if self.why.unfolded and shown is not None and not self._weighed:
                self._weigh(shown)
            self._own_numbers = numbers
            super().judge(verdict, f"{numbers} {self._weighed}".rstrip())

    def _judge_again(self) -> None:
        self.judge(self.verdict, self._own_numbers, self._shown)

    def _marks(self, shown: Any) -> Marks:
        """What the evidence marks that `judge` was given; called in the background."""
        raise NotImplementedError

    def _weigh(self, shown: object) -> None:
        self._weighed = WEIGHING
        self._weighing.submit(
            lambda progress: hidden(self.study, self._marks(shown), progress), partial(self._add, shown)
        )

    def _add(self, shown: object, found: Hidden) -> None:
        with self.lock:
            if shown is self._shown:
                self._weighed = found.sentence()
                self._judge_again()

    def _on_weighing(self, state: TaskState) -> None:
        if state == "failed" and self._weighing.error is not None:
            self._weighed = NOT_WEIGHED
            self._judge_again()
            self.show_error(self._weighing.error)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing runs, for so many seconds at most, and say whether nothing does."""
        return super().wait(timeout) and self._weighing.wait(timeout)

    # --- taking it away ----------------------------------------------------------------------------------------

    @abstractmethod
    def draft(self) -> Draft:
        """A page that shows the same, before it is computed; raises what `to_html` raises where there is nothing."""

    def make_page(self, progress: Progress) -> Page:
        """Prepare a page that shows the same without a notebook, a kernel or a network."""
        (page,) = finished([self.draft()], progress)
        return page

    # --- life --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close every widget inside, and stop what is running; a fit goes on, to be found in the study."""
        self._leave()
        self._weighing.cancel()
        self._weighing.wait()
        super().close()

"""The frame every widget shares: title, pictures, a sentence, a verdict, controls, progress, and one red line."""

from __future__ import annotations

import functools
import html
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import ipywidgets

from xai_widgets import files, hosts
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.names import closest
from xai_widgets.progress import Progress, bar
from xai_widgets.runs.keeping import register
from xai_widgets.widgets.frame.progress_line import ProgressLine
from xai_widgets.widgets.frame.saving import save
from xai_widgets.widgets.frame.task import BackgroundTask, TaskState
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.views.elements import STILL, KernelLine, Names, Why
from xai_widgets.widgets.views.tools import Displayed, close_all, fit_description, source
from xai_widgets.widgets.views.verdict import Verdict, verdict_line

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

#: No more controls than people can survey at a glance.
MOST_CONTROLS = 7


class Parts(NamedTuple):
    """What an app consists of, from top to bottom."""

    #: Progress, and what went wrong.
    above: Sequence[ipywidgets.Widget]
    #: The answer.
    content: Sequence[ipywidgets.Widget]
    #: Sentence and verdict.
    words: Sequence[ipywidgets.Widget]
    #: The row of controls, if there is one.
    controls: Sequence[ipywidgets.Widget]
    more: Sequence[ipywidgets.Widget]


class App(Displayed, ABC):
    """A widget of this package: a plain object that owns what is displayed.

    Subclasses build their controls and views, hand them over here, and say what goes into a page of their own.

    Parameters
    ----------
    title
        Heading.
    sentence
        What one is looking at, in one plain sentence.
    controls
        At most seven widgets, shown in one row.
    content
        The pictures that answer the question, one widget below the other; sentence and verdict come last.
    more
        What there is beyond that, below the controls.

    Attributes
    ----------
    widget
        The ipywidgets container; the app displays itself, so this is needed for your own layouts only.
    task
        The background thread; ``app.task.wait()`` waits for the work that runs.
    lock
        Held while what is chosen or shown changes: controls call from the kernel's threads, results from another.
    why
        ``why.unfolded`` is whether the numbers behind "Why?" are unfolded.
    last_error
        The latest exception that the red line showed, or None; ``raise app.last_error`` shows where it came from.
    """

    #: Work shorter than this many seconds shows no progress bar, which would only flicker.
    patience: float = 0.3

    #: What still works after the kernel has stopped, for the line that says so.
    without_kernel: str = STILL

    def __init__(
        self,
        title: str,
        sentence: str = "",
        *,
        controls: Sequence[ipywidgets.Widget] = (),
        content: Sequence[ipywidgets.Widget] = (),
        more: Sequence[ipywidgets.Widget] = (),
    ) -> None:
        if len(controls) > MOST_CONTROLS:
            raise XaiWidgetsError(f"{len(controls)} controls in one row; at most {MOST_CONTROLS} can be surveyed")
        hosts.prepare()
        self.title = title
        self._choices: dict[str, tuple[Any, str]] = {}
        self.lock = threading.RLock()
        self.last_error: BaseException | None = None
        self._watchers: list[Callable[[], None]] = []
        self.task = BackgroundTask(self._on_state)
        self._unsaved: Exception | None = None
        self._text = {"sentence": sentence, "numbers": "", "error": ""}
        self._verdict: Verdict | None = None
        self._lines = {name: ipywidgets.HTML(layout={"margin": "0"}) for name in self._text}
        self._progress = ProgressLine(self.cancel, self.patience)
        kernel = KernelLine(self.without_kernel)
        self.why = Why()
        self._unseen = [kernel, Names(), self.why]
        self.widget = ipywidgets.VBox(self._frame(controls, content, more), layout={"grid_gap": "6px"})
        self.widget.add_class("xw-app")
        kernel.root = self.widget.model_id
        for name, text in self._text.items():
            self._write(name, text)

    def _frame(
        self,
        controls: Sequence[ipywidgets.Widget],
        content: Sequence[ipywidgets.Widget],
        more: Sequence[ipywidgets.Widget],
    ) -> list[ipywidgets.Widget]:
        for control in controls:
            fit_description(control)
        row = ipywidgets.HBox(controls, layout={"flex_flow": "row wrap", "grid_gap": "4px 12px"})
        above, words = (self._progress.widget, self._lines["error"]), (self._lines["sentence"], self._lines["numbers"])
        self.parts = Parts(above, content, words, [row] if controls else [], more)
        return [self._heading_line(), *self._unseen, *(widget for part in self.parts for widget in part)]

    def _heading_line(self) -> ipywidgets.HTML:
        style = source("style.css")
        heading = f'<style>{style}</style><div class="xw"><h2 class="xw-title">{html.escape(self.title)}</h2></div>'
        return ipywidgets.HTML(heading, layout={"margin": "0"})

    # --- the lines of text ---------------------------------------------------------------------------------------

    @property
    def sentence(self) -> str:
        """What one is looking at, in one plain sentence; plain text, to be read and set."""
        return self._text["sentence"]

    @sentence.setter
    def sentence(self, text: str) -> None:
        self._write("sentence", text)

    @property
    def numbers(self) -> str:
        """The numbers that tell whether to trust it, in plain text."""
        return self._text["numbers"]

    @property
    def verdict(self) -> Verdict | None:
        """Whether to trust what is shown; None while nothing is."""
        return self._verdict

    def judge(self, verdict: Verdict | None, numbers: str = "") -> None:
        """Say whether to trust what is shown, with the numbers that tell."""
        self._verdict = verdict
        self._write("numbers", numbers)

    def _write(self, name: str, text: str) -> None:
        self._text[name] = text
        role = "alert" if name == "error" else "status"
        line = self._lines[name]
        plain = f'<div class="xw xw-{name}" role="{role}">{html.escape(text)}</div>'
        judged = verdict_line(self._verdict, text, unfolded=self.why.unfolded)
        line.value = judged if name == "numbers" else plain
        # An empty line takes no room, except that of the sentence and the verdict: what is below them would jump.
        line.layout.display = "none" if name == "error" and not text else None

    # --- errors --------------------------------------------------------------------------------------------------

    def show_error(self, error: BaseException) -> None:
        """Show an error in the red line and keep it as `last_error`."""
        log.info("%s: an error was shown", self.title, exc_info=error)
        self.last_error = error
        name = "" if isinstance(error, XaiWidgetsError) else f"{type(error).__name__}: "
        self._write("error", f"{name}{error}")

    def clear_error(self) -> None:
        """Empty the red line, unless something could not be saved; `last_error` stays for those who look at it."""
        if self._unsaved is not None:
            self.show_error(self._unsaved)
        elif self._text["error"]:
            self._write("error", "")

    def guarded(self, callback: Callable[P, object]) -> Callable[P, None]:
        """Wrap a callback of a control so that what it raises appears in the red line, and nowhere else."""

        @functools.wraps(callback)
        def safe(*args: P.args, **kwargs: P.kwargs) -> None:
            self.clear_error()
            try:
                callback(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - shown to the user, who cannot see a log
                self.show_error(error)
            self.announce()

        return safe

    def locked(self, callback: Callable[[], object]) -> Callable[..., None]:
        """Wrap a callback of a control that takes no arguments: `guarded`, while the lock is held."""

        def holding(*_: object) -> None:
            with self.lock:
                callback()

        return self.guarded(holding)

    # --- long work -----------------------------------------------------------------------------------------------

    def run(self, work: Callable[[Progress], T], on_done: Callable[[T], None], task_name: str = "Computing") -> None:
        """Do long work in the background, with a progress bar and a Cancel button; the latest call wins.

        Parameters
        ----------
        work
            Gets a `Progress`; called in the background, so it must not touch widgets.
        on_done
            Gets the result and shows it by setting traits. Dropped if the work was cancelled or superseded.
        task_name
            What is shown beside the bar until the work reports a name of its own.
        """

        def announced(progress: Progress) -> T:
            self._progress.begin(task_name)
            return work(progress)

        self.clear_error()
        self.task.submit(announced, on_done, self._progress.update)

    def cancel(self) -> None:
        """Stop the work that runs; what is shown stays."""
        self.task.cancel()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` whenever background work begins or ends."""
        self._watchers.append(watcher)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing runs, for so many seconds at most, and say whether nothing does."""
        return self.task.wait(timeout)

    def _on_state(self, state: TaskState) -> None:
        if state != "running":
            self._progress.end()
        if state == "failed" and self.task.error is not None:
            self.show_error(self.task.error)
        for listener in tuple(self._watchers):
            listener()

    # --- what is chosen ------------------------------------------------------------------------------------------

    def bind(self, name: str, owner: Any, attribute: str = "value") -> None:
        """Let `state` hold an attribute that can be read and set: of a control, of a view, of the app itself."""
        self._choices[name] = (owner, attribute)

    @property
    def state(self) -> dict[str, Any]:
        """What is chosen, by name, as plain values; set some or all of them to choose the same again.

        Raises
        ------
        XaiWidgetsError
            For a name that does not exist; nothing is set then.

        Examples
        --------
        >>> saved = explorer.state  # doctest: +SKIP
        >>> explorer.state = {"layer": "block4", "alpha": 0.5}  # doctest: +SKIP
        """
        return {name: getattr(*place) for name, place in self._choices.items()}

    @state.setter
    def state(self, values: Mapping[str, Any]) -> None:
        for name in values:
            closest(name, self._choices, "choice")
        for name, place in self._choices.items():
            if name in values:
                setattr(*place, values[name])
        self.announce()

    def announce(self) -> None:
        """Tell others what was chosen here; called after every callback of a control."""

    # --- keeping -------------------------------------------------------------------------------------------------

    def keep(self, explainer: Explainer) -> None:
        """Let its study find what was fitted or named and, if the study is kept in a folder, save it in the background.

        What cannot be saved stays as it is; the red line says so until it can.
        """
        register(explainer)
        save(explainer, self.was_saved)

    def was_saved(self, error: Exception | None) -> None:
        """Say in the red line what could not be saved, until it could."""
        before, self._unsaved = self._unsaved, error
        if before or error:
            self.clear_error()

    # --- life ----------------------------------------------------------------------------------------------------

    def page(self, *, progress: Progress | None = None) -> str:
        """Render what `to_html` writes; the parameters, and what is raised, are those of `to_html`."""
        with progress or bar() as shown:
            return self.make_page(shown).html()

    @abstractmethod
    def make_page(self, progress: Progress) -> Page:
        """Prepare a page that shows the same without a notebook, a kernel or a network."""

    def to_html(self, path: str | Path, *, progress: Progress | None = None) -> None:
        """Write one file that shows the same without a notebook, a kernel or a network.

        Parameters
        ----------
        path
            The file, usually ending in ``.html``; an existing one is replaced.
        progress
            Told each step, and asked whether to stop; default a progress bar.

        Raises
        ------
        NotFittedError
            While there is nothing to show; a layer that is not fitted is a `LayerError`.
        CancelledError
            If the progress was cancelled; there is no new file then.
        """
        files.write(Path(path).expanduser(), self.page(progress=progress).encode())

    def close(self) -> None:
        """Stop the work and close every widget inside."""
        self.task.cancel()
        self._progress.end()
        close_all(self.widget)
        for line in self._lines.values():  # which a subclass may have left out
            close_all(line)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.title}>"

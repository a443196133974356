"""The frame every widget shares: title, sentence, controls, progress, content, numbers, and one red line."""

from __future__ import annotations

import difflib
import functools
import html
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import ipywidgets

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.progress import Progress, ProgressState
from xai_widgets.widgets.task import BackgroundTask, TaskState
from xai_widgets.widgets.views import HERE

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

#: No more controls than people can survey at a glance.
MOST_CONTROLS = 7


class State:
    """What is chosen in a widget, as plain values: to save it, to restore it, to link it.

    Examples
    --------
    >>> state = State()
    >>> state.bind("blend", slider)
    >>> state.to_dict()
    {'blend': 0.5}
    """

    def __init__(self) -> None:
        self._places: dict[str, tuple[Any, str]] = {}

    def bind(self, name: str, owner: Any, attribute: str = "value") -> None:
        """Let ``name`` stand for an attribute that can be read and set: of a control, of a view, of an app."""
        self._places[name] = (owner, attribute)

    def to_dict(self) -> dict[str, Any]:
        """All values, in the order in which they were bound."""
        return {name: getattr(*place) for name, place in self._places.items()}

    def from_dict(self, values: Mapping[str, Any]) -> None:
        """Set some or all values, in the order in which they were bound.

        Raises
        ------
        XaiWidgetsError
            For a name that was never bound; nothing is set then.
        """
        for name in values:
            self._require(name)
        for name, place in self._places.items():
            if name in values:
                setattr(*place, values[name])

    def _require(self, name: str) -> None:
        if name not in self._places:
            close = difflib.get_close_matches(name, self._places, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise XaiWidgetsError(f"the state has no {name!r}, only {', '.join(self._places)}{hint}")


class App(ABC):
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
        The pictures, one widget below the other.

    Attributes
    ----------
    widget
        The ipywidgets container; the app displays itself, so this is needed for layouts of one's own only.
    state
        What is chosen, see `State`.
    task
        The background thread; ``app.task.wait()`` waits for the work that runs.
    last_error
        The latest exception that the red line showed, or None; ``raise app.last_error`` shows where it came from.
    """

    #: Work shorter than this many seconds shows no progress bar, which would only flicker.
    patience: float = 0.3

    def __init__(
        self,
        title: str,
        sentence: str = "",
        *,
        controls: Sequence[ipywidgets.Widget] = (),
        content: Sequence[ipywidgets.Widget] = (),
    ) -> None:
        if len(controls) > MOST_CONTROLS:
            raise XaiWidgetsError(f"{len(controls)} controls in one row; at most {MOST_CONTROLS} can be surveyed")
        self.title = title
        self.state = State()
        self.last_error: BaseException | None = None
        self.task = BackgroundTask(self._on_state)
        self._text = {"sentence": sentence, "numbers": "", "error": ""}
        self._lines = {name: ipywidgets.HTML(layout={"margin": "0"}) for name in self._text}
        self._progress = _ProgressLine(self.cancel, self.patience)
        self.widget = ipywidgets.VBox(self._frame(controls, content), layout={"padding": "8px 4px", "grid_gap": "10px"})
        self.widget.add_class("xw-app")
        for name, text in self._text.items():
            self._write(name, text)

    def _frame(
        self, controls: Sequence[ipywidgets.Widget], content: Sequence[ipywidgets.Widget]
    ) -> list[ipywidgets.Widget]:
        style = (HERE / "style.css").read_text(encoding="utf-8")
        heading = f'<style>{style}</style><div class="xw"><h2 class="xw-title">{html.escape(self.title)}</h2></div>'
        for control in controls:
            fit_description(control)
        row = ipywidgets.HBox(controls, layout={"flex_flow": "row wrap", "grid_gap": "4px 12px"})
        above = [ipywidgets.HTML(heading, layout={"margin": "0"}), self._lines["sentence"]]
        return [
            *above,
            *([row] if controls else []),
            self._progress.widget,
            self._lines["error"],
            *content,
            self._lines["numbers"],
        ]

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
        """The numbers that tell whether to believe it; plain text, to be read and set."""
        return self._text["numbers"]

    @numbers.setter
    def numbers(self, text: str) -> None:
        self._write("numbers", text)

    def _write(self, name: str, text: str) -> None:
        self._text[name] = text
        role = "alert" if name == "error" else "status"
        line = self._lines[name]
        line.value = f'<div class="xw xw-{name}" role="{role}">{html.escape(text)}</div>'
        # An empty line takes no room, except that of the sentence and the numbers, which would make pictures jump.
        line.layout.display = "none" if name == "error" and not text else None

    # --- errors --------------------------------------------------------------------------------------------------

    def show_error(self, error: BaseException) -> None:
        """Show an error in the red line and keep it as `last_error`."""
        log.info("%s: an error was shown", self.title, exc_info=error)
        self.last_error = error
        name = "" if isinstance(error, XaiWidgetsError) else f"{type(error).__name__}: "
        self._write("error", f"{name}{error}")

    def clear_error(self) -> None:
        """Empty the red line; `last_error` stays for those who want to look at it."""
        if self._text["error"]:
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

        return safe

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

    def _on_state(self, state: TaskState) -> None:
        if state != "running":
            self._progress.end()
        if state == "failed" and self.task.error is not None:
            self.show_error(self.task.error)

    # --- life ----------------------------------------------------------------------------------------------------

    @abstractmethod
    def to_html(self, path: str | Path) -> None:
        """Write one file that shows the same without a notebook, a kernel or a network."""

    def close(self) -> None:
        """Stop the work and close every widget inside."""
        self.task.cancel()
        self._progress.end()
        close_all(self.widget)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Display the widget (called by Jupyter)."""
        return mimebundle(self.widget, repr(self), **kwargs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.title}>"


class _ProgressLine:
    """A bar, what is done and how long it will take, and a Cancel button; hidden while nothing runs."""

    def __init__(self, on_cancel: Callable[[], None], patience: float) -> None:
        self._bar = ipywidgets.FloatProgress(max=1.0, layout={"width": "14em"})
        self._label = ipywidgets.HTML()
        self._button = ipywidgets.Button(description="Cancel", layout={"width": "6em"})
        self._button.on_click(lambda _: on_cancel())
        # Hidden, not gone: the pictures below must not jump when work begins.
        layout = {"visibility": "hidden", "align_items": "center", "grid_gap": "8px", "min_height": "32px"}
        self.widget = ipywidgets.HBox([self._bar, self._label, self._button], layout=layout)
        self._patience = patience
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def begin(self, task_name: str) -> None:
        """Start from zero, and appear once the work has taken longer than people wait gladly."""
        self._bar.value = 0.0
        self._say(task_name)
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(self._patience, self._show)
                self._timer.daemon = True
                self._timer.start()

    def update(self, state: ProgressState) -> None:
        """Show a report."""
        self._bar.value = state.fraction
        self._say(progress_text(state))

    def end(self) -> None:
        """Disappear, or never appear."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            self.widget.layout.visibility = "hidden"

    def _show(self) -> None:
        with self._lock:
            if self._timer is not None:
                self.widget.layout.visibility = "visible"

    def _say(self, text: str) -> None:
        self._label.value = f'<div class="xw xw-progress">{html.escape(text)}</div>'


def progress_text(state: ProgressState) -> str:
    """Say how far a task is: what, how much of how much, and how long it will take."""
    parts = [state.task or "Computing"]
    if state.total:
        parts.append(f"{state.done:,} of {state.total:,}")
    if state.note:
        parts.append(state.note)
    left = state.seconds_left
    if left is not None and state.fraction < 1:
        parts.append(f"{left:.0f} s left" if left < 90 else f"{left / 60:.0f} min left")
    return " · ".join(parts)


def mimebundle(widget: ipywidgets.Widget, text: str, **kwargs: Any) -> Any:
    """What Jupyter needs to display ``widget``, with ``text`` for where widgets cannot be displayed."""
    # A closed widget has no bundle any more.
    if not callable(widget._repr_mimebundle_):
        return {"text/plain": f"{text} (closed)"}
    bundle = widget._repr_mimebundle_(**kwargs)
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    return {**data, "text/plain": text}


def fit_description(control: ipywidgets.Widget) -> None:
    """Let a control's description take the room it needs, so that controls begin where the text begins."""
    style = getattr(control, "style", None)
    if style is not None and style.has_trait("description_width"):
        style.description_width = "initial"


def close_all(widget: ipywidgets.Widget) -> None:
    """Close a widget and every widget it holds: children, layouts, styles."""
    held = [value for name, value in widget.trait_values().items() if name != "comm"]
    widget.close()
    for value in held:
        for inner in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(inner, ipywidgets.Widget) and inner.comm is not None:
                close_all(inner)

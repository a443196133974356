"""How long work is shown in a widget."""

from __future__ import annotations

import html
import threading
import weakref
from collections.abc import Callable

import ipywidgets

from xai_widgets.progress import ProgressState


class ProgressLine:
    """A bar, what is done and how long it will take, and a Cancel button; hidden while nothing runs."""

    def __init__(self, on_cancel: Callable[[], None], patience: float) -> None:
        self._bar = ipywidgets.FloatProgress(max=1.0, layout={"width": "auto", "height": "4px"})
        self._label = ipywidgets.HTML()
        self._button = ipywidgets.Button(description="Cancel", layout={"width": "6em"})
        self._button.on_click(lambda _: on_cancel())
        # Drawn over the top edge of what is below: it takes no room, and nothing jumps when work begins.
        self.widget = ipywidgets.HBox([self._bar, self._label, self._button], layout={"visibility": "hidden"})
        self.widget.add_class("xw-busy")
        self._patience = patience
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def begin(self, task_name: str) -> None:
        """Start from zero, and appear once the work has taken longer than people wait gladly."""
        self._bar.value = 0.0
        self._say(task_name)
        with self._lock:
            if self._timer is None:
                # Weakly: a timer that was cancelled lives on for a moment, and a closed widget is to be freed at once.
                self._timer = threading.Timer(self._patience, _call, [weakref.WeakMethod(self._show)])
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


def _call(method: weakref.WeakMethod[Callable[[], None]]) -> None:
    if (there := method()) is not None:
        there()


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

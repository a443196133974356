"""How long work reports where it is, and how it is told to stop.

Work takes one `Progress`, calls `start` for each of its tasks and `advance` after each step; whoever wants it to end
calls `cancel`, from any thread, and the work stops at its next `advance` or `check`. The base class shows nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from xai_widgets.errors import CancelledError

REPORT_SECONDS = 0.1
"""Least time between two reports of a task; its first and its last one are always made."""


@dataclass(frozen=True)
class ProgressState:
    """Where a task is: `done` of `total` steps after `seconds`, with a `note` such as the current loss."""

    task: str
    done: int
    total: int
    seconds: float
    note: str

    @property
    def fraction(self) -> float:
        """Share of the steps that are done, in [0, 1]; 1 for a task without steps."""
        return 1.0 if self.total <= 0 else min(max(self.done / self.total, 0.0), 1.0)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end if the rest is as fast as what is done, or None as long as nothing is done."""
        if self.fraction == 1.0:
            return 0.0
        return self.seconds * (self.total - self.done) / self.done if self.done > 0 else None


class Progress:
    """What long work reports through, and how it is told to stop.

    One object serves one piece of work, which may have several tasks, one after the other. Once cancelled it stays
    cancelled. As a context manager it closes what shows it, however the work ends.

    Parameters
    ----------
    on_update
        Called in the working thread with each reported `ProgressState`. It may call `cancel`; an error in it ends the
        work.
    """

    def __init__(self, on_update: Callable[[ProgressState], None] | None = None) -> None:
        self._on_update = on_update
        self._cancelled = threading.Event()
        self._state = ProgressState(task="", done=0, total=1, seconds=0.0, note="")
        self._began = self._reported = time.monotonic()

    @property
    def state(self) -> ProgressState:
        """The state after the latest `start` or `advance`, reported or not; may be read from any thread."""
        return self._state

    def start(self, task: str, total: int, *, done: int = 0, seconds: float = 0.0) -> None:
        """Begin a task of `total` steps.

        Parameters
        ----------
        task
            What is being done, for people to read.
        total
            Number of steps.
        done, seconds
            Steps already done, and the seconds they took, when the task resumes: they count for the time left.

        Raises
        ------
        CancelledError
            If `cancel` was called.
        """
        self.check()
        self._began = time.monotonic() - seconds
        self._state = ProgressState(task=task, done=done, total=total, seconds=seconds, note="")
        self._report()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count `steps` as done, and report them, at most about ten times a second but always the last one.

        Raises
        ------
        CancelledError
            If `cancel` was called; the steps are counted all the same.
        """
        before, now = self._state, time.monotonic()
        done = before.done + steps
        self._state = ProgressState(before.task, done, before.total, now - self._began, note)
        if now - self._reported >= REPORT_SECONDS or done >= before.total:
            self._report()
        self.check()

    def check(self) -> None:
        """Stop here if somebody asked for it.

        Raises
        ------
        CancelledError
            If `cancel` was called.
        """
        if self._cancelled.is_set():
            self.close()
            task = self._state.task or "the work"
            raise CancelledError(f"{task} was cancelled after {self._state.done} of {self._state.total} steps")

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask the work to stop; returns at once, and may be called from any thread."""
        self._cancelled.set()

    def relay(self, state: ProgressState) -> None:
        """Report where work is that is done elsewhere."""
        self._state = state
        self._report()

    def part(self) -> Progress:
        """For a step that counts steps of its own: it shows nothing, and is cancelled with the whole."""
        made = Progress()
        made._cancelled = self._cancelled
        return made

    def close(self) -> None:
        """Put away whatever shows the progress; nothing to do here."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _report(self) -> None:
        self._reported = time.monotonic()
        if self._on_update is not None:
            self._on_update(self._state)


class _Bar(Progress):
    """One tqdm bar per task; it is closed, and stays readable, when its task ends or the work stops."""

    def __init__(self) -> None:
        super().__init__(self._draw)
        self._shown: Any = None

    def start(self, task: str, total: int, *, done: int = 0, seconds: float = 0.0) -> None:
        self.close()
        super().start(task, total, done=done, seconds=seconds)

    def close(self) -> None:
        if self._shown is not None:
            self._shown.close()
            self._shown = None

    def _draw(self, state: ProgressState) -> None:
        if self._shown is None:
            self._shown = self._open(state)
        self._shown.set_postfix_str(state.note, refresh=False)
        self._shown.update(state.done - self._shown.n)
        if state.done >= state.total:
            self.close()

    @staticmethod
    def _open(state: ProgressState) -> Any:
        from tqdm.auto import tqdm  # noqa: PLC0415 - in a notebook it brings ipywidgets, which silent work can spare

        # `Progress` reports seldom enough: tqdm is to draw every report.
        return tqdm(total=state.total, initial=state.done, desc=state.task, mininterval=0, miniters=1)


def bar() -> Progress:
    """Progress as a tqdm bar: on stderr in a terminal, a widget in a notebook.

    Use it as ``with bar() as progress:``, so that the bar is closed when the work fails, too.
    """
    return _Bar()

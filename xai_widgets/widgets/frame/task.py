"""Long work in one background thread: the latest request wins, stale results are dropped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from xai_widgets.errors import CancelledError
from xai_widgets.progress import Progress, ProgressState
from xai_widgets.widgets.frame import threads

T = TypeVar("T")
TaskState = Literal["idle", "running", "cancelled", "failed", "finished"]


@dataclass
class _Request:
    """One piece of work that was asked for."""

    work: Callable[[Progress], Any]
    on_done: Callable[[Any], None]
    progress: Progress
    dropped: bool = False


class BackgroundTask:
    """Runs one piece of work at a time beside the notebook.

    A new request cancels the running one and takes its place. The result of a request that was cancelled or
    superseded never reaches its ``on_done``. There is at most one thread, and none while nothing is asked for.

    Parameters
    ----------
    on_state
        Called with every new state: ``"running"`` when work begins, then ``"finished"``, ``"cancelled"`` or
        ``"failed"``. It is called in the thread that caused the change.

    Attributes
    ----------
    state
        ``"idle"`` until something was asked for, then the state of the latest request.
    error
        What the latest request raised, with its traceback, or None.
    """

    def __init__(self, on_state: Callable[[TaskState], None] | None = None) -> None:
        self.state: TaskState = "idle"
        self.error: BaseException | None = None
        self._on_state = on_state or (lambda _: None)
        self._changed = threading.Condition()
        self._waiting: _Request | None = None
        self._current: _Request | None = None
        self._thread: threading.Thread | None = None
        self._last: threading.Thread | None = None
        self._held = False

    def submit(
        self,
        work: Callable[[Progress], T],
        on_done: Callable[[T], None],
        on_progress: Callable[[ProgressState], None] | None = None,
    ) -> None:
        """Ask for work; whatever is running or waiting is superseded.

        Parameters
        ----------
        work
            Called in the background thread with a `Progress`, on which it calls ``check()`` between batches.
        on_done
            Called in the background thread with the result. What it raises counts as a failure of the work.
        on_progress
            Called in the background thread with every progress report.
        """
        with self._changed:
            self._drop()
            self._waiting = _Request(work, on_done, Progress(on_progress))
            self._begin()

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is asked for inside begins when the context ends, and only the latest of it."""
        self._held = True
        try:
            yield
        finally:
            with self._changed:
                self._held = False
                self._begin()

    def _begin(self) -> None:
        if self._thread is None and self._waiting is not None and not self._held:
            self._thread = self._last = threads.begin(self._run, self.cancel, "xai-widgets")

    def cancel(self) -> None:
        """Ask the running work to stop at its next check, and forget the work that waits."""
        with self._changed:
            self._drop()
            waiting, self._waiting = self._waiting, None
            never_ran = self._current is None and waiting is not None
        if never_ran:
            self._set_state("cancelled")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing runs; an interrupt (Ctrl-C) cancels the work.

        Parameters
        ----------
        timeout
            Seconds to wait at most, or None for as long as it takes.

        Returns
        -------
        bool
            Whether the work has ended.
        """
        try:
            with self._changed:
                ended = self._changed.wait_for(lambda: self._thread is None, timeout)
                last = self._last if ended else None
            if last is not None and last is not threading.current_thread():
                last.join(timeout)  # its last steps, in which it still holds on to whoever asked for the work
        except KeyboardInterrupt:
            self.cancel()
            raise
        return ended

    def _drop(self) -> None:
        if self._current is not None:
            self._current.dropped = True
            self._current.progress.cancel()

    def _run(self) -> None:
        while (request := self._next()) is not None:
            self._set_state("running")
            error = self._attempt(request)
            # To whoever watches, work that was superseded simply goes on.
            if self._waiting is None:
                self._set_state(self._outcome(request, error), error)

    def _next(self) -> _Request | None:
        with self._changed:
            self._current, self._waiting = self._waiting, None
            if self._current is None:
                self._thread = None
                self._changed.notify_all()
            return self._current

    def _attempt(self, request: _Request) -> BaseException | None:
        try:
            result = request.work(request.progress)
            if not request.dropped:
                request.on_done(result)
        except BaseException as error:  # noqa: BLE001 - kept for the app, which shows it
            return error
        return None

    @staticmethod
    def _outcome(request: _Request, error: BaseException | None) -> TaskState:
        if request.dropped or isinstance(error, (CancelledError, KeyboardInterrupt)):
            return "cancelled"
        return "finished" if error is None else "failed"

    def _set_state(self, state: TaskState, error: BaseException | None = None) -> None:
        self.state = state
        self.error = error if state == "failed" else None
        self._on_state(state)

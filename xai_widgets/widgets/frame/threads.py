"""Threads that end with Python: at the exit, their work is told to stop, and waited for.

A thread that computes while Python takes itself apart would end the process with an abort of the C++ library.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable

PATIENCE = 8.0
"""Seconds that an exit waits for work to stop, all threads together."""

_RUNNING: dict[threading.Thread, Callable[[], object]] = {}
_LOCK = threading.Lock()


def begin(work: Callable[[], object], cancel: Callable[[], object], name: str) -> threading.Thread:
    """Work in a new thread, and return it; `cancel` asks the work to stop, should Python exit before it is done."""

    def noted() -> None:
        try:
            work()
        finally:
            with _LOCK:
                _RUNNING.pop(thread, None)

    thread = threading.Thread(target=noted, name=name, daemon=True)
    with _LOCK:
        _RUNNING[thread] = cancel
    thread.start()
    return thread


@atexit.register
def stop() -> None:
    """Cancel all work, and wait for its end."""
    with _LOCK:
        running = dict(_RUNNING)
    for cancel in running.values():
        cancel()
    end = time.monotonic() + PATIENCE
    for thread in running:
        thread.join(max(end - time.monotonic(), 0))


class Quiet(threading.local):
    """True within ``with quiet:``, in that thread alone: while something is shown, nobody has chosen it.

    What another thread is told meanwhile, somebody has chosen.
    """

    def __init__(self) -> None:
        self._depth = 0

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1

    def __bool__(self) -> bool:
        return self._depth > 0

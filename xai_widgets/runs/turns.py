"""Processes that fit into one run's folder take turns.

A file in the folder is locked while somebody fits there; the system unlocks it when that process is gone, so that
nobody waits for the dead. The file says who it is. Where files cannot be locked (Windows), nobody waits.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from xai_widgets.errors import ArtifactError
from xai_widgets.progress import Progress

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

NAME = ".fitting"
"""The file in the folder."""

PATIENCE = 0.1
"""Seconds between two attempts."""

_HELD: dict[tuple[int, Path], tuple[int, int]] = {}
"""By process and folder, the locked file and how many fits of this process hold it: these do not disturb each other."""
_LOCK = threading.Lock()


@contextmanager
def turn(folder: Path, progress: Progress, say: Callable[[str], object] = lambda _: None) -> Iterator[None]:
    """Wait until no other process fits in a folder, and let none begin; the folder is made.

    Parameters
    ----------
    folder
        Of a run. It is taken away again if nothing was put into it.
    progress
        Shows that this waits, and is asked whether to stop.
    say
        Gets a sentence if there is somebody to wait for.

    Raises
    ------
    ArtifactError
        If the folder cannot be written to.
    CancelledError
        If the progress was cancelled meanwhile.
    """
    folder = folder.resolve()
    told = False
    while not _taken(folder):
        if not told:
            told = True
            sentence = f"Another process{_who(folder)} is fitting in {folder}; waiting for it."
            say(sentence)
            progress.start(sentence, 1)
        progress.check()
        time.sleep(PATIENCE)
    try:
        yield
    finally:
        _leave(folder)


def rank(environment: Mapping[str, str] | None = None) -> int:
    """The number of this process among those of a ``torchrun``; 0 without one."""
    text = (os.environ if environment is None else environment).get("RANK", "")
    return int(text) if text.isascii() and text.isdecimal() else 0


def _taken(folder: Path) -> bool:
    """Try to be the one that fits here."""
    key = (os.getpid(), folder)
    with _LOCK:
        if key in _HELD:
            opened, count = _HELD[key]
            _HELD[key] = (opened, count + 1)
            return True
        new = _locked(folder)
        if new is not None:
            _HELD[key] = (new, 1)
        return new is not None


def _locked(folder: Path) -> int | None:
    """The opened and locked file, or None if somebody else has it."""
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise ArtifactError(
            f"{folder} cannot be written to ({error}); check its permissions, or choose another"
        ) from error
    try:
        if fcntl is not None:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_there(opened, path):  # whoever had it took the file away in between
            raise BlockingIOError
        os.ftruncate(opened, 0)
        os.write(opened, json.dumps(_self()).encode())
    except BlockingIOError:
        os.close(opened)
        return None
    return opened


def _leave(folder: Path) -> None:
    key = (os.getpid(), folder)
    with _LOCK:
        opened, count = _HELD.pop(key)
        if count > 1:
            _HELD[key] = (opened, count - 1)
            return
        with suppress(OSError):
            (folder / NAME).unlink()  # before it is unlocked: nobody may lock a file that is about to go
        with suppress(OSError):
            folder.rmdir()
        os.close(opened)


def _is_there(opened: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(opened), path.stat())
    except FileNotFoundError:
        return False


def _self() -> dict[str, object]:
    began = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": platform.node(), "began": began}


def _who(folder: Path) -> str:
    """Who fits there, in brackets; nothing if that cannot be read."""
    try:
        said = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return f" (number {said['pid']} on {said['host']}, since {said['began']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""

"""What the commands share: how they talk in a terminal, and how they write a result."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from xai_widgets import files
from xai_widgets.cli.typed import path
from xai_widgets.errors import XaiWidgetsError

if TYPE_CHECKING:
    from xai_widgets.progress import Progress

T = TypeVar("T")

STDOUT = "-"
"""In place of a file's name."""


def say(text: str) -> None:
    """Write a line to stderr: stdout is for results."""
    sys.stderr.write(f"{text}\n")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--json``, for `deliver`."""
    parser.add_argument(
        "--json", metavar="PATH", type=_json, help=f"write JSON there; {STDOUT} prints it instead of the text"
    )


def _json(text: str) -> str:
    return text if text == STDOUT else str(path(text))


def number(rule: Callable[[str, object], T], kind: type[int] | type[float] = int) -> Callable[[str], T]:
    """How argparse is to read a number that follows a rule of `limits`."""

    def read(text: str) -> T:
        try:
            return rule("it", kind(text))
        except XaiWidgetsError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    read.__name__ = "number"  # for argparse's own message
    return read


def require_file(target: Path, option: str) -> Path:
    """The path, if a file can be written there: known before minutes of work, not after. Nothing is made."""
    if target.is_dir():
        raise XaiWidgetsError(f"{target} is a folder; give {option} the name of a file")
    if target.exists() and not os.access(target, os.W_OK):
        raise XaiWidgetsError(f"{target} is read-only; check its permissions, or give {option} another name")
    _require_writable(target.parent, target, option)
    return target


def require_folder(target: Path, option: str) -> Path:
    """The path, if a folder can be there and files in it. Nothing is made."""
    if target.exists() and not target.is_dir():
        raise XaiWidgetsError(f"{target} is a file; give {option} the name of a folder")
    _require_writable(target, target, option)
    return target


def _require_writable(folder: Path, target: Path, option: str) -> None:
    """Refuse a folder that cannot be made, or in which no file can be made."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not there.is_dir():
        raise XaiWidgetsError(f"{target} cannot be there, since {there} is a file; give {option} another name")
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise XaiWidgetsError(
            f"{target} cannot be written ({error}); check the permissions and the free space of {there}, or give "
            f"{option} another name"
        ) from error


def require_json(target: str | None) -> None:
    """Refuse a ``--json`` that cannot be written."""
    if target not in (None, STDOUT):
        require_file(path(str(target)), "--json")


def put(text: str) -> None:
    """Write a result to stdout, whatever letters it has there."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def deliver(text: str, as_json: str, target: str | None) -> None:
    """Print a result, and write it as JSON if ``--json`` asks for a file; no torch is needed for it."""
    if target not in (None, STDOUT):
        files.write(path(str(target)), f"{as_json}\n".encode())
    put(f"{as_json if target == STDOUT else text}\n")


@contextmanager
def stoppable(progress: Progress) -> Iterator[None]:
    """Let Ctrl-C stop the work at its next step, where nothing is half done; a second one stops it at once."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        say("\nStopping after this step (press Ctrl-C again to stop at once).")
        progress.cancel()

    before = signal.signal(signal.SIGINT, stop)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the lines at the end say the same
            yield
    finally:
        signal.signal(signal.SIGINT, before)

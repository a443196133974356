"""What the commands share: how they talk in a terminal, and how they write a result."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from xai_widgets import files
from xai_widgets.errors import XaiWidgetsError

T = TypeVar("T")

STDOUT = "-"
"""In place of a file's name."""


def say(text: str) -> None:
    """Write a line to stderr: stdout is for results."""
    sys.stderr.write(f"{text}\n")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--json``, for `deliver`."""
    parser.add_argument("--json", metavar="PATH", help=f"write JSON there; {STDOUT} prints it instead of the text")


def number(rule: Callable[[str, object], T], kind: type[int] | type[float] = int) -> Callable[[str], T]:
    """How argparse is to read a number that follows a rule of `limits`."""

    def read(text: str) -> T:
        try:
            return rule("it", kind(text))
        except XaiWidgetsError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    read.__name__ = "number"  # for argparse's own message
    return read


def require_file(path: str | Path, option: str) -> Path:
    """The path, if a file can be there, in a folder that is created: known before minutes of work, not after."""
    target = Path(path)
    if target.is_dir():
        raise XaiWidgetsError(f"{target} is a folder; give {option} the name of a file")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def require_folder(path: Path, option: str) -> Path:
    """The path, if a folder can be there."""
    if path.exists() and not path.is_dir():
        raise XaiWidgetsError(f"{path} is a file; give {option} the name of a folder")
    return path


def deliver(text: str, as_json: str, target: str | None) -> None:
    """Print a result, and write it as JSON if ``--json`` asks for a file; no torch is needed for it."""
    if target not in (None, STDOUT):
        files.write(Path(str(target)), f"{as_json}\n".encode())
    sys.stdout.write(f"{as_json if target == STDOUT else text}\n")

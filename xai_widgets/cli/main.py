"""The command ``xai-widgets``: its parser, and how errors end it.

Nothing slow is imported before a command needs it. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from xai_widgets._version import __version__
from xai_widgets.cli import doctor, exam, explain, export, fit, lab, train_demo
from xai_widgets.cli.terminal import say
from xai_widgets.errors import XaiWidgetsError

FAILED, INTERRUPTED, UNREAD = 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0, 1 where a command says so of what it found, 2 for an error that is explained, 130 for Ctrl-C, 141 if nobody reads
    what is written any more (as after ``| head``).
    """
    try:
        return _run(argv)
    except BrokenPipeError:
        _write_no_more()
        return UNREAD


def _run(argv: Sequence[str] | None) -> int:
    command = ""
    try:
        given = parser().parse_args(argv)
        command = f" {given.command}"
        return _ended(given)
    except BrokenPipeError:
        raise
    except (XaiWidgetsError, OSError, UnicodeError) as error:
        say(f"xai-widgets{command}: {' '.join(str(error).split())}")
        return FAILED
    except KeyboardInterrupt as error:
        say(str(error) or f"xai-widgets{command}: interrupted")
        return INTERRUPTED
    finally:
        sys.stdout.flush()


def _ended(given: argparse.Namespace) -> int:
    """Run a command; somebody's model may try to end Python in the middle of it."""
    try:
        status: int | None = given.run(given)
    except SystemExit as error:
        if given.command == "lab":  # JupyterLab ends so
            raise
        raise XaiWidgetsError(f"the model's code exited Python (SystemExit: {error}); let it return instead") from error
    return status or 0


def _write_no_more() -> None:
    """Let Python's own last words go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    made = argparse.ArgumentParser(prog="xai-widgets", description="See what an image classifier has learned.")
    made.add_argument("--version", action="version", version=f"xai-widgets {__version__}")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (lab, train_demo, exam, export, fit, explain, doctor):
        command.add(commands)
    return made


if __name__ == "__main__":
    sys.exit(main())

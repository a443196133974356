"""The command ``xai-widgets``: its parser, and how errors end it.

Nothing slow is imported before a command needs it. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from xai_widgets._version import __version__
from xai_widgets.cli import doctor, exam, export, fit, lab, train_demo
from xai_widgets.cli.terminal import say
from xai_widgets.errors import XaiWidgetsError

FAILED, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0, 1 where a command says so of what it found, 2 for an error that is explained, 130 for Ctrl-C.
    """
    given = parser().parse_args(argv)
    try:
        return given.run(given) or 0
    except (XaiWidgetsError, OSError) as error:
        say(f"xai-widgets {given.command}: {' '.join(str(error).split())}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    made = argparse.ArgumentParser(prog="xai-widgets", description="See what an image classifier has learned.")
    made.add_argument("--version", action="version", version=f"xai-widgets {__version__}")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (lab, train_demo, exam, export, fit, doctor):
        command.add(commands)
    return made


if __name__ == "__main__":
    sys.exit(main())

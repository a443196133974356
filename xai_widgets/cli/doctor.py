"""`xai-widgets doctor`: what is installed, what is wrong with it, and what helps."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

PROBLEMS = 1
"""Exit status where something is wrong."""

STDOUT = "-"


def add(commands: Any) -> None:
    """Add the command to `xai-widgets`."""
    told = "tell what is installed, what is wrong with it, and what helps"
    parser = commands.add_parser("doctor", help=told, description=f"{told.capitalize()}. Exit status: 0, or 1.")
    parser.set_defaults(run=_doctor)
    parser.add_argument("--json", metavar="PATH", help=f"write JSON there; {STDOUT} prints it instead of the text")


def _doctor(given: argparse.Namespace) -> int:
    from xai_widgets.diagnosis.report import doctor  # noqa: PLC0415

    report = doctor()
    if given.json not in (None, STDOUT):
        _write(Path(given.json), report.to_json())
    sys.stdout.write(f"{report.to_json() if given.json == STDOUT else report}\n")
    return 0 if report.ok else PROBLEMS


def _write(target: Path, text: str) -> None:
    """Not by `artifact`, which needs torch: where that is broken, too, this has to work."""
    part = target.with_name(f".{target.name}.part")
    part.write_text(f"{text}\n", encoding="utf-8")
    part.replace(target)

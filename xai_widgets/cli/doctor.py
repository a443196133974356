"""`xai-widgets doctor`: what is installed, what is wrong with it, and what helps."""

from __future__ import annotations

import argparse
from typing import Any

from xai_widgets.cli.terminal import add_json, deliver, require_json


def add(commands: Any) -> None:
    """Add the command to `xai-widgets`."""
    told = "report what is installed, what is wrong, and how to fix it"
    parser = commands.add_parser("doctor", help=told, description=f"{told.capitalize()}. Exit status: 0, or 1.")
    parser.set_defaults(run=_doctor)
    add_json(parser)


def _doctor(given: argparse.Namespace) -> int:
    from xai_widgets.diagnosis.report import doctor  # noqa: PLC0415

    require_json(given.json)
    report = doctor()
    deliver(str(report), report.to_json(), given.json)
    return 0 if report.ok else 1

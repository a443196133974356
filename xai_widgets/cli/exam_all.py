"""`xai-widgets exam --all`: all methods, other methods and rows that know nothing, on both demos or on a run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from xai_widgets import files
from xai_widgets.cli.terminal import deliver, require_file, require_folder, require_json, say
from xai_widgets.errors import XaiWidgetsError

if TYPE_CHECKING:
    from xai_widgets.study import Study

KEEP = Path("xai-widgets-exam")
RUN = "run"


def exam_all(given: argparse.Namespace) -> None:
    """Run the exam of all methods."""
    _require_usable(given)
    from xai_widgets.progress import bar  # noqa: PLC0415
    from xai_widgets.scores.all_exams import examine_all  # noqa: PLC0415
    from xai_widgets.show.exam_report import exam_page, exam_text  # noqa: PLC0415

    studies = _studies(given)
    say(f"Finished rows are kept in {given.keep}; the same command goes on where it stopped.")
    with bar() as progress:
        report = examine_all(
            studies,
            seed=given.seed,
            pictures=given.pictures,
            keep=given.keep,
            progress=progress,
            fit=given.study is None,
        )
    titles = {name: study.name for name, study in studies.items()}
    if given.html is not None:
        files.write(given.html, exam_page(report.to_dict(cases=True), titles).encode())
    deliver(exam_text(report.to_dict(), titles), report.to_json(), given.json)


def _require_usable(given: argparse.Namespace) -> None:
    """Find out before minutes of work, not after, what cannot be done."""
    if given.cheat:
        raise XaiWidgetsError("--all examines both demos; leave --cheat out")
    if given.study is None and (given.model or given.weights):
        raise XaiWidgetsError("--model and --weights belong to a run; name its folder with --study")
    require_json(given.json)
    require_folder(given.keep, "--keep")
    if given.html is not None:
        require_file(given.html, "--html")


def _studies(given: argparse.Namespace) -> dict[str, Study]:
    from xai_widgets.demos import demo  # noqa: PLC0415
    from xai_widgets.scores.all_exams import CHEATING, HONEST  # noqa: PLC0415

    if given.study is None:
        return {HONEST: demo(), CHEATING: demo(cheat=True)}
    from xai_widgets.cli.models import model_of_run  # noqa: PLC0415
    from xai_widgets.runs.keeping import open_run  # noqa: PLC0415

    return {RUN: open_run(given.study, model=model_of_run(given.study, given.model, given.weights))}

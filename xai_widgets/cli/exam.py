"""`xai-widgets exam`: a method measured where the truth is known, as a table or as JSON."""

from __future__ import annotations

import argparse
from typing import Any

from xai_widgets.cli.exam_all import KEEP, exam_all
from xai_widgets.cli.terminal import add_json, deliver, number, require_json
from xai_widgets.cli.typed import path
from xai_widgets.limits import SEED, Whole
from xai_widgets.names import closest
from xai_widgets.scores.exam import EXAMS, run_exam
from xai_widgets.scores.measure import Exam, Measure

COUNT = Whole(4, 100_000)

MOST_BASELINES = 16
"""Nobody reads more of them in one line."""


def add(commands: Any) -> None:
    """Add the command to `xai-widgets`."""
    parser = commands.add_parser("exam", help="measure an explanation method on pictures whose truth is known")
    parser.set_defaults(run=_exam)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--method", help=f"the method, one of: {', '.join(EXAMS)}")
    what.add_argument("--all", action="store_true", help="all methods beside others, on both demos; about 10 minutes")
    parser.add_argument("--cheat", action="store_true", help="examine the cheating classifier")
    parser.add_argument("--seed", type=number(SEED), default=0, help="for the classifiers that judge (default: 0)")
    add_json(parser)
    _add_of_all(parser)


def _add_of_all(parser: argparse.ArgumentParser) -> None:
    """The options of ``--all``."""
    only = parser.add_argument_group("with --all")
    only.add_argument("--html", type=path, metavar="FILE", help="write a report with the best and worst pictures there")
    only.add_argument(
        "--pictures", type=number(COUNT), help="pictures drawn for each classifier (default: 64, of large ones 12)"
    )
    only.add_argument(
        "--keep", type=path, metavar="DIR", default=KEEP, help=f"keep finished rows there (default: {KEEP})"
    )
    only.add_argument(
        "--study", type=path, metavar="DIR", help="examine a run in place of the demos; no truth is needed"
    )
    only.add_argument("--model", metavar="SPEC", help="the run's classifier, as for fit, unless it is torchvision's")
    only.add_argument("--weights", metavar="FILE", help="its weights, as for fit")


def _exam(given: argparse.Namespace) -> None:
    if given.all:
        exam_all(given)
        return
    from xai_widgets.demos import demo  # noqa: PLC0415
    from xai_widgets.progress import bar  # noqa: PLC0415

    closest(given.method, list(EXAMS), "exam")  # before anything is loaded
    require_json(given.json)
    with bar() as progress:
        exam = run_exam(given.method, demo(cheat=given.cheat), seed=given.seed, progress=progress)
    deliver(table(exam), exam.to_json(), given.json)


def table(exam: Exam) -> str:
    """An exam as text: a line for each measure, with chance and baselines beside its value."""
    head = [("measure", "value", "better", "chance", "baselines")]
    lines = head + [_cells(name, measure) for name, measure in exam.measures.items()]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    rows = ["  ".join([*map(str.ljust, line[:4], widths), line[4]]).rstrip() for line in lines]
    title = f"{exam.method} on {exam.study}, seed {exam.seed}, {exam.seconds:g} s"
    return "\n".join([title, "", *rows])


def _cells(name: str, measure: Measure) -> tuple[str, str, str, str, str]:
    chance = "" if measure.chance is None else f"{measure.chance:.3g}"
    written = [f"{other} {value:.3g}" for other, value in list(measure.baselines.items())[:MOST_BASELINES]]
    more = len(measure.baselines) - len(written)
    baselines = ", ".join([*written, f"{more} more with --json"] if more else written)
    return name, f"{measure.value:.3g}", measure.better, chance, baselines

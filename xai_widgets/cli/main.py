"""The command ``xai-widgets``: lessons, the demo's training, and the exams.

Nothing slow is imported before a command needs it. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xai_widgets._version import __version__
from xai_widgets.cli import doctor, export, fit
from xai_widgets.errors import XaiWidgetsError

if TYPE_CHECKING:
    from xai_widgets.scores.measure import Exam, Measure

FAILED, INTERRUPTED = 2, 130
STDOUT = "-"
MOST_BASELINES = 16
"""More in one line nobody reads."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit status.

    0, 1 where a command says so of what it found, 2 for an error that is explained, 130 for Ctrl-C.
    """
    given = _parser().parse_args(argv)
    try:
        return given.run(given) or 0
    except (XaiWidgetsError, OSError) as error:
        _say(f"xai-widgets {given.command}: {' '.join(str(error).split())}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


# --- what can be asked ---------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="xai-widgets", description="See what an image classifier has learned.")
    parser.add_argument("--version", action="version", version=f"xai-widgets {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_lab(commands.add_parser("lab", help="copy the lessons here and open them in JupyterLab"))
    _add_train_demo(commands.add_parser("train-demo", help="train the demo's classifiers and explainers anew"))
    _add_exam(commands.add_parser("exam", help="measure an explanation method where the truth is known"))
    export.add(commands)
    fit.add(commands)
    doctor.add(commands)
    return parser


def _add_lab(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_lab)
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--port", type=_port, help="port to listen on (default: the first free one from 8888 on)")
    parser.add_argument(
        "--dir", type=Path, default=Path(), help="folder to work in; the lessons go to its notebooks (default: .)"
    )


def _add_train_demo(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_train_demo)
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the weights go (default: into the package)")
    parser.add_argument("--seed", type=int, default=0, help="of pictures, weights and order (default: 0)")


def _add_exam(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_exam)
    parser.add_argument("--method", required=True, help="the method: cladec, cae, inversion, srae or summaries")
    parser.add_argument("--cheat", action="store_true", help="on the cheating classifier")
    parser.add_argument("--seed", type=int, default=0, help="of the classifiers that judge (default: 0)")
    parser.add_argument("--json", metavar="PATH", help=f"write JSON there; {STDOUT} prints it instead of the table")


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is no port; there are 1 to 65535")
    return port


# --- what is done --------------------------------------------------------------------------------------------------


def _lab(given: argparse.Namespace) -> None:
    from xai_widgets.cli import lab  # noqa: PLC0415

    lab.lab_application()  # without JupyterLab, nothing is copied
    target = given.dir / lab.NOTEBOOKS
    copied = lab.copy_lessons(target)
    if copied.added:
        _say(f"Copied to {target}: {', '.join(copied.added)}")
    if copied.kept:
        _say(f"Left as you have it in {target}: {', '.join(copied.kept)} (rename it to get the lesson as shipped)")
    lab.open_lab(given.dir, browser=not given.no_browser, port=given.port)


def _train_demo(given: argparse.Namespace) -> None:
    from xai_widgets import progress  # noqa: PLC0415
    from xai_widgets.demos import WEIGHTS, train_demo  # noqa: PLC0415

    folder = given.out or WEIGHTS
    with progress.bar() as bar:
        train_demo(folder, seed=given.seed, progress=bar)
    _say(f"Wrote the demo's weights to {folder}")


def _exam(given: argparse.Namespace) -> None:
    from xai_widgets import progress  # noqa: PLC0415
    from xai_widgets.demos import demo  # noqa: PLC0415
    from xai_widgets.scores.exam import run_exam  # noqa: PLC0415

    target = None if given.json in (None, STDOUT) else _writable(Path(given.json))
    with progress.bar() as bar:
        exam = run_exam(given.method, demo(cheat=given.cheat), seed=given.seed, progress=bar)
    if target is not None:
        target.write_text(f"{exam.to_json()}\n", encoding="utf-8")
    sys.stdout.write(f"{exam.to_json() if given.json == STDOUT else table(exam)}\n")


def _writable(target: Path) -> Path:
    """The path, if a file can be there: to be known before minutes of work, not after."""
    if target.is_dir():
        raise XaiWidgetsError(f"{target} is a folder; give --json the name of a file")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def table(exam: Exam) -> str:
    """An exam as text for people: a line per measure, with chance and baselines beside each value."""
    head = [("measure", "value", "better", "chance", "baselines")]
    lines = head + [_cells(name, measure) for name, measure in exam.measures.items()]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    rows = ["  ".join([*map(str.ljust, line[:4], widths), line[4]]).rstrip() for line in lines]
    title = f"{exam.method} on {exam.study}, seed {exam.seed}, {exam.seconds:g} s"
    return "\n".join([title, "", *rows])


def _cells(name: str, measure: Measure) -> tuple[str, str, str, str, str]:
    chance = "" if measure.chance is None else f"{measure.chance:.3g}"
    shown = [f"{other} {value:.3g}" for other, value in list(measure.baselines.items())[:MOST_BASELINES]]
    more = len(measure.baselines) - len(shown)
    baselines = ", ".join([*shown, f"{more} more with --json"] if more else shown)
    return name, f"{measure.value:.3g}", measure.better, chance, baselines


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())

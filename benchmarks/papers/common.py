"""What the papers' experiments share: options, seeds, numbers with their spread, and claims.

An experiment gives `Rows` for one seed: for each measure, what ours reaches and what the others reach. `run` repeats it
for each seed, and writes means and spreads after each of them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import isfinite, nan
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

import torch

from xai_widgets.progress import Progress, bar
from xai_widgets.scores.exam import one_thread

RESULTS = Path(__file__).parent / "results"
"""The committed numbers, of which `page` makes docs/papers.md."""

FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts it."""

OURS, PAPER = "ours", "paper"

SEEDS = 3
"""Seeds of a whole experiment."""


@dataclass(frozen=True)
class Row:
    """One measure of one seed: values by who reached them, `OURS` first; NaN where one is not defined."""

    better: Literal["higher", "lower"]
    values: Mapping[str, float]


Rows = Mapping[str, Row]


@dataclass(frozen=True)
class Options:
    """What was typed."""

    data: Path
    quick: bool


@dataclass(frozen=True)
class Claim:
    """A claim of a paper, what was found here, and whether it held."""

    paper: str
    claim: str
    found: str
    held: bool


@dataclass(frozen=True)
class Means:
    """The means over all seeds, for claims to read."""

    measures: Mapping[str, Mapping[str, Any]]

    def of(self, measure: str, who: str = OURS) -> float:
        """One mean; NaN where there is none."""
        found = self._entry(measure, who)["value"]
        return float("nan") if found is None else float(found)

    def said(self, measure: str, *who: str) -> str:
        """Some of them as words, with their spread: ``ours 0.81 ± 0.02, gradient 0.4 ± 0.1``."""
        return ", ".join(f"{one} {self.of(measure, one):.3g}{self._spread(measure, one)}" for one in who)

    def _entry(self, measure: str, who: str) -> Mapping[str, Any]:
        entry: Mapping[str, Any] = self.measures[measure]
        found: Mapping[str, Any] = entry if who == OURS else entry["baselines"][who]
        return found

    def _spread(self, measure: str, who: str) -> str:
        found = self._entry(measure, who).get("spread")
        return "" if found is None else f" ± {found:.2g}"


@dataclass(frozen=True)
class Experiment:
    """One paper's experiment.

    Attributes
    ----------
    name
        Of its module.
    measured
        The rows of one seed.
    claims
        What the paper says, and what the means say.
    missing
        Why it cannot run here; empty if it can.
    about
        What was done, in a sentence or two for the page.
    notes
        By measure: why ours is not first, or what else a reader has to know.
    """

    name: str
    measured: Callable[[Options, int, Progress], Rows]
    claims: Callable[[Means], Sequence[Claim]]
    missing: Callable[[Options], str]
    about: str
    notes: Mapping[str, str] = field(default_factory=dict)


def run(experiment: Experiment, given: Sequence[str] | None = None) -> None:
    """Measure for each seed, and print or write the numbers; say why where data are missing."""
    typed = _arguments(experiment).parse_args(given)
    seeds = typed.seeds or (1 if typed.quick else SEEDS)
    options = Options(typed.data, typed.quick)
    if reason := experiment.missing(options):
        print(json.dumps({"file": f"{experiment.name}.py", "skipped": reason}))
        return
    rows, before = known(Path(typed.json)) if typed.resume else ([], 0.0)
    began, text = time.process_time(), ""
    with one_thread(), bar() if sys.stderr.isatty() else Progress() as progress:
        for seed in range(len(rows), seeds):
            rows.append(experiment.measured(options, seed, progress))
            minutes = before + (time.process_time() - began) / 60
            command = f"python -m benchmarks.papers.{experiment.name} --data DIR --seeds {len(rows)}"
            text = report(experiment, rows, command + " --quick" * typed.quick, minutes)
            _write(text, typed.json)
            print(f"{experiment.name}: seed {seed} done after {minutes:.1f} minutes of the processor", file=sys.stderr)
    if typed.json == "-":
        print(text)


def known(path: Path) -> tuple[list[Rows], float]:
    """The rows of the seeds that a file has, and the minutes that they took; nothing if there is no file."""
    if not path.exists():
        return [], 0.0
    found = json.loads(path.read_text(encoding="utf-8"))

    def row(measure: Mapping[str, Any], place: int) -> Row:
        entries = {OURS: measure, **measure["baselines"]}
        values = {who: one["values"][place] for who, one in entries.items()}
        return Row(measure["better"], {who: nan if value is None else value for who, value in values.items()})

    places = range(len(found["seeds"]))
    return [{name: row(one, place) for name, one in found["measures"].items()} for place in places], found[
        "cpu_minutes"
    ]


def _write(text: str, where: str) -> None:
    if where != "-":
        Path(where).write_text(text + "\n", encoding="utf-8")


def _arguments(experiment: Experiment) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=experiment.name, description=experiment.about)
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder with imagenet_samples, brain_mri, ...")
    parser.add_argument("--quick", action="store_true", help="fewer pictures and shorter fits, under three minutes")
    parser.add_argument("--seeds", type=int, help=f"how many seeds; default: {SEEDS}, or 1 with --quick")
    parser.add_argument("--resume", action="store_true", help="measure only seeds that the file of --json has not")
    parser.add_argument("--json", default="-", metavar="FILE", help="where the numbers go; - prints them")
    return parser


# --- numbers -----------------------------------------------------------------------------------------------------


def report(experiment: Experiment, rows: Sequence[Rows], command: str, minutes: float) -> str:
    """Strict JSON of all that was found."""
    measures = {name: _measure([one[name] for one in rows]) for name in rows[0]}
    found = {
        "file": f"{experiment.name}.py",
        "command": command,
        "seeds": list(range(len(rows))),
        "cpu_minutes": round(minutes, 1),
        "torch": torch.__version__,
        "measures": measures,
        **worded(experiment, measures),
    }
    return json.dumps(found, indent=2, allow_nan=False)


def worded(experiment: Experiment, measures: Mapping[str, Any]) -> dict[str, Any]:
    """What an experiment says of its means."""
    claims = [vars(claim) | {"held": bool(claim.held)} for claim in experiment.claims(Means(measures))]
    return {"about": experiment.about, "claims": claims, "notes": dict(experiment.notes)}


def _measure(rows: Sequence[Row]) -> dict[str, Any]:
    """Mean and spread of each value; ours first, and the others as its baselines."""
    found = {who: spread([row.values[who] for row in rows]) for who in rows[0].values}
    others = {who: value for who, value in found.items() if who != OURS}
    return {**found[OURS], "better": rows[0].better, "baselines": others}


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean and standard deviation of those that are defined, and all; a single one has no deviation."""
    there = [value for value in values if isfinite(value)]
    mean = round(fmean(there), 4) if there else None
    deviation = round(stdev(there), 4) if len(there) > 1 else None
    return {"value": mean, "spread": deviation, "values": [round(v, 4) if isfinite(v) else None for v in values]}


def first(measure: Mapping[str, Any], *, apart: Sequence[str] = ()) -> bool:
    """Whether ours is the best of all, or equals it; those that are no methods are left out by name."""
    sign = 1 if measure["better"] == "higher" else -1
    others = [
        one["value"] for who, one in measure["baselines"].items() if who not in apart and one["value"] is not None
    ]
    return measure["value"] is not None and all(sign * measure["value"] >= sign * other for other in others)


# --- data --------------------------------------------------------------------------------------------------------


def folder_missing(options: Options, *names: str) -> str:
    """Why folders of data are needed, if they are not there."""
    gone = [name for name in names if not (options.data / name).is_dir()]
    return f"{options.data} has no folder {', '.join(gone)}; name the folder with --data" if gone else ""


def fashion_missing() -> str:
    """Why Fashion-MNIST is needed, if it is not there."""
    return "" if FASHION.is_dir() else f"{FASHION} is missing: apt-get install dataset-fashion-mnist"


def captum_missing() -> str:
    """Why captum is needed, if it is not there."""
    return "" if find_spec("captum") else 'captum is missing: pip install "xai-widgets[compare]"'


def photos_missing() -> str:
    """Why EfficientNet-Lite0 is needed, if it is not there."""
    there = find_spec("efficientnet_lite_pytorch")
    return "" if there else 'EfficientNet-Lite0 is missing: pip install "xai-widgets[photos]"'

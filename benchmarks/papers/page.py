"""The page docs/papers.md, made from the committed results; their claims and notes are worded anew from the means.

python -m benchmarks.papers.page
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.papers.common import RESULTS, first, worded

PAGE = Path(__file__).parents[2] / "docs" / "papers.md"

TITLES = {
    "inversion_localisation": "Guided feature inversion: where a class is",
    "shortcuts": "Shortcuts: what names them without help",
    "cladec_fashion": "ClaDec: what classifiers learn from reconstructions",
    "srae_faithfulness": "SRAE: how few x-features carry a score",
    "cae_brain_mri": "CAE: tumour and none",
    "summaries_networks": "Visual summaries: two networks, one class",
}

APART = ("original", "no change", "nearest real slice", "commonest class", "of raw slices", "mean picture",
         "random network")  # fmt: skip
"""What stands beside methods and is none; so are clean twins."""

CONTEXT = ("network_", "alpha_", "accuracy_of_grey", "named_of_five", "auto_encoder_to", "_accuracy_alone", "_matched")
"""Measures with such a word say something of networks or pictures, and judge no method."""

SHORT = (
    "**These are numbers of a quick run, with very few pictures and fits that are too short to judge a method by.** "
    "They show that the experiment runs; its claims are not counted above."
)

HEAD = """\
---
title: The papers' experiments
---
# The papers' experiments

The claims of the five papers, measured again on public data, with trivial answers beside every number. Each section
has the numbers of one command in `benchmarks/papers`; `python -m benchmarks.papers.page` makes this page of them. A
number is the mean over the seeds, ± their standard deviation; a single seed has none. "ours" is this package, "paper"
the published method within the same budget of time: seconds or minutes of a CPU. So a claim that fails here may well
hold at the authors' scale.
"""


def main() -> None:
    """Write the page, and the results whose words have changed."""
    found = {name: refreshed(name, one) for name, one in results().items()}
    for name, one in found.items():
        (RESULTS / f"{name}.json").write_text(json.dumps(one, indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")


def refreshed(name: str, one: Mapping[str, Any]) -> dict[str, Any]:
    """Results with the words that their experiment has for these means today; no number changes."""
    experiment = import_module(f"benchmarks.papers.{name}").EXPERIMENT
    return {**one, **worded(experiment, one["measures"])}


def results() -> dict[str, Mapping[str, Any]]:
    """What is committed, in the order of `TITLES`."""
    there = {name: RESULTS / f"{name}.json" for name in TITLES}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in there.items() if path.exists()}


def page(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole page."""
    whole = {name: one for name, one in found.items() if not quick(one)}
    parts = [HEAD, _claims(whole), _weak(whole)]
    parts += [_section(TITLES[name], one) for name, one in found.items()]
    return "\n".join([*parts, *_waiting(found)])


def quick(one: Mapping[str, Any]) -> bool:
    """Whether these are numbers of a short run."""
    return "--quick" in one["command"]


def _waiting(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Experiments without committed results."""
    names = [name for name in TITLES if name not in found]
    lines = [f"- {TITLES[name]}: `python -m benchmarks.papers.{name} --data DIR`" for name in names]
    return ["## Not measured yet\n", *lines, ""] if lines else []


# --- claims and weaknesses ---------------------------------------------------------------------------------------


def _claims(found: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [["claim", "held", "seeds", "found"]]
    for one in found.values():
        seeds = str(len(one["seeds"]))
        rows += [
            [f"{claim['claim']} *({claim['paper']})*", "yes" if claim["held"] else "**no**", seeds, claim["found"]]
            for claim in one["claims"]
        ]
    held = sum(claim["held"] for one in found.values() for claim in one["claims"])
    return f"## Which claims held\n\n{held} of {len(rows) - 1} held here.\n\n{_table(rows)}"


def _weak(found: Mapping[str, Mapping[str, Any]]) -> str:
    """All measures of methods in which ours is not first."""
    rows = [["measure", "ours", "better are"]]
    for name, one in found.items():
        for measure, value in one["measures"].items():
            if judges_methods(measure) and not first(value, apart=others_than_methods(value)):
                rows.append([f"{name}: {words(measure)}", number(value), _better(value)])
    judged = sum(judges_methods(measure) for one in found.values() for measure in one["measures"])
    return (
        f"## What ours is bad at\n\nIn {len(rows) - 1} of {judged} measures, something else is better than ours: the "
        f"published method, a simpler one, or one that knows no classifier.\n\n{_table(rows)}"
    )


def judges_methods(measure: str) -> bool:
    """Whether a measure compares methods."""
    return not any(word in f"{measure}_" for word in CONTEXT) and measure != "accuracy"


def others_than_methods(measure: Mapping[str, Any]) -> list[str]:
    """What stands beside methods in a measure."""
    return [who for who in measure["baselines"] if who in APART or "clean twin" in who]


def _better(measure: Mapping[str, Any]) -> str:
    apart, sign = others_than_methods(measure), 1 if measure["better"] == "higher" else -1
    methods = {who: one for who, one in measure["baselines"].items() if who not in apart and one["value"] is not None}
    ours = measure["value"]
    above = [who for who, one in methods.items() if ours is None or sign * one["value"] > sign * ours]
    above.sort(key=lambda who: -sign * methods[who]["value"])
    return ", ".join(f"{who} {number(methods[who])}" for who in above)


# --- sections ----------------------------------------------------------------------------------------------------


def _section(title: str, one: Mapping[str, Any]) -> str:
    seeds = ", ".join(map(str, one["seeds"]))
    short = f"\n\n{SHORT}" if quick(one) else ""
    made = f"`{one['command']}` · seeds {seeds} · {one['cpu_minutes']} minutes of one processor"
    rows = [["measure", "better", "ours", "others, best first"]]
    rows += [[words(name), value["better"], number(value), _others(value)] for name, value in one["measures"].items()]
    notes = "".join(f"\n- {words(name)}: {text}" for name, text in one["notes"].items())
    return f"## {title}\n\n{one['about']}{short}\n\n{made}\n\n{_table(rows)}{notes}\n"


def _others(measure: Mapping[str, Any]) -> str:
    sign = 1 if measure["better"] == "higher" else -1

    def place(who: str) -> tuple[bool, float]:
        value = measure["baselines"][who]["value"]
        return value is None, -sign * (value or 0)

    return ", ".join(f"{who} {number(measure['baselines'][who])}" for who in sorted(measure["baselines"], key=place))


def words(measure: str) -> str:
    """A measure's name as people read it."""
    return measure.replace("_", " ")


def number(entry: Mapping[str, Any]) -> str:
    """A mean with its spread."""
    if entry["value"] is None:
        return "not defined"
    return f"{entry['value']:.3g}" + ("" if entry["spread"] is None else f" ± {entry['spread']:.2g}")


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "| " + " | ".join(["---"] * len(rows[0])) + " |", *lines[1:]]) + "\n"


if __name__ == "__main__":
    main()

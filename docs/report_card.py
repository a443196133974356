"""Make the report card: docs/report_card.md and the table in the README, from docs/report_card.json.

    python docs/report_card.py            # from the numbers that are there
    python docs/report_card.py --measure  # measure again first, in about ten minutes

The numbers are those of `xai-widgets exam --all`; the papers' claims are those of benchmarks/papers/results. No number
is typed in here. Where a method is not first, REASONS has to say why, or the page is not made.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from xai_widgets.cli.main import main
from xai_widgets.show.exam_report import NONE, first_rows, sentences, value_of, written
from xai_widgets.show.exam_words import KINDS, MEASURES, ROWS

REPOSITORY = Path(__file__).parents[1]
NUMBERS = REPOSITORY / "docs" / "report_card.json"
PAGE = REPOSITORY / "docs" / "report_card.md"
README = REPOSITORY / "README.md"
PAPERS = REPOSITORY / "benchmarks" / "papers" / "results"
BEGIN, END = "<!-- report card: made by docs/report_card.py -->", "<!-- end of the report card -->"
STUDIES = {"honest": "The honest classifier", "cheating": "The cheating classifier"}
FAMILIES = {
    "deletion_blur": "hiding", "deletion_mean": "hiding", "insertion_blur": "hiding", "insertion_mean": "hiding",
    "parts": "parts", "parts_sum": "parts", "pointing": "place", "excess_mass": "place",
    "randomised": "randomised", "stability": "stability",
}  # fmt: skip
"""Measures for which a method falls behind for the same reason."""

COMMON = {
    "hiding": "occlusion, LIME and integrated gradients ask what this measure asks: how the score falls when pixels are hidden.",
}
"""What holds for all five methods."""

REASONS: Mapping[str, Mapping[str, str]] = {}
"""By method and family of measures: why the method is not first."""

MAPPINGS = {
    "cladec": "bits that the last fitted layer keeps of a pixel, minus those that it loses against the auto-encoder",
    "summaries": "the crisp mask of the picture",
    "srae": "the sum of the maps of all x-features of the class, in units of the score",
    "inversion": "the mask",
    "cae": "how much each pixel changes on the way to the second most probable class",
}
"""How each method's answer becomes a map."""


# --- tables --------------------------------------------------------------------------------------------------------


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown; the first column is of words."""
    names = list(heads)
    lines = [names, ["---", *("---:" for _ in names[1:])], *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def of_study(report: Mapping[str, Any], study: str) -> str:
    """All rows and measures of a study; the first of all methods is in bold."""
    rows, better = report["studies"][study], report["better"]
    firsts = {measure: first_rows(rows, measure, way) for measure, way in better.items()}
    arrow = {"higher": "↑", "lower": "↓"}
    heads = ["row", *(f"{MEASURES[measure].heading} {arrow[way]}" for measure, way in better.items())]
    lines = []
    for kind in KINDS:
        for name, row in rows.items():
            if row["kind"] == kind:
                cells = [_cell(row["measures"].get(measure, {}), name in best) for measure, best in firsts.items()]
                lines.append([ROWS[name] if kind != "method" else f"**{ROWS[name]}**", *cells])
    return table(heads, lines)


def _cell(measured: Mapping[str, Any], first: bool) -> str:
    text = written(measured)
    return f"**{text}**" if first else text


def places(report: Mapping[str, Any]) -> str:
    """What each row has of evidence that no part explains, and whether it names a place."""
    lines = []
    for name in report["studies"]["honest"]:
        shares = [report["studies"][study][name]["place"].get("share") for study in STUDIES]
        named = ["yes" if name in report["named"][study] else "no" for study in ("cheating", "honest")]
        lines.append([ROWS[name], *(NONE if share is None else f"{share:.1%}" for share in shares), *named])
    return table(["row", "honest", "cheating", "names the cue", "false alarm"], lines)


def costs(report: Mapping[str, Any]) -> str:
    """Seconds and passes of one explanation on the honest classifier."""
    rows, seconds = report["studies"]["honest"], report["seconds"]["honest"]
    lines = [
        [ROWS[name], f"{1000 * seconds[name]:.0f} ms", f"{row['passes']:.0f}"]
        for name, row in rows.items()
        if row["kind"] != "trivial"
    ]
    return table(["row", "time", "pictures through the classifier"], lines)


SHORT = ("excess_mass", "parts", "deletion_blur", "randomised")


def in_short(report: Mapping[str, Any]) -> str:
    """The README's table: the five methods, the best other method, and noise."""
    rows, better = report["studies"]["honest"], report["better"]
    heads = ["", "names the cue", *(f"{MEASURES[measure].heading} ({better[measure]})" for measure in SHORT)]
    named = {name: "yes" if name in report["named"]["cheating"] else "no" for name in rows}
    methods = [name for name, row in rows.items() if row["kind"] == "method"]
    lines = [
        [ROWS[name], named[name], *(written(rows[name]["measures"].get(m, {})) for m in SHORT)] for name in methods
    ]
    best = [_best_other(rows, measure, better[measure]) for measure in SHORT]
    lines.append(
        ["best other method", NONE, *(f"{written(rows[name]['measures'][m])}, {ROWS[name]}" for m, name in best)]
    )
    lines.append([ROWS["random"], named["random"], *(written(rows["random"]["measures"][m]) for m in SHORT)])
    return table(heads, lines)


def _best_other(rows: Mapping[str, Any], measure: str, better: str) -> tuple[str, str]:
    others = {name: row for name, row in rows.items() if row["kind"] == "other"}
    return measure, first_rows(others, measure, better)[0]


# --- good and bad --------------------------------------------------------------------------------------------------


def behind(report: Mapping[str, Any], method: str) -> dict[str, list[str]]:
    """For each family in which a method is not first: the measures, with its value and that of the first."""
    found: dict[str, list[str]] = {}
    for study in STUDIES:
        rows = report["studies"][study]
        for measure, better in report["better"].items():
            best, own = first_rows(rows, measure, better), value_of(rows[method], measure)
            if method not in best and best:
                first = f"{ROWS[best[0]]} {value_of(rows[best[0]], measure):.2f}"
                said = NONE if own is None else f"{own:.2f}"
                found.setdefault(FAMILIES[measure], []).append(
                    f"{MEASURES[measure].heading.lower()}, {study}: {said} ({first})"
                )
    return found


def ahead(report: Mapping[str, Any], method: str) -> list[str]:
    """The measures in which a method is first."""
    return [
        f"{MEASURES[measure].heading.lower()}, {study}: {value_of(rows[method], measure):.2f}"
        for study, rows in ((study, report["studies"][study]) for study in STUDIES)
        for measure, better in report["better"].items()
        if method in first_rows(rows, measure, better)
    ]


def no_better_than_noise(report: Mapping[str, Any], method: str) -> list[str]:
    """The measures in which a method's interval reaches that of noise."""
    found = []
    for study in STUDIES:
        rows = report["studies"][study]
        for measure, better in report["better"].items():
            ours, noise = rows[method]["measures"].get(measure, {}), rows["random"]["measures"].get(measure, {})
            if FAMILIES[measure] != "randomised" and ours.get("value") is not None and noise.get("value") is not None:
                gain = (ours["value"] - noise["value"]) * (1 if better == "higher" else -1)
                if gain <= (ours["margin"] or 0) + (noise["margin"] or 0):
                    found.append(f"{MEASURES[measure].heading.lower()}, {study}")
    return found


def about(report: Mapping[str, Any], method: str) -> str:
    """What a method is good at, and what it is bad at, and why."""
    lines = [f"### {ROWS[method]}", "", f"Its map: {MAPPINGS[method]}.", ""]
    first, noise = ahead(report, method), no_better_than_noise(report, method)
    lines.append(
        f"- **First** in {len(first)} of {2 * len(report['better'])}: {'; '.join(first)}."
        if first
        else "- **First** in nothing."
    )
    lines.append(
        f"- **No better than noise**: {'; '.join(noise)}." if noise else "- Better than noise in every measure."
    )
    for family, places_ in behind(report, method).items():
        lines.append(f"- Not first in {'; '.join(places_)}. **Why:** {REASONS[method][family]}")
    return "\n".join(lines)


# --- the papers ----------------------------------------------------------------------------------------------------


def claims() -> str:
    """The papers' claims, and whether they held; empty where nothing was measured."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(PAPERS.glob("*.json"))]
    rows = [
        [
            _plain(one["paper"]),
            _plain(one["claim"]),
            _plain(one["found"]),
            "held" if one["held"] else "**did not hold**",
        ]
        for paper in found
        for one in paper.get("claims", [])
    ]
    return table(["paper", "claim", "what we found", ""], rows) if rows else ""


def _plain(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")


# --- the page ------------------------------------------------------------------------------------------------------


def page(report: Mapping[str, Any]) -> str:
    """The whole page."""
    methods = [name for name, row in report["studies"]["honest"].items() if row["kind"] == "method"]
    parts = [
        "# Report card",
        "How far can you trust what you see? All five methods, six others and four rows that know nothing answer the same questions, on birds whose truth is known "
        "and on two classifiers: an honest one, and one that looks at a ring in the corner.",
        f"`xai-widgets exam --all --seed {report['seed']} --pictures {report['pictures']}` measured all numbers on this page, with one thread; `python docs/report_card.py` made the page of them. "
        "Other pictures and networks give other numbers: `xai-widgets exam --all --study DIR` examines your own run, as far as that needs no truth.",
        "\n".join(f"- {line}" for line in sentences(report)),
        "## In short",
        in_short(report),
        "## What each method is good and bad at",
        f"A method is first if no other of the five and none of the six others is better. {COMMON_SENTENCE}",
        *(about(report, method) for method in methods),
        "## Does it name the cue?",
        RULE.format(threshold=report["threshold"]),
        places(report),
        *(text for study, title in STUDIES.items() for text in (f"## {title}", of_study(report, study))),
        "The best of all methods is in bold; ± is half of the 95 % interval of the mean over the pictures.",
        "## What is measured",
        "\n".join(f"- **{words.heading}** {words.sentence}" for words in MEASURES.values()),
        NOTES,
        "## What it costs",
        costs(report),
    ]
    if said := claims():
        parts += ["## The papers' claims", said]
    return "\n\n".join(parts) + "\n"


COMMON_SENTENCE = f"In deletion and insertion, {COMMON['hiding']}"

RULE = """Nobody tells a method that there is a cue. Evidence on the bird is left out, and the rest is averaged over all pictures. Birds move about, so that only what is in the same
place again stays. The window, a quarter of the picture's sides, that holds most of the rest is the place. It is named if it holds more than {threshold:.1%} of all evidence: twice the
most that any of the five methods found on other pictures of the honest classifier. On the cheating classifier it counts only if the cue is in it. A map without any
preference puts 6.2 % into every window."""

NOTES = """Pixels are hidden in cells of a sixteenth of the picture's side: single pixels, hidden here and there, make a pattern that no classifier knows, and noise would look like a good
explanation. The evidence must be on the five parts that tell the species, and for the cheating classifier on the cue. Random weights: batch normalisation and the last layer are set so that
all classes are predicted; ClaDec, SRAE and CAE are fitted anew for them, ClaDec and CAE with fewer pictures than the shipped ones."""


def with_table(readme: str, short: str) -> str:
    """The README with the table between its marks."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    return pattern.sub(lambda _: f"{BEGIN}\n{short}\n{END}", readme)


def write() -> None:
    """Write the page and the README's table."""
    report = json.loads(NUMBERS.read_text(encoding="utf-8"))
    PAGE.write_text(page(report), encoding="utf-8")
    README.write_text(with_table(README.read_text(encoding="utf-8"), in_short(report)), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="run xai-widgets exam --all first")
    if parser.parse_args().measure:
        status = main(["exam", "--all", "--json", str(NUMBERS)])
        if status:
            raise SystemExit(status)
    write()

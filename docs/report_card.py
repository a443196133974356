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
from xai_widgets.scores.all_exams import TWINS
from xai_widgets.show.exam_report import ARROWS, NONE, first_rows, goodness, sentences, written
from xai_widgets.show.exam_words import KINDS, MEASURES, ROWS

REPOSITORY = Path(__file__).parents[1]
NUMBERS = REPOSITORY / "docs" / "report_card.json"
TEMPLATE = REPOSITORY / "docs" / "report_card.txt"
PAGE = REPOSITORY / "docs" / "report_card.md"
README = REPOSITORY / "README.md"
EXPERIMENTS = REPOSITORY / "docs" / "papers.md"
PAPERS = REPOSITORY / "benchmarks" / "papers" / "results"
BEGIN, END = "<!-- report card: made by docs/report_card.py -->", "<!-- end of the report card -->"
STUDIES = ("honest", "cheating")
FAMILIES = {
    "deletion_blur": "hiding", "deletion_mean": "hiding", "insertion_blur": "hiding", "insertion_mean": "hiding",
    "parts": "parts", "parts_sum": "parts", "pointing": "place", "excess_mass": "place",
    "randomised": "randomised", "stability": "stability",
}  # fmt: skip
"""Measures for which a method falls behind for the same reason."""

FAMILY_NAMES = {
    "hiding": "deletion and insertion",
    "parts": "parts",
    "place": "pointing and mass",
    "randomised": "random weights",
    "stability": "instability",
}

UNFAIR = {"random": ("randomised",), "centre": ("randomised", "stability"), "brightest": ("randomised", "stability")}
"""Rows that know nothing, and where they cannot lose: a map that ignores the network is perfectly stable."""

REASONS: Mapping[str, Mapping[str, str]] = json.loads((REPOSITORY / "docs" / "report_card_reasons.json").read_text())
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


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], rule: str = "---:") -> str:
    """A table in Markdown; the first column is of words, the others are of numbers unless another rule is given."""
    names = list(heads)
    lines = [names, ["---", *(rule for _ in names[1:])], *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def of_study(report: Mapping[str, Any], study: str) -> str:
    """All rows and measures of a study; the first of all methods is in bold."""
    rows, better = report["studies"][study], report["better"]
    firsts = {measure: first_rows(rows, measure, way) for measure, way in better.items()}
    heads = ["row", *(f"{MEASURES[measure].heading} {ARROWS[way]}" for measure, way in better.items())]
    lines = []
    for kind in KINDS:
        for name, row in rows.items():
            if row["kind"] == kind:
                cells = [_cell(row["measures"].get(measure, {}), name in best) for measure, best in firsts.items()]
                lines.append([ROWS[name] if kind != "method" else f"**{ROWS[name]}**", *cells])
    return table(heads, lines)


def _cell(measured: Mapping[str, Any], first: bool) -> str:
    text = written({"value": measured.get("value")})  # with margins, the table would be too wide
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
    wanted = [name for name, row in rows.items() if row["kind"] == "method"]
    lines = [_short(report, name) for name in [*wanted, "random"]]
    best = [_best_other(rows, measure, better[measure]) for measure in SHORT]
    others = [f"{written(rows[name]['measures'][m])}, {ROWS[name]}" for m, name in zip(SHORT, best, strict=True)]
    return table(heads, [*lines[:-1], ["best other method", NONE, *others], lines[-1]])


def _short(report: Mapping[str, Any], name: str) -> list[str]:
    measures = report["studies"]["honest"][name]["measures"]
    named = "yes" if name in report["named"]["cheating"] else "no"
    return [ROWS[name], named, *(written(measures.get(measure, {})) for measure in SHORT)]


def _best_other(rows: Mapping[str, Any], measure: str, better: str) -> str:
    others = {name: row for name, row in rows.items() if row["kind"] == "other"}
    return first_rows(others, measure, better)[0]


# --- good and bad --------------------------------------------------------------------------------------------------


Found = Mapping[str, Any]


def about(report: Found, method: str) -> str:
    """What a method is good at, and what it is bad at, and why."""
    kinds = {(study, measure): standing(report, method, study, measure) for study, measure in _each(report)}
    lines = [
        f"### {ROWS[method]}",
        "",
        f"Its map: {MAPPINGS[method]}.",
        "",
        _table(report, method, kinds),
        "",
        _good(kinds),
    ]
    lines += [
        f"- **No better than {ROWS[trivial]}**: {_listed(found)}."
        for trivial in UNFAIR
        if (found := no_better(report, method, trivial))
    ]
    families = dict.fromkeys(FAMILIES[measure] for (_, measure), kind in kinds.items() if kind == "behind")
    lines += [f"- **Why it is behind in {FAMILY_NAMES[family]}**: {REASONS[method][family]}" for family in families]
    return "\n".join(lines)


def bad(report: Found) -> str:
    """What our methods are bad at, in a few lines: how often each is behind, and what is as good without knowing."""
    methods = [name for name, row in report["studies"]["honest"].items() if row["kind"] == "method"]
    kinds = {method: [standing(report, method, *each) for each in _each(report)] for method in methods}
    measured = {method: [kind for kind in found if kind] for method, found in kinds.items()}
    lines = [_bad(report, method, found) for method, found in measured.items()]
    every = [kind for found in measured.values() for kind in found]
    return "\n".join([f"Behind the best in {every.count('behind')} of {len(every)} comparisons:", "", *lines])


def _bad(report: Found, method: str, kinds: list[str]) -> str:
    said = [f"- **{ROWS[method]}**: behind in {kinds.count('behind')} of {len(kinds)}."]
    for trivial, words in (
        ("centre", "Marking the centre of every picture is no worse"),
        ("random", "Noise is no worse"),
    ):
        if families := _families(no_better(report, method, trivial)):
            said.append(f"{words} in {families}.")
    return " ".join(said)


def _families(found: Mapping[str, list[str]]) -> str:
    """Measures in words, by study; of a family all of whose measures are there, its name."""
    return "; ".join(f"{', '.join(_together(headings))} ({study})" for study, headings in found.items())


def _together(headings: list[str]) -> dict[str, None]:
    families: dict[str, list[str]] = {}
    for measure, family in FAMILIES.items():
        families.setdefault(FAMILY_NAMES[family], []).append(MEASURES[measure].heading.lower())
    whole = {one: name for name, members in families.items() if set(members) <= set(headings) for one in members}
    return dict.fromkeys(whole.get(heading, heading) for heading in headings)


def _good(kinds: Mapping[tuple[str, str], str]) -> str:
    """Where a method is first, or as good as the first."""
    found: dict[str, list[str]] = {}
    for (study, measure), kind in kinds.items():
        if kind in ("first", "equal"):
            found.setdefault(study, []).append(MEASURES[measure].heading.lower())
    return f"- **First, or as good as the first**: {_listed(found) or 'nowhere'}."


def _listed(found: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{study}: {', '.join(measures)}" for study, measures in found.items())


def _each(report: Found) -> list[tuple[str, str]]:
    return [(study, measure) for study in STUDIES for measure in report["better"]]


def standing(report: Found, method: str, study: str, measure: str) -> str:
    """Whether a method is "first", "equal" to the first, since both intervals overlap, or "behind"; "" without any."""
    rows, better = report["studies"][study], report["better"][measure]
    best, own = first_rows(rows, measure, better), rows[method]["measures"].get(measure, {})
    if not best or method in best:
        return "first" if best else ""
    if own.get("value") is None:
        return "behind"
    first = rows[best[0]]["measures"][measure]
    apart = goodness(first["value"], better) - goodness(own["value"], better)
    return "behind" if apart > (own["margin"] or 0) + (first["margin"] or 0) else "equal"


def _table(report: Found, method: str, kinds: Mapping[tuple[str, str], str]) -> str:
    lines = [
        [
            MEASURES[measure].heading,
            *(_stand(report, method, study, measure, kinds[study, measure]) for study in STUDIES),
        ]
        for measure in report["better"]
    ]
    return table(["", *STUDIES], lines)


def _stand(report: Found, method: str, study: str, measure: str, kind: str) -> str:
    rows, better = report["studies"][study], report["better"][measure]
    text = written(rows[method]["measures"].get(measure, {}))
    best = first_rows(rows, measure, better)
    if kind == "first" or not best:
        return f"**{text}, first**" if best else text
    words = {"equal": f"**{text}**, as good as", "behind": f"{text}, behind"}
    return f"{words[kind]} {ROWS[best[0]]} {rows[best[0]]['measures'][measure]['value']:z.2f}"


def no_better(report: Found, method: str, trivial: str) -> dict[str, list[str]]:
    """By study, where a method's interval reaches that of a row that knows nothing, or lies behind it."""
    found: dict[str, list[str]] = {}
    for study, measure in _each(report):
        ours, theirs = (report["studies"][study][row]["measures"].get(measure, {}) for row in (method, trivial))
        fair = FAMILIES[measure] not in UNFAIR[trivial]
        if fair and ours.get("value") is not None and theirs.get("value") is not None:
            better = report["better"][measure]
            gain = goodness(ours["value"], better) - goodness(theirs["value"], better)
            if gain <= (ours["margin"] or 0) + (theirs["margin"] or 0):
                found.setdefault(study, []).append(MEASURES[measure].heading.lower())
    return found


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
    return table(["paper", "claim", "what we found", ""], rows, "---") if rows else ""


def papers_bad() -> str:
    """In how many measures of the papers' experiments something else is better, and how many claims did not hold."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(PAPERS.glob("*.json"))]
    held = [one["held"] for paper in found for one in paper.get("claims", [])]
    if not held:
        return ""
    return (
        f"In the papers' own experiments, {held.count(False)} of {len(held)} claims did not hold, and "
        "[a table](papers.md) lists every measure in which something else is better than ours."
    )


def _plain(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")


# --- the page ------------------------------------------------------------------------------------------------------


def page(report: Mapping[str, Any]) -> str:
    """The whole page."""
    rows = report["studies"]["honest"]
    methods = [name for name, row in rows.items() if row["kind"] == "method"]
    text = TEMPLATE.read_text(encoding="utf-8").format(
        seed=report["seed"],
        pictures=report["pictures"],
        sentences="\n".join(f"- {line}" for line in sentences(report)),
        in_short=in_short(report),
        bad=bad(report),
        papers_bad=papers_bad(),
        abouts="\n\n".join(about(report, method) for method in methods),
        threshold=f"{report['threshold']:.1%}",
        twins=TWINS,
        noise=f"{rows['random']['place']['share']:.1%}",
        places=places(report),
        measures="\n".join(f"- **{words.heading}**: {words.sentence}" for words in MEASURES.values()),
        costs=costs(report),
        **{study: of_study(report, study) for study in STUDIES},
    )
    if not (said := claims()):
        return text
    more = "[All numbers of these experiments](papers.md).\n\n" if EXPERIMENTS.is_file() else ""
    return f"{text}\n## The papers' claims\n\n{more}{said}\n"


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

"""The report of the exam of all methods, as a page that works offline and as a table in a terminal.

It takes the report as plain values, as its JSON has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from xai_widgets._version import __version__
from xai_widgets.show.exam_words import COSTS, KINDS, MEASURES, PLACE, ROWS

TITLE = "Report card of the explanations"
NONE = "–"
ARROWS = {"higher": "↑", "lower": "↓", "near 0": "→\N{NO-BREAK SPACE}0"}
JUDGED = {
    True: "Judged by the share of the evidence where it must be, beyond chance.",
    False: "Judged by minus the area under the probability while the evidence is blurred.",
}


def first_rows(rows: Mapping[str, Any], measure: str, better: str) -> list[str]:
    """The rows with the best value of a measure, among those that explain the classifier."""
    values = {name: value_of(row, measure) for name, row in rows.items() if row["kind"] != "trivial"}
    known = {name: value for name, value in values.items() if value is not None}
    best = max((goodness(value, better) for value in known.values()), default=None)
    return [name for name, value in known.items() if goodness(value, better) == best]


def goodness(value: float, better: str) -> float:
    """A number that is higher where a value is better."""
    return {"higher": value, "lower": -value, "near 0": -abs(value)}[better]


def value_of(row: Mapping[str, Any], measure: str) -> float | None:
    """The mean of a measure in a row; None where there is none."""
    value: float | None = row["measures"].get(measure, {}).get("value")
    return value


def sentences(report: Mapping[str, Any]) -> list[str]:
    """Who names the cue, and who raises a false alarm, in words; nothing without both demos."""
    if report["threshold"] is None:
        return []
    methods = _methods(report)
    named = {study: [ROWS[row] for row in found if row in methods] for study, found in report["named"].items()}
    return [
        f"{report['cue_named']} of {len(methods)} methods name the cue of the cheating classifier without help: "
        f"{', '.join(named['cheating']) or 'none'}.",
        f"False alarms on the honest one: {', '.join(named['honest']) or 'none'}.",
    ]


def _methods(report: Mapping[str, Any]) -> list[str]:
    rows = next(iter(report["studies"].values()))
    return [name for name, row in rows.items() if row["kind"] == "method"]


# --- the page ------------------------------------------------------------------------------------------------------


def exam_page(report: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """The whole page; `titles` are the studies' names, and the rows have their cases."""
    tables = [_table(report, titles[study], study, rows) for study, rows in report["studies"].items()]
    return (
        _environment()
        .get_template("exam_report.html")
        .render(
            title=TITLE,
            version=__version__,
            seed=report["seed"],
            pictures=report["pictures"],
            lines=sentences(report),
            tables=tables,
            words=[*MEASURES.values(), *([] if report["threshold"] is None else [PLACE]), *COSTS],
        )
    )


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined)


def _table(report: Mapping[str, Any], title: str, study: str, rows: Mapping[str, Any]) -> dict[str, Any]:
    better = {measure: way for measure, way in report["better"].items() if _measured(rows.values(), measure)}
    firsts = {measure: first_rows(rows, measure, way) for measure, way in better.items()}
    named = report["named"].get(study, []) if report["threshold"] is not None else None
    heads = [{**words._asdict(), "arrow": ""} for words in (*([] if named is None else [PLACE]), *COSTS)]
    lines = {
        name: _line(name, row, firsts) + _more(name, row, named, report["seconds"][study][name])
        for name, row in rows.items()
    }
    groups = [
        {
            "name": said,
            "rows": [{"name": ROWS[name], "cells": lines[name]} for name in rows if rows[name]["kind"] == kind],
        }
        for kind, said in KINDS.items()
    ]
    return {
        "title": title,
        "heads": [{**MEASURES[measure]._asdict(), "arrow": ARROWS[way]} for measure, way in better.items()] + heads,
        "placed": named is not None,
        "groups": groups,
        "notes": [f"{ROWS[name]}: {row['note']}" for name, row in rows.items() if row["note"]],
        "judged": JUDGED[_measured(rows.values(), "excess_mass")],
        "cases": [{"name": ROWS[name], "cases": row["cases"]} for name, row in rows.items() if row["cases"]],
    }


def _measured(rows: Iterable[Mapping[str, Any]], measure: str) -> bool:
    return any(value_of(row, measure) is not None for row in rows)


def _line(name: str, row: Mapping[str, Any], firsts: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    return [
        {"text": written(row["measures"].get(measure, {})), "first": name in best} for measure, best in firsts.items()
    ]


def _more(name: str, row: Mapping[str, Any], named: Sequence[str] | None, seconds: float) -> list[dict[str, Any]]:
    """The place, if there is a rule for it, and what one explanation costs."""
    share = row["place"].get("share")
    place = {"text": NONE if share is None else f"{share:.0%}", "first": name in (named or [])}
    costs = [f"{1000 * seconds:.0f} ms", f"{row['passes']:.0f}"] if row["measures"] else [NONE, NONE]
    return [*([] if named is None else [place]), *({"text": text, "first": False} for text in costs)]


def written(measured: Mapping[str, float | None]) -> str:
    """A value with its margin."""
    value, margin = measured.get("value"), measured.get("margin")
    if value is None:
        return NONE
    text = f"{value:z.2f}"
    return text if margin is None else f"{text} ± {margin:.2f}"


# --- the terminal --------------------------------------------------------------------------------------------------


def exam_text(report: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Tables of the values, one for each study."""
    return "\n\n".join(
        [*(_text_table(report, titles[study], rows) for study, rows in report["studies"].items()), *sentences(report)]
    )


def _text_table(report: Mapping[str, Any], title: str, rows: Mapping[str, Any]) -> str:
    measures = [measure for measure in report["better"] if _measured(rows.values(), measure)]
    lines = [("", *measures), ("better", *(report["better"][measure] for measure in measures))]
    for name, row in rows.items():
        values = [value_of(row, measure) for measure in measures]
        lines.append((name, *("-" if value is None else f"{value:z.2f}" for value in values)))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    notes = [f"{name}: {row['note']}" for name, row in rows.items() if row["note"]]
    return "\n".join([title, "", *text, *notes])

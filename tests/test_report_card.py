"""The report card is made of the committed numbers, and says why where a method is not first."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest

from tests.loading import module_at
from xai_widgets.scores.row_exam import BETTER
from xai_widgets.scores.rows import OF_TRANSFORMERS, ROWS

REPOSITORY = Path(__file__).parents[1]


card = module_at(REPOSITORY / "docs" / "report_card.py")


@pytest.fixture
def report():
    return json.loads(card.NUMBERS.read_text(encoding="utf-8"))


def test_the_page_and_the_readme_are_made_of_the_committed_numbers(report):
    remake = "run python docs/report_card.py"
    assert card.PAGE.read_text(encoding="utf-8") == card.page(report), remake
    readme = card.README.read_text(encoding="utf-8")
    assert readme.count(card.BEGIN) == 1
    assert card.with_table(readme, card.in_short(report)) == readme, remake


def test_the_numbers_are_of_todays_rows_and_measures(report):
    assert report["better"] == BETTER
    for rows in report["studies"].values():
        assert list(rows) == [row for row in ROWS if row not in OF_TRANSFORMERS]  # the birds' classifier is none
        assert all(not row["note"] for row in rows.values())


def test_methods_name_the_cue_and_raise_few_false_alarms(report):
    assert report["cue_named"] >= 4
    assert report["false_alarms"] <= 1


def test_a_method_that_is_behind_needs_a_reason(report, monkeypatch):
    monkeypatch.setattr(card, "REASONS", {method: {} for method in card.MAPPINGS})
    with pytest.raises(KeyError):
        card.page(report)


def test_first_equal_and_behind(report):
    changed = copy.deepcopy(report)
    rows = changed["studies"]["honest"]
    for name, value in (("cae", 0.9), ("inversion", 0.85), ("srae", 0.5)):
        rows[name]["measures"]["excess_mass"] = {"value": value, "margin": 0.03}
    rows["all_parts"]["measures"]["excess_mass"] = {"value": 1.0, "margin": 0.0}  # no method, so not the first
    rows["summaries"]["measures"]["excess_mass"] = {"value": None, "margin": None}
    found = {name: card.standing(changed, name, "honest", "excess_mass") for name in card.MAPPINGS}
    assert found == {"cladec": "behind", "summaries": "behind", "srae": "behind", "inversion": "equal", "cae": "first"}


def test_what_is_no_better_than_noise_is_said(report):
    changed = copy.deepcopy(report)
    noise = changed["studies"]["honest"]["random"]["measures"]["excess_mass"]
    changed["studies"]["honest"]["inversion"]["measures"]["excess_mass"] = noise
    assert "mass" in card.no_better(changed, "inversion", "random")["honest"]
    assert "mass" not in card.no_better(report, "inversion", "random").get("honest", [])
    assert "**No better than noise**: honest: " in card.about(changed, "inversion")


def test_what_our_methods_are_bad_at_is_counted(report):
    changed = copy.deepcopy(report)
    for study in ("honest", "cheating"):
        rows = changed["studies"][study]
        for measure in rows["srae"]["measures"]:  # as good as nothing
            rows["srae"]["measures"][measure] = rows["centre"]["measures"].get(measure, {"value": None, "margin": None})
    line = next(line for line in card.bad(changed).splitlines() if "SRAE" in line)
    assert "Marking the centre of every picture is no worse in deletion and insertion, parts, pointing and mass" in line
    total = sum(int(found) for found in re.findall(r": behind in (\d+) of", card.bad(report)))
    assert f"Behind the best in {total} of " in card.bad(report)


def test_the_papers_claims_are_listed(tmp_path, monkeypatch, report):
    monkeypatch.setattr(card, "PAPERS", tmp_path / "nothing")
    assert card.claims() == ""
    assert "The papers' claims" not in card.page(report)
    assert card.papers_bad() == ""
    claims = [
        {"paper": "A 2020", "claim": "it | works", "found": "0.5 of 1", "held": False},
        {"paper": "B 2021", "claim": "it helps", "found": "yes", "held": True},
    ]
    (tmp_path / "a.json").write_text(json.dumps({"file": "a.py", "measures": {}, "claims": claims}))
    monkeypatch.setattr(card, "PAPERS", tmp_path)
    assert "| A 2020 | it / works | 0.5 of 1 | **did not hold** |" in card.claims()
    assert "| B 2021 | it helps | yes | held |" in card.page(report)
    assert card.papers_bad().startswith("In the papers' own experiments, 1 of 2 claims did not hold")

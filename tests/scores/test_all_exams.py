"""The exam of all methods: kept rows, the same report again, and what the JSON holds."""

from __future__ import annotations

import json

import pytest
import torch

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.demos import bird_classifier
from xai_widgets.errors import CancelledError
from xai_widgets.progress import Progress
from xai_widgets.scores import all_exams
from xai_widgets.scores.all_exams import CHEATING, HONEST, Report, examine_all
from xai_widgets.scores.row_exam import BETTER, Row
from xai_widgets.scores.rows import OF_TRANSFORMERS, OTHERS, ROWS, kind_of
from xai_widgets.scores.trivial import TRIVIAL
from xai_widgets.scores.twin import FITS
from xai_widgets.show.exam_report import exam_page, exam_text, first_rows
from xai_widgets.show.exam_words import KINDS, MEASURES
from xai_widgets.show.exam_words import ROWS as ROW_WORDS
from xai_widgets.study import Study

TITLES = {HONEST: "Honest <b>birds</b>", CHEATING: "Cheating birds", "mine": "Mine"}


@pytest.fixture
def study():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = bird_classifier(2)
    birds = {"species": 2, "size": 32}
    return Study(model.eval(), BirdPictures(70, **birds), test=BirdPictures(60, first=1000, **birds))


@pytest.fixture
def quick(monkeypatch):
    """Rows that take no time and measure little, and a list of those that were examined."""
    made = []

    def examine(name, make, material, twins):
        made.append(name)
        value = float(make(material.asked).mean())
        return Row(name, kind_of(name), {"deletion_blur": {"value": value, "margin": None}}, passes=1.0)

    monkeypatch.setattr(all_exams, "ROWS", {name: ROWS[name] for name in ("gradient", "random", "all_parts")})
    monkeypatch.setattr(all_exams, "examine_row", examine)
    return made


def examined(study, keep, seed=0, progress=None, **options):
    return examine_all({"mine": study}, seed=seed, pictures=16, keep=keep, progress=progress or Progress(), **options)


def test_words_for_every_row_and_measure():
    assert list(MEASURES) == list(BETTER)
    assert list(ROW_WORDS) == list(ROWS)
    assert set(KINDS) == {kind_of(row) for row in ROWS}


def test_the_same_seed_gives_the_same_report_on_any_number_of_threads(study, tmp_path, monkeypatch):
    rows = ("gradient", "random", "all_parts")
    monkeypatch.setattr(all_exams, "ROWS", {name: ROWS[name] for name in rows})
    before, reports = torch.get_num_threads(), []
    try:
        for i, (seed, threads) in enumerate(((0, 1), (0, 2), (1, 1))):
            torch.set_num_threads(threads)
            reports.append(examined(study, tmp_path / str(i), seed).to_dict())
    finally:
        torch.set_num_threads(before)
    one, same, other = reports
    seconds = [report.pop("seconds") for report in (one, same, other)]
    assert one == same
    assert one["studies"] != other["studies"]
    assert set(seconds[0]["mine"]) == {"gradient", "random", "all_parts"}


def test_an_interrupted_exam_goes_on_where_it_stopped(study, quick, tmp_path):
    stopping = Progress(lambda state: stopping.cancel() if state.done == 1 else None)
    with pytest.raises(CancelledError):
        examined(study, tmp_path, progress=stopping)
    before = set(quick)
    assert before == {"gradient"}
    quick.clear()
    states = []
    whole = examined(study, tmp_path, progress=Progress(states.append))
    assert set(quick) == {"random", "all_parts"}
    assert [state.done for state in states] == [1, 2, 3]
    again = examined(study, tmp_path / "new")
    assert {**whole.to_dict(), "seconds": 0} == {**again.to_dict(), "seconds": 0}


@pytest.mark.parametrize("damage", ["", "{}", "null", None])
def test_damaged_and_foreign_rows_are_measured_anew(study, quick, tmp_path, damage):
    examined(study, tmp_path, seed=3)
    path = tmp_path / "mine-gradient.json"
    text = path.read_text()
    if damage is None:
        other = json.loads(text)
        other["row"]["passes"] = 7.0
        path.write_text(json.dumps(other))  # the digest no longer fits
    else:
        path.write_text(damage)
    quick.clear()
    found = examined(study, tmp_path, seed=3)
    assert set(quick) == {"gradient"}
    assert found.studies["mine"]["gradient"].passes == 1
    quick.clear()
    examined(study, tmp_path, seed=4)
    assert set(quick) == {"gradient", "random", "all_parts"}


def test_without_truth_and_fits_the_report_says_what_is_missing(tmp_path, monkeypatch):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = bird_classifier(2)
    pictures = torch.rand(24, 3, 32, 32)
    study = Study(model.eval(), pictures, test=torch.rand(24, 3, 32, 32))
    rows = {name: ROWS[name] for name in (*FITS, "gradient", "random", "all_parts")}
    monkeypatch.setattr(all_exams, "ROWS", rows)
    report = examined(study, tmp_path, fit=False)
    found = report.studies["mine"]
    assert found["cae"].note == "not fitted for this study: xai-widgets fit cae"
    assert "only known of the field guide" in found["all_parts"].note
    truth = {"parts", "parts_sum", "pointing", "excess_mass"}
    assert set(found["gradient"].measures) == set(BETTER) - truth
    assert report.summary() == {}
    values = report.to_dict(cases=True)
    assert "not fitted for this study" in exam_page(values, TITLES)
    assert exam_text(values, TITLES).startswith("Mine")


# --- who names a place -----------------------------------------------------------------------------------------------


def row(name, share, *, cue=True, others=0.05, value=0.5):
    measures = {"deletion_blur": {"value": value, "margin": 0.1}, "stability": {"value": None, "margin": None}}
    place = {"share": share, "cue": cue} | ({"others": others} if kind_of(name) == "method" else {})
    return Row(name, kind_of(name), measures, 0.1, 1.0, place)


@pytest.fixture
def report():
    honest = {name: row(name, 0.05) for name in ROWS} | {"cae": row("cae", 0.3)}
    cheating = {name: row(name, 0.5) for name in ROWS} | {"srae": row("srae", 0.5, cue=False), "cae": row("cae", 0.09)}
    return Report(0, 64, {HONEST: honest, CHEATING: cheating}, threshold=0.1)


def test_a_place_counts_on_the_cheat_only_if_it_is_that_of_the_cue(report):
    assert report.summary() == {"cue_named": 3, "false_alarms": 1}
    assert report.named(HONEST) == ["cae"]
    assert set(report.named(CHEATING)) == {"cladec", "summaries", "inversion", *OTHERS, *OF_TRANSFORMERS, *TRIVIAL}


def test_the_threshold_comes_from_other_pictures_of_the_honest_classifier(report):
    rows = {HONEST: {"cae": row("cae", 0.9, others=0.07), "gradient": row("gradient", 0.9)}, CHEATING: {}}
    assert all_exams._threshold(rows) == pytest.approx(0.14)
    assert all_exams._threshold({HONEST: rows[HONEST]}) is None


def test_json_has_the_summary_beside_all_measures(report):
    found = json.loads(report.to_json(), parse_constant=pytest.fail)
    assert (found["cue_named"], found["false_alarms"], found["pictures"]) == (3, 1, 64)
    assert found["studies"][HONEST]["cae"]["measures"]["deletion_blur"]["value"] == 0.5
    assert "cases" not in found["studies"][HONEST]["cae"]
    assert found["better"] == BETTER


def test_the_page_escapes_names_and_loads_nothing(report):
    page = exam_page(report.to_dict(cases=True), TITLES)
    assert "Honest &lt;b&gt;birds&lt;/b&gt;" in page
    assert "<b>birds" not in page
    assert "://" not in page
    assert "3 of 5 methods name the cue" in page
    assert "0.50 ± 0.10" in page


def test_the_first_are_sought_among_what_explains(report):
    rows = report.to_dict()["studies"][HONEST]
    rows["random"]["measures"]["deletion_blur"]["value"] = 0.0
    rows["lime"]["measures"]["deletion_blur"]["value"] = 0.2
    assert first_rows(rows, "deletion_blur", "lower") == ["lime"]
    assert first_rows(rows, "stability", "lower") == []
    rows["cae"]["measures"]["deletion_blur"]["value"] = -0.3
    assert first_rows(rows, "deletion_blur", "near 0") == ["lime"]

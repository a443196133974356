"""Measures are reported in one form, as JSON that everybody can read."""

from __future__ import annotations

import json
import math

import pytest

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.scores.exam import EXAMS, run_exam
from xai_widgets.scores.measure import Exam, Measure


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def stub():
    """A method whose measures are given, and a list of what it was asked."""
    asked = []

    def examine(study, seed, progress):
        asked.append((study, seed, progress))
        progress.start("examining", 1)
        progress.advance()
        return {
            "accuracy.block1": Measure(0.75, "higher", chance=0.25, baselines={"whole_picture": 0.9, "pca": math.nan}),
            "ratio": Measure(math.inf, "lower"),
            "missing": Measure(math.nan, "lower", chance=-math.inf),
        }

    EXAMS.add("stub", examine)
    yield asked
    EXAMS.remove("stub")


def test_a_method_is_examined_with_what_was_given(stub, new_study):
    study, progress = new_study(name="Squares"), Progress()
    result = run_exam("stub", study, seed=7, progress=progress)
    assert stub == [(study, 7, progress)]
    assert (result.method, result.study, result.seed) == ("stub", "Squares", 7)
    assert result.seconds >= 0
    assert result.measures["accuracy.block1"].value == 0.75


def test_the_form(stub, new_study):
    found = strict(run_exam("stub", new_study(), progress=Progress()).to_json())
    assert set(found) == {"method", "study", "seed", "seconds", "measures"}
    assert found["measures"]["accuracy.block1"] == {
        "value": 0.75,
        "better": "higher",
        "chance": 0.25,
        "baselines": {"whole_picture": 0.9, "pca": None},
    }


def test_what_could_not_be_computed_is_null(stub, new_study):
    measures = strict(run_exam("stub", new_study(), progress=Progress()).to_json())["measures"]
    assert measures["ratio"] == {"value": None, "better": "lower", "chance": None, "baselines": {}}
    assert measures["missing"] == {"value": None, "better": "lower", "chance": None, "baselines": {}}


def test_an_exam_of_nothing():
    assert strict(Exam("stub", "Squares", 0, 0.0, {}).to_json())["measures"] == {}


def test_an_unknown_method(new_study):
    with pytest.raises(XaiWidgetsError, match="there is no exam 'magic'; known are 'cladec'"):
        run_exam("magic", new_study(), progress=Progress())


def test_cladec_needs_pictures_whose_truth_is_known(fitted, new_study):
    study = new_study()
    study.explainers["cladec"] = fitted
    with pytest.raises(XaiWidgetsError, match="the exam needs the field guide"):
        run_exam("cladec", study, progress=Progress())

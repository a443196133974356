"""Each view says of its pictures what the exam of all methods measures on them."""

from __future__ import annotations

import re

import pytest

from tests.widgets.conftest import do
from xai_widgets.demos import demo
from xai_widgets.progress import Progress
from xai_widgets.scores.answers import ANSWERS
from xai_widgets.scores.hiding import SHOWN, Hidden, Marks, hidden
from xai_widgets.scores.maps import Question
from xai_widgets.scores.material import Material
from xai_widgets.scores.row_exam import examine_row
from xai_widgets.scores.trivial import TRIVIAL
from xai_widgets.widgets.workbench.catalogue import VIEWS

LINE = re.compile(r"keeps (\d+)% on average; in random order (\d+)%, from the centre outwards (\d+)%: ")


@pytest.fixture(scope="module")
def study():
    return demo()


@pytest.mark.parametrize("key", VIEWS)
def test_a_view_says_what_the_exam_measures_on_its_pictures(key, study, opened, monkeypatch):
    monkeypatch.setattr("xai_widgets.scores.row_exam._stability", lambda make, asked: asked.classes * float("nan"))
    explorer = opened(VIEWS[key], study)
    if key == "cladec":
        explorer.layer = study.explainers["cladec"].layers[-1]
    explorer.why.unfolded = True
    assert explorer.wait(120)
    assert explorer.last_error is None
    marks = explorer._marks(explorer._shown)
    asked = Question(study, marks.pictures, marks.classes, 0, Progress())
    material = Material(asked, asked, None, None)
    made = {"method": ANSWERS[key], "random": TRIVIAL["random"], "centre": TRIVIAL["centre"]}
    rows = [examine_row(key if name == "method" else name, make, material, []) for name, make in made.items()]
    (said,) = LINE.findall(explorer.numbers)
    assert [int(value) for value in said] == [round(100 * row.value(SHOWN)) for row in rows]


def test_the_line_of_an_explanation_that_is_gone_goes_with_it(study, opened):
    explorer = opened(VIEWS["cae"], study)
    explorer.why.unfolded = True
    assert explorer.wait(60)
    assert LINE.search(explorer.numbers)
    explorer.overview = True
    assert explorer.wait(60)
    assert not LINE.search(explorer.numbers)


def test_it_is_measured_for_those_who_unfold_why(study, opened, monkeypatch):
    measured = []
    monkeypatch.setattr(
        "xai_widgets.widgets.frame.explorer.hidden", lambda *given: measured.append(given) or hidden(*given)
    )
    explorer = opened(VIEWS["cae"], study)
    assert explorer.wait(60)
    own = explorer.numbers
    assert not measured
    assert not LINE.search(own)
    assert '<details class="xw-why"><' in explorer._lines["numbers"].value
    for unfolded in (True, False, True):
        explorer.why.unfolded = unfolded
        assert explorer.wait(60)
        assert explorer.numbers.startswith(own)
        assert LINE.search(explorer.numbers)
        assert ('<details class="xw-why" open>' in explorer._lines["numbers"].value) == unfolded
    assert len(measured) == 1
    do(explorer, explorer, picture=explorer.study.pool.indices[1])
    assert len(measured) == 2  # it is still unfolded
    assert LINE.search(explorer.numbers)


def test_what_cannot_be_measured_is_an_error_and_tried_once(study, opened, monkeypatch):
    monkeypatch.setattr("xai_widgets.widgets.frame.explorer.hidden", None)
    explorer = opened(VIEWS["cae"], study)
    explorer.why.unfolded = True
    assert explorer.wait(60)
    assert isinstance(explorer.last_error, TypeError)
    assert explorer.numbers.endswith("could not be measured.")


def test_maps_that_know_nothing_are_no_better_than_themselves(study):
    pictures = study.load(study.test, [0, 1])[0]
    asked = Question(study, pictures, study.predict(pictures).argmax(1), 0, Progress())
    for name in ("random", "centre"):
        found = hidden(study, Marks(pictures, asked.classes, TRIVIAL[name](asked)), Progress())
        assert found.shown == getattr(found, name)


@pytest.mark.parametrize(
    ("shown", "so"),
    [
        (0.8, "no better than chance."),
        (0.6, "better than chance, no better than the centre."),
        (0.2, "better than both."),
    ],
)
def test_what_follows_from_the_numbers(shown, so):
    assert Hidden("wren", 1, shown, 0.7, 0.5).sentence().endswith(so)

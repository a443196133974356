"""The bar from bias to score and the curve of the dial, without a browser."""

from __future__ import annotations

import pytest
import torch
from ipywidgets.widgets.widget import _instances

from xai_widgets.methods.srae.explanation import Step, spoken
from xai_widgets.methods.srae.turning import STOPS, Turned
from xai_widgets.widgets.srae.turn import TurnCurve
from xai_widgets.widgets.views.score_bar import COLOURS, ScoreBar
from xai_widgets.widgets.views.tools import close_all

NASTY = "<script>alert(1)</script>"
STEPS = [
    Step("bias", 0.0, -1.0, "total"),
    Step("crest", -1.0, 4.0, "feature", 1, significant=True),
    Step(NASTY, 4.0, 2.5, "feature", 0),
    Step("not explained", 2.5, 3.0, "rest"),
    Step("logit of the network", 0.0, 3.0, "total"),
]
TURNED = Turned(torch.linspace(0, 3, 13), torch.linspace(0, 2, 13), ("finch 90%",) * 13)


@pytest.fixture
def bar():
    made = ScoreBar()
    yield made
    close_all(made.widget)


def test_every_step_is_a_box_in_a_row_of_its_own(bar):
    bar.show(STEPS, "logit of finch", chosen=0)
    boxes, rows = bar._bars.x, bar._bars.y
    assert [(x.min(), x.max()) for x in boxes] == [(-1, 0), (-1, 4), (2.5, 4), (2.5, 3), (0, 3)]
    assert all(row < y.min() < y.max() < row + 1 for row, y in enumerate(rows))
    assert bar._bars.fill_colors[1:3] == [COLOURS[1], COLOURS[0]]
    assert bar._bars.fill_opacities == [1, 1, 1, 0, 1]  # not explained: hollow
    assert bar._names.text.tolist()[1] == "● crest"
    assert bar._amounts.text.tolist() == ["−1.0", "+5.0", "−1.5", "+0.50", "3.0"]
    assert bar._ground.y.min() == pytest.approx(2.02)


def test_everything_lies_between_names_and_amounts(bar):
    bar.show(STEPS, "logit", chosen=None)
    low, high = bar._score.min, bar._score.max
    assert low < -1 < 4 < high
    assert all(-1 <= tick <= 4 for tick in bar._axis.tick_values)


def test_another_bar_stands_below_in_the_same_rows(bar):
    bar.show(STEPS, "logit", chosen=1)
    height = bar._figure.layout.height
    bar.show(STEPS, "logit", chosen=1, other=STEPS)
    assert bar._figure.layout.height != height
    assert (bar._bars.y.max(axis=1) < bar._hollow.y.min(axis=1)).all()
    assert bar._amounts_below.text.tolist() == bar._amounts.text.tolist()
    assert "dashed" in bar._legend.value
    bar.show(STEPS, "logit", chosen=1)
    assert bar._figure.layout.height == height
    assert not bar._hollow.x.any()


def test_the_numbers_are_there_for_those_who_cannot_see(bar):
    bar.show(STEPS, "logit", chosen=1)
    assert "bias −1.0, crest +5.0" in bar._legend.value
    assert NASTY not in bar._legend.value
    assert spoken(STEPS[:2]) == "bias −1.0, crest +5.0."


def test_it_can_be_emptied_and_leaves_nothing():
    before = set(_instances)
    bar, curve = ScoreBar(), TurnCurve()
    bar.show(STEPS, "logit", chosen=1, other=STEPS)
    curve.show(TURNED, 4, "logit")
    bar.clear()
    curve.clear()
    assert bar.steps == bar.other == []
    assert bar._names.text.size == curve._dots.x.size == curve._here.x.size == 0
    close_all(bar.widget)
    close_all(curve.widget)
    assert set(_instances) == before


def test_the_curve_has_the_sum_as_a_line_and_the_answers_as_dots():
    curve = TurnCurve()
    curve.show(TURNED, 2, "logit")
    assert curve._line.y.tolist() == TURNED.predicted.tolist()
    assert curve._dots.y.tolist() == TURNED.real.tolist()
    assert (curve._here.x.tolist(), curve._here.y.tolist()) == ([STOPS[2]], [TURNED.real[2].item()])
    assert curve._up.min < 0
    assert curve._up.max > 3
    close_all(curve.widget)

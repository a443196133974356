"""The curve of the classifier's opinion without a browser."""

from __future__ import annotations

import numpy as np
import pytest

from xai_widgets.widgets.views.curve import ProbabilityCurve
from xai_widgets.widgets.views.tools import close_all

SHARES, CHANCES = np.linspace(0, 1, 5), np.array([0.0, 0.1, 0.05, 0.6, 0.9])


@pytest.fixture
def curve():
    made = ProbabilityCurve()
    yield made
    close_all(made.widget)


def test_a_line_and_a_dot_for_each_frame(curve):
    curve.show(SHARES, CHANCES, SHARES[::2], CHANCES[::2], "<b>elm</b>")
    assert (curve._line.x.tolist(), curve._line.y.tolist()) == (SHARES.tolist(), CHANCES.tolist())
    assert (curve._dots.x.tolist(), curve._dots.y.tolist()) == ([0, 0.5, 1], [0, 0.05, 0.9])
    assert curve.figure.axes[1].label == "<b>elm</b>"  # bqplot writes it as text


def test_the_scales_never_move(curve):
    ends = [(scale.min, scale.max) for scale in curve.figure.marks[0].scales.values()]
    curve.show(SHARES, CHANCES / 9, SHARES, CHANCES / 9, "elm")
    assert ends == [(scale.min, scale.max) for scale in curve.figure.marks[0].scales.values()]
    assert all(low < 0 and high > 1 for low, high in ends)


def test_it_can_be_emptied(curve):
    curve.show(SHARES, CHANCES, SHARES, CHANCES, "elm")
    curve.clear()
    assert len(curve._line.x) == len(curve._line.y) == len(curve._dots.x) == len(curve._dots.y) == 0

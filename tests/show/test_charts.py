"""Bars and curves show the values they are given."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from matplotlib._pylab_helpers import Gcf

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.show.charts import bars, curves

VALUES = {"block1": {"ours": 0.25, "theirs": 0.5}, "$b": {"ours": 1e-9, "theirs": -1.0}, "c": {"ours": 0, "theirs": 1}}


def legend(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_each_series_has_a_bar_in_each_group_with_its_value():
    figure = bars(VALUES, "share", title="What is kept", chance=0.5)
    axes = figure.axes[0]
    assert [[bar.get_width() for bar in drawn] for drawn in axes.containers] == [[0.25, 1e-9, 0], [0.5, -1.0, 1]]
    assert [text.get_text() for text in axes.texts] == ["0.25", "0", "0", "0.5", "-1", "1"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["block1", r"\$b", "c"]
    assert (axes.get_xlabel(), axes.get_title()) == ("share", "What is kept")
    assert legend(figure) == ["chance (0.5)", "ours", "theirs"]
    assert axes.yaxis_inverted()  # the first group is at the top
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_bars_of_a_group_lie_side_by_side():
    first, second = (drawn[0] for drawn in bars(VALUES, "").axes[0].containers)
    assert first.get_y() + first.get_height() == pytest.approx(second.get_y())


def test_a_single_series_needs_no_legend():
    assert bars({"a": {"share": 0.0}}, "share").axes[0].get_legend() is None


@pytest.mark.parametrize("values", [{}, {"a": {}}, {"a": {"x": 1.0}, "b": {"y": 1.0}}])
def test_groups_need_the_same_series(values):
    with pytest.raises(XaiWidgetsError, match="all groups need the same series"):
        bars(values, "")


def test_each_series_is_a_curve():
    figure = curves(
        ["a", "b"], {"kept": [0.25, 1], "removed": [0, 0.5]}, ("layer", "share"), title="Both", chance=0.125
    )
    axes = figure.axes[0]
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == [[0.25, 1], [0, 0.5]]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("layer", "share", "Both")
    assert legend(figure) == ["kept", "removed", "chance (0.12)"]


@pytest.mark.parametrize("values", [{}, {"kept": [1.0]}])
def test_each_x_needs_a_value(values):
    with pytest.raises(XaiWidgetsError, match="each series needs 2 values"):
        curves([0, 1], values, ("", ""))


def test_nothing_global_changes():
    before, open_figures = dict(mpl.rcParams), list(Gcf.figs)
    bars(VALUES, "")
    curves([0], {"a": [1.0]}, ("", ""))
    assert dict(mpl.rcParams) == before
    assert list(Gcf.figs) == open_figures

"""What a page draws of a map: the notebook's, as text and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from xai_widgets.widgets.cae.page import chart_data
from xai_widgets.widgets.views.atlas import AtlasView
from xai_widgets.widgets.views.manifold_map import ManifoldMap

NASTY = "</script><script>alert(1)</script><!-- & '\""
BOX = (-2.0, 2.0, 0.0, 10.0)
POINTS = np.array([[-1.0, 1.0], [0.123456789, 2.0], [1.0, 9.0]])


@pytest.fixture
def drawn() -> Any:
    chart = ManifoldMap([NASTY, "elm"])
    chart.show(POINTS, np.array([0, 1, 0]), BOX, (NASTY, "up"))
    chart.paint(np.full((3, 3, 2), 0.5), np.zeros((3, 3)))
    chart.picture_at((-1.0, 1.0))
    chart.move(0.5, 2.5)
    yield chart_data([NASTY, "elm"], **chart.page_state())
    chart.close()


def test_the_map_is_the_notebook_s(drawn: Any) -> None:
    assert (drawn["x"], drawn["y"], drawn["box"], drawn["home"]) == (0.5, 2.5, list(BOX), [-1.0, 1.0])
    assert [mark["points"] for mark in drawn["marks"]] == [[[-1.0, 1.0], [1.0, 9.0]], [[0.1235, 2.0]]]
    assert drawn["backdrop"].startswith("data:image/webp;base64,")
    assert NASTY in drawn["about"]


def test_the_same_page_is_the_same_file() -> None:
    view = AtlasView(names=["oak", "elm"])
    names = list(view.page_state())
    view.close()
    assert names == sorted(names)  # not in the order of a set, which changes from process to process


def test_a_map_of_points_alone_is_enough() -> None:
    drawn = chart_data(["oak", "elm"], points=POINTS, classes=np.array([0, 1, 1]), box=BOX, start=(0.0, 1.0))
    assert (drawn["route"], drawn["home"], drawn["backdrop"]) == ([], None, "")

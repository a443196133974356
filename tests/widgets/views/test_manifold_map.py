"""The map without a browser: what its messages do to the point, and the point to the sliders."""

from __future__ import annotations

from typing import Any

import bqplot
import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances

from xai_widgets.errors import PictureError
from xai_widgets.widgets.views.atlas import AtlasView
from xai_widgets.widgets.views.chart import MOST, MOST_POINTS
from xai_widgets.widgets.views.manifold_map import NOTCHES, ManifoldMap

BOX = (-2.0, 2.0, 0.0, 10.0)
POINTS = np.array([[-1.0, 1.0], [0.0, 2.0], [1.0, 9.0], [1.5, 4.0]])
CLASSES = np.array([0, 1, 0, 1])


@pytest.fixture
def chart(opened: Any) -> Any:
    made = opened(ManifoldMap, ["oak", "<script>alert(1)</script>"], wait=False)
    made.show(POINTS, CLASSES, BOX, ("across", "up"))
    return made


@pytest.fixture
def moves(chart: ManifoldMap) -> list[tuple[float, float]]:
    heard: list[tuple[float, float]] = []
    chart.on_move(lambda x, y: heard.append((x, y)))
    return heard


def browser_moves(chart: ManifoldMap, x: float, y: float) -> None:
    """One state message, as bqplot sends it."""
    parts = {
        name: {"dtype": "float64", "shape": [1], "value": memoryview(np.array([at]))}
        for name, at in zip("xy", (x, y), strict=True)
    }
    chart._handle.set_state(parts)


def browser_says(mark: bqplot.Mark, event: str, **data: Any) -> None:
    mark._handle_custom_msgs(mark, {"event": event, **data})


def where(chart: ManifoldMap) -> tuple[float, float]:
    return float(chart._handle.x[0]), float(chart._handle.y[0])


def test_points_are_drawn_by_class(chart: ManifoldMap) -> None:
    oak, elm = chart._classes
    assert (oak.x.tolist(), oak.y.tolist()) == ([-1.0, 1.0], [1.0, 9.0])
    assert elm.marker != oak.marker
    assert elm.colors != oak.colors
    assert chart.colours == [oak.colors[0], elm.colors[0]]
    assert "<script>" not in chart._legend.value


def test_a_move_from_python_is_told_once_and_sets_point_and_sliders(chart: ManifoldMap, moves: list[Any]) -> None:
    chart.move(1.0, 2.5)
    chart.move(1.0, 2.5)
    assert moves == [(1.0, 2.5)]
    assert chart.point == where(chart) == (1.0, 2.5)
    assert [slider.value for slider in chart._sliders] == [75, 25]


def test_a_message_with_x_and_y_is_one_move(chart: ManifoldMap, moves: list[Any]) -> None:
    browser_moves(chart, 0.123, 4.567)
    assert moves == [(0.123, 4.567)]
    # The slider is at the nearest notch, the point is not drawn there.
    assert chart.point == where(chart) == (0.123, 4.567)
    assert chart._sliders[0].value == round(NOTCHES * (0.123 + 2) / 4)


def test_a_slider_moves_one_coordinate_and_leaves_the_other_exact(chart: ManifoldMap, moves: list[Any]) -> None:
    browser_moves(chart, 0.123, 4.567)
    chart._sliders[0].set_state({"value": 100})
    assert chart.point == where(chart) == (2.0, 4.567)
    assert moves[-1] == (2.0, 4.567)
    assert len(moves) == 2


def test_while_dragged_the_point_is_clamped_for_listeners_and_put_back_at_the_end(
    chart: ManifoldMap, moves: list[Any]
) -> None:
    browser_says(chart._handle, "drag_start")
    browser_moves(chart, 7.0, -3.0)
    assert moves == [(2.0, 0.0)]
    assert where(chart) == (7.0, -3.0)  # it is in the hand
    browser_says(chart._handle, "drag_end")
    assert where(chart) == (2.0, 0.0)
    assert moves == [(2.0, 0.0)]


def test_a_late_message_after_the_drag_is_clamped_too(chart: ManifoldMap, moves: list[Any]) -> None:
    browser_says(chart._handle, "drag_start")
    browser_says(chart._handle, "drag_end")
    browser_moves(chart, 7.0, 5.0)
    assert chart.point == where(chart) == (2.0, 5.0)
    assert moves == [(2.0, 5.0)]


def test_a_click_on_a_point_tells_its_place(chart: ManifoldMap) -> None:
    picked: list[int] = []
    chart.on_pick(picked.append)
    browser_says(chart._classes[1], "element_click", data={"index": 1})
    browser_says(chart._classes[0], "element_click", data={"index": 0})
    assert picked == [3, 0]


def test_a_click_on_the_ground_moves_the_point(chart: ManifoldMap, moves: list[Any]) -> None:
    browser_says(chart._backdrop, "element_click", data={"click_x": 1.0, "click_y": 11.0})
    assert moves == [(1.0, 10.0)]


def test_another_map_may_say_where_its_point_is(chart: ManifoldMap, moves: list[Any]) -> None:
    chart.show(POINTS, CLASSES, (-1.0, 1.0, -5.0, 5.0), point=(0.5, -9.0))
    assert chart.point == where(chart) == (0.5, -5.0)
    assert moves == []


def test_another_box_takes_the_point_in_without_telling(chart: ManifoldMap, moves: list[Any]) -> None:
    chart.move(2.0, 10.0)
    chart.show(POINTS, CLASSES, (-1.0, 1.0, -5.0, 5.0))
    assert chart.point == where(chart) == (1.0, 5.0)
    assert [slider.value for slider in chart._sliders] == [100, 100]
    assert len(moves) == 1
    x, y = (axis.scale for axis in chart._figure.axes)
    assert (x.min, x.max, y.min, y.max) == (-1.0, 1.0, -5.0, 5.0)


def test_ground_path_and_picture_are_of_one_map(chart: ManifoldMap) -> None:
    chart.paint(np.full((3, 3, 2), 0.5), np.zeros((3, 3)))
    chart.path(POINTS)
    chart.picture_at((1.0, 2.0))
    state = chart.page_state()
    assert state["path_points"].tolist() == POINTS.tolist()
    assert state["home"] == (1.0, 2.0)
    assert state["backdrop_png"] == bytes(chart._backdrop.image.value)
    chart.show(POINTS, CLASSES, BOX)
    assert len(chart.page_state()["path_points"]) == 0
    assert chart.page_state()["home"] is None
    assert len(chart.page_state()["backdrop_png"]) < 100


def test_many_points_are_thinned_and_picks_still_find_them(chart: ManifoldMap) -> None:
    count = 7 * MOST_POINTS
    chart.show(np.random.default_rng(0).random((count, 2)), np.zeros(count, int), BOX)
    assert len(chart._classes[0].x) == MOST_POINTS
    picked: list[int] = []
    chart.on_pick(picked.append)
    browser_says(chart._classes[0], "element_click", data={"index": MOST_POINTS - 1})
    assert picked == [count - 1]


def test_many_classes_share_marks() -> None:
    chart = ManifoldMap([str(i) for i in range(100)])
    chart.show(np.zeros((100, 2)), np.arange(100), (-1, 1, -1, 1))
    assert len(chart._classes) == MOST + 1
    assert len(chart.colours) == 100
    assert "other classes" in chart._legend.value
    chart.close()


@pytest.mark.parametrize(
    ("points", "classes", "box", "message"),
    [
        (POINTS[:3], CLASSES, BOX, r"\(M, 2\)"),
        (POINTS[:, :1], CLASSES, BOX, r"\(M, 2\)"),
        (POINTS * np.nan, CLASSES, BOX, "finite"),
        (POINTS, CLASSES + 1, BOX, "from 0 to 1"),
        (POINTS, CLASSES, (0, 0, 0, 1), "lowest x"),
    ],
)
def test_what_is_no_map_is_refused(chart: ManifoldMap, points: Any, classes: Any, box: Any, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        chart.show(points, classes, box)
    assert chart._classes[0].x.tolist() == [-1.0, 1.0]


def test_no_points_at_all_are_a_map(chart: ManifoldMap) -> None:
    chart.show(np.zeros((0, 2)), np.zeros(0, int), BOX)
    assert chart._classes[0].x.tolist() == []


def test_use_makes_no_widgets_and_closing_leaves_none() -> None:
    before = set(_instances)
    chart, view = ManifoldMap(["oak", "elm"]), AtlasView()
    chart.link_to(view)
    made = len(_instances)
    for step in range(20):
        chart.show(POINTS, CLASSES, BOX)
        chart.paint(np.full((3, 3, 2), 0.5), np.zeros((3, 3)))
        chart.path(POINTS)
        chart.picture_at((0.0, 1.0))
        chart.move(step / 20, 2.0)
    assert len(_instances) == made
    chart.close()
    assert view.comm is not None
    view.layout.close()
    view.close()
    assert set(_instances) == before

"""Marks no two of which are alike, evenly thinned points, round ticks."""

from __future__ import annotations

import numpy as np
import pytest

from xai_widgets.widgets.views.chart import (
    MOST,
    MOST_POINTS,
    OTHERS,
    class_marks,
    legend,
    mark_places,
    marked_points,
    ticks,
)


def test_eight_classes_differ_in_colour_and_in_shape() -> None:
    marks = class_marks(8)
    assert len({mark.colour for mark in marks}) == len({mark.shape for mark in marks}) == 8


def test_no_two_marks_are_alike() -> None:
    assert len(set(class_marks(MOST))) == MOST
    assert class_marks(3) == class_marks(MOST)[:3]


def test_of_too_many_classes_the_frequent_ones_have_marks() -> None:
    classes = np.repeat([40, 3, 70], [5, 5, 5])
    places = mark_places(200, classes)
    assert sorted(places[[3, 40, 70]]) == places[[3, 40, 70]].tolist()
    assert len(class_marks(200)) == MOST + 1
    assert (places == MOST).sum() == 200 - MOST
    assert class_marks(200)[-1] == OTHERS


def test_few_classes_keep_their_marks_whichever_are_shown() -> None:
    assert mark_places(5, np.array([4, 4, 2])).tolist() == [0, 1, 2, 3, 4]


def test_points_go_to_the_mark_of_their_class() -> None:
    groups = marked_points(["oak", "elm", "ash"], np.array([2, 0, 2]))
    assert [group.members.tolist() for group in groups] == [[1], [], [0, 2]]
    assert [group.name for group in groups] == ["oak", "elm", "ash"]


def test_points_of_classes_without_a_mark_share_one() -> None:
    names = [f"class {i}" for i in range(MOST + 4)]
    classes = np.repeat(np.arange(MOST + 4), [2] * MOST + [1] * 4)
    groups = marked_points(names, classes)
    assert groups[-1].name == "other classes"
    assert len(groups[-1].members) == 4
    assert sorted(np.concatenate([group.members for group in groups])) == list(range(len(classes)))


def test_of_many_points_evenly_many_are_kept() -> None:
    classes = np.arange(10 * MOST_POINTS) % 2
    members = np.sort(np.concatenate([group.members for group in marked_points(["a", "b"], classes)]))
    assert len(members) == MOST_POINTS
    assert (members[0], members[-1]) == (0, len(classes) - 1)
    assert np.diff(members).max() - np.diff(members).min() <= 1


def test_the_legend_names_what_is_there_as_text() -> None:
    written = legend(marked_points(["<script>alert(1)</script>", "elm"], np.array([0])))
    assert "&lt;script&gt;" in written
    assert "<script>" not in written
    assert "elm" not in written
    assert "<svg" in written


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-3, 3, ([-2, 0, 2], 0)),
        (0, 1, ([0, 0.2, 0.4, 0.6, 0.8, 1], 1)),
        (-0.013, 0.004, ([-0.010, -0.005, 0.0], 3)),
        (1e5, 1.4e5, ([100_000, 110_000, 120_000, 130_000, 140_000], 0)),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, expected: tuple[list[float], int]) -> None:
    assert ticks(low, high) == expected

"""The exported map: one file, nothing of outside, text as text."""

from __future__ import annotations

import numpy as np
import pytest

from tests.widgets.conftest import data_of
from xai_widgets.widgets.cae.page import manifold_page
from xai_widgets.widgets.views.atlas import AtlasView
from xai_widgets.widgets.views.manifold_map import ManifoldMap

NASTY = "</script><script>alert(1)</script><!-- & '\""
BOX = (-2.0, 2.0, 0.0, 10.0)
POINTS = np.array([[-1.0, 1.0], [0.123456789, 2.0], [1.0, 9.0]])


@pytest.fixture
def written() -> str:
    chart, view = ManifoldMap([NASTY, "elm"]), AtlasView(names=[NASTY, "elm"], colours=["#0072B2", "#E69F00"])
    chart.show(POINTS, np.array([0, 1, 0]), BOX, (NASTY, "up"))
    chart.picture_at((-1.0, 1.0))
    chart.move(0.5, 2.5)
    view.show_original(np.zeros((3, 8, 8)), NASTY, source=0, target=1)
    view.show_atlas(np.zeros((4, 3, 8, 8)), np.full((4, 2), 0.5), BOX)
    page = manifold_page(
        title=NASTY,
        sentence=NASTY,
        numbers=NASTY,
        atlas=view.page_state(),
        strip=[{"src": "data:image/png;base64,AAAA", "alt": NASTY, "caption": NASTY}],
        **chart.page_state(),
    )
    chart.close()
    view.close()
    return page.html()


def test_text_cannot_become_markup(written: str) -> None:
    assert NASTY not in written
    assert written.count("<script>") == written.count("</script>")
    assert "<!--" not in written
    assert data_of(written)["frames"][0]["caption"] == NASTY
    assert data_of(written)["atlas"]["names"][0] == NASTY


def test_the_map_is_the_notebook_s(written: str) -> None:
    chart = data_of(written)["map"]
    assert (chart["x"], chart["y"], chart["box"], chart["home"]) == (0.5, 2.5, list(BOX), [-1.0, 1.0])
    assert [mark["points"] for mark in chart["marks"]] == [[[-1.0, 1.0], [1.0, 9.0]], [[0.1235, 2.0]]]
    assert chart["backdrop"].startswith("data:image/png;base64,")
    assert NASTY in chart["about"]


def test_the_same_page_is_the_same_file(written: str) -> None:
    names = list(data_of(written)["atlas"])
    assert names == sorted(names)  # not in the order of a set, which changes from process to process


def test_a_map_of_points_alone_is_enough() -> None:
    view = AtlasView(names=["oak", "elm"])
    page = manifold_page(
        title="t", sentence="s", numbers="n", atlas=view.page_state(), points=POINTS, classes=np.array([0, 1, 1]),
        box=BOX, start=(0.0, 1.0),
    )  # fmt: skip
    chart = data_of(page.html())["map"]
    assert (chart["route"], chart["home"], chart["backdrop"]) == ([], None, "")
    view.close()

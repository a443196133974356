"""What a page draws of a map: the notebook's, as text and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.widgets.conftest import data_of
from xai_widgets.widgets.cae.page import chart_data
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.views.atlas import AtlasView
from xai_widgets.widgets.views.manifold_map import ManifoldMap
from xai_widgets.widgets.views.verdict import Verdict, verdict_data

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


def test_text_cannot_become_markup(drawn: Any) -> None:
    verdict = verdict_data(Verdict("trust", NASTY), NASTY)
    shown = {"map": drawn, "atlas": {}, "frames": [], "sentence": NASTY, "verdict": verdict}
    line = {"cards": [{"lines": [NASTY]}], "indices": [0], "chosen": 0, "tile": 64, "pixelated": False}
    each = [{"classes": [1], "chips": [{"title": NASTY}], "chosen": 0, "maps": [shown]}]
    page = Page(
        "cae/page.html", NASTY, NASTY, {"line": line, "each": each, "chip": 36}, views=("map", "atlas", "cards")
    )
    written = page.html()
    assert NASTY not in written
    assert written.count("<script>") == written.count("</script>")
    assert "<!--" not in written
    assert data_of(written)["each"][0]["maps"][0]["sentence"] == NASTY


def test_the_same_page_is_the_same_file() -> None:
    view = AtlasView(names=["oak", "elm"])
    names = list(view.page_state())
    view.close()
    assert names == sorted(names)  # not in the order of a set, which changes from process to process


def test_a_map_of_points_alone_is_enough() -> None:
    drawn = chart_data(["oak", "elm"], points=POINTS, classes=np.array([0, 1, 1]), box=BOX, start=(0.0, 1.0))
    assert (drawn["route"], drawn["home"], drawn["backdrop"]) == ([], None, "")

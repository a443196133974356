"""“Why?” in JupyterLab: what hiding the evidence does is measured once somebody unfolds it, and the fold stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

SETUP = """
import xai_widgets as xw
from tests.conftest import Squares, tiny_net
from xai_widgets.study import Study
studies = [Study(tiny_net(), Squares(40), name=name) for name in ("one", "other")]
"""
ONE = "bench = xw.Workbench(studies[0], view='inversion')\nbench"
TWO = "bench = xw.Workbench(*studies, view='inversion')\nbench"
MEASURED = "in random order"


@pytest.mark.parametrize(("cell", "count"), [(ONE, 1), (TWO, 2)], ids=["one study", "two"])
def test_it_is_measured_when_it_is_unfolded_and_stays_so(notebook: Callable[..., Any], cell: str, count: int) -> None:
    shown = notebook([SETUP, cell])
    page, why = shown.page, shown.page.locator(".xw-why")
    shown.until("bench.wait(1)", True)
    page.wait_for_selector(".xw-why summary")
    assert why.count() == 1
    assert MEASURED not in why.inner_text()
    assert not shown.python("any(app.why.unfolded for app in bench.apps['inversion'])")
    page.locator(".xw-why summary").click()
    _wait(page, count)
    page.locator(".xw-picture-line [role=option]").nth(1).click()  # another picture
    shown.until("bench.picture == bench.studies[0].pool.indices[1] and bench.wait(1)", True)
    _wait(page, count)
    page.locator(".xw-why summary").click()
    shown.until("any(app.why.unfolded for app in bench.apps['inversion'])", False)
    assert not page.evaluate("document.querySelector('.xw-why').open")


def _wait(page: Any, count: int) -> None:
    """Wait until the fold is open and has so many sentences on hiding."""
    page.wait_for_function(
        """([said, count]) => {
          const why = document.querySelector(".xw-why");
          return why?.open && why.textContent.split(said).length === count + 1;
        }""",
        arg=[MEASURED, count],
    )

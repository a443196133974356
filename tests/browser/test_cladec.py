"""ClaDecExplorer in JupyterLab: a real mouse picks a layer, fits and cancels; Python's state is asserted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

STUDY = """
import torch, xai_widgets as xw
from torch import nn
from xai_widgets.progress import Progress

class Squares(torch.utils.data.Dataset):
    class_names = ["<script>alert(1)</script>", "<img src=x onerror=alert(2)>"]
    def __len__(self):
        return 60
    def __getitem__(self, i):
        picture = torch.full((3, 16, 16), 0.2)
        picture[i % 3, 2 + i % 5 : 9 + i % 5, 4:11] = 0.9
        return picture, i % 2

torch.manual_seed(0)
net = nn.Sequential(
    nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU()),
    nn.Sequential(nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.ReLU()),
    nn.Flatten(), nn.Linear(128, 16), nn.ReLU(), nn.Linear(16, 2),
)
study = xw.Study(net, Squares(), name="Squares")
"""
READY = """
cladec = xw.ClaDec(study, ["0", "1"], epochs=1).fit(progress=Progress())
explorer = xw.ClaDecExplorer(cladec, "0", rows=2)
explorer.more.value = True
explorer
"""
LONG = """
explorer = xw.ClaDecExplorer(xw.ClaDec(study, "1", epochs=100_000), rows=2)
explorer
"""
TILE = ".xw-grid img"


@pytest.fixture
def shown(notebook: Callable[..., Any]) -> Any:
    opened = notebook([STUDY, READY])
    opened.page.wait_for_selector(TILE)
    return opened


def decoded(page: Any) -> str:
    """The second tile of the first row, which is ClaDec's."""
    source: str = page.locator(TILE).nth(1).get_attribute("src")
    return source


def test_a_click_on_a_layer_changes_pictures_and_state(shown: Any) -> None:
    before = decoded(shown.page)
    shown.page.locator(".xw-strip [role=option]").nth(1).click()
    shown.until("explorer.picker.value", "1")
    shown.page.wait_for_function(f"document.querySelectorAll('{TILE}')[1].src !== {before!r}")
    assert shown.python("explorer.explanation.layer") == "1"
    assert shown.python("explorer.state['layer']") == "1"


def test_class_names_are_shown_as_text(shown: Any) -> None:
    grid = shown.page.locator(".xw-grid").inner_text()
    assert "<script>alert(1)</script>" in grid
    assert shown.page.locator(".xw-grid script").count() == 0


def test_a_click_on_a_row_moves_the_bars(shown: Any) -> None:
    shown.page.locator(TILE).nth(5).click()
    shown.until("explorer.grid.selected", 1)
    expected = shown.python("explorer.explanation.predictions['original'][1].max().item()")
    shown.until("float(explorer.bars.heights('original').max())", expected)
    assert shown.page.locator(".bqplot rect.bar").count() > 0


def test_a_wrong_unit_is_told_in_red_and_mended(shown: Any) -> None:
    box = shown.page.get_by_label("Units")
    box.fill("99")
    box.press("Enter")
    shown.page.wait_for_selector("[role=alert]:has-text('0 to 7')")
    box.fill("0-3")
    box.press("Enter")
    shown.until("explorer.explanation.units", [0, 1, 2, 3])
    shown.page.wait_for_selector("[role=alert]:has-text('0 to 7')", state="hidden")


def test_a_fit_is_cancelled_and_the_notebook_goes_on(notebook: Callable[..., Any]) -> None:
    opened = notebook([STUDY, LONG])
    opened.page.get_by_role("button", name="Fit this layer").click()
    opened.page.get_by_role("button", name="Cancel").click()
    opened.until("explorer.task.state", "cancelled")
    assert opened.python("explorer.explainer.layers") == []
    assert opened.python("1 + 1") == 2


def test_a_layer_is_fitted_from_the_widget(notebook: Callable[..., Any]) -> None:
    opened = notebook([STUDY, LONG.replace("100_000", "1")])
    opened.page.get_by_role("button", name="Fit this layer").click()
    opened.until("explorer.explainer.layers", ["1"])
    opened.page.wait_for_selector(".xw-stage img[alt*='ClaDec at 1']")

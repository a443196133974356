"""The doctor's report in JupyterLab, light and dark: its live line arrives, and says where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

SHOW = ["import xai_widgets as xw\nreport = xw.doctor()\nbefore = report.host\nreport"]
LINE = ".xw-sentence[role=status]"


@pytest.fixture
def report(notebook: Callable[..., Any]) -> Any:
    shown = notebook(SHOW)
    shown.page.wait_for_selector(LINE)
    return shown


def test_the_line_says_where_it_is_and_python_hears_it(report: Any) -> None:
    here = report.page.evaluate("`${window.jupyterapp.name} ${window.jupyterapp.version}`")
    assert here.startswith("JupyterLab 4.")
    report.until("report.host", here)
    assert report.python("before") == "JupyterLab"  # by the command that started the server
    said = f"Widgets arrive here, in {here}, and Python hears what they send."
    report.page.get_by_text(said, exact=True).wait_for()


def test_the_report_is_readable_in_both_themes(report: Any) -> None:
    shown = report.page.locator(".xw-doctor")
    assert "torch" in shown.inner_text()
    for theme in ("light", "dark"):
        report.theme(theme)
        colours = shown.evaluate(
            "(it) => [getComputedStyle(it).color, getComputedStyle(document.body).backgroundColor]"
        )
        assert len(set(colours)) == 2
    assert report.page.evaluate(CONTRAST) > 4.5


def test_without_the_name_that_is_there_in_tests_only_the_page_s_settings_tell(notebook: Callable[..., Any]) -> None:
    """JupyterLab names itself to scripts only if it is asked to; to everybody else, its page does."""
    shown = notebook(["import xai_widgets as xw\nreport = xw.doctor()"])
    version = shown.page.evaluate("window.jupyterapp.version")
    shown.page.evaluate("() => { window.hidden = window.jupyterapp; }")
    shown.page.evaluate("() => { setTimeout(() => { delete window.jupyterapp; }, 0); }")
    shown.page.evaluate(RUN_ANOTHER)
    shown.page.wait_for_selector(LINE)
    assert shown.page.evaluate("window.jupyterapp") is None
    shown.page.evaluate("() => { window.jupyterapp = window.hidden; }")
    shown.until("report.host", f"JupyterLab {version}")


CONTRAST = """() => {
  const of = (colour) => {
    const [r, g, b] = colour.match(/[0-9.]+/g).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (it) => {
    const colour = getComputedStyle(it).backgroundColor;
    return /rgba\\(.*, 0\\)/.test(colour) && it.parentElement ? ground(it.parentElement) : colour;
  };
  return Math.min(...[...document.querySelectorAll(".xw-doctor td, .xw-doctor th, .xw-sentence")].map((it) => {
    const [dark, light] = [of(getComputedStyle(it).color), of(ground(it))].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  }));
}"""
RUN_ANOTHER = """() => {
  const { content, context } = window.hidden.shell.currentWidget;
  content.activeCell.model.sharedModel.setSource("report");
  window.hidden.commands.execute("notebook:run-cell");
}"""

"""The report: in a terminal, in a notebook, and as the command prints it."""

from __future__ import annotations

import json
from dataclasses import replace
from types import ModuleType

import pytest

import xai_widgets as xw
from xai_widgets import hosts
from xai_widgets.cli.main import main
from xai_widgets.diagnosis import report as module
from xai_widgets.diagnosis.checks import Problem
from xai_widgets.diagnosis.report import Report, doctor
from xai_widgets.diagnosis.snapshot import MANAGER, FrontEnd, Snapshot

NASTY = "<script>alert(1)</script>"
PACKAGES = dict.fromkeys(("torch", "torchvision", "jupyterlab", "anywidget"), "99") | {"bqplot": "0.13.1"}
HEALTHY = Snapshot(
    packages=PACKAGES | {"ipywidgets": "8.1.5"},
    front_ends=tuple(FrontEnd(name, "1.0", "/env") for name in (MANAGER, "bqplot", "bqscales", "anywidget")),
    memory=8 * 10**9,
)
OLD = replace(HEALTHY, packages=PACKAGES | {"ipywidgets": "7.8.1"})


def test_a_report_in_a_terminal():
    text = str(Report(OLD, [Problem("ipywidgets is 7.8.1.", "pip install ipywidgets")]))
    assert "1 problem found:" in text
    assert "* ipywidgets is 7.8.1.\n    pip install ipywidgets" in text
    assert f"{MANAGER} 1.0, bqplot 1.0" in text
    assert "8.0 GB of memory" in text
    assert str(Report(HEALTHY, [])).endswith("No problem was found.")


def test_a_report_of_next_to_nothing():
    text = str(Report(Snapshot(), []))
    assert "memory unknown" in text
    assert "no front end is installed here" in text


def test_a_report_in_a_notebook_is_escaped():
    wrong = replace(HEALTHY, host=NASTY, packages={NASTY: NASTY}, gpu=NASTY, front_ends=(FrontEnd(NASTY, NASTY, ""),))
    page = Report(wrong, [Problem(NASTY, NASTY)])._repr_html_()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 8


def test_it_is_displayed_with_a_line_from_the_browser_where_there_is_one(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    monkeypatch.setattr(hosts, "in_notebook", lambda: True)
    found = doctor()
    found._ipython_display_()
    report, live = shown
    assert report["text/plain"] == str(found)
    assert report["text/html"] == found._repr_html_()
    assert "application/vnd.jupyter.widget-view+json" in live
    assert live["text/plain"] == module.SILENT
    before = found.host
    found._live.host = "JupyterLab 4.2.0"
    assert found._live.heard == "JupyterLab 4.2.0"
    assert found.host == "JupyterLab 4.2.0" != before
    found._live.close()


@pytest.mark.parametrize("seen", [Snapshot(), replace(HEALTHY, broken={"ipywidgets": "ImportError: no"})])
def test_without_widgets_there_is_no_such_line(monkeypatch, seen):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    monkeypatch.setattr(hosts, "in_notebook", lambda: True)
    monkeypatch.setattr(module, "take", lambda: seen)
    doctor()._ipython_display_()
    assert len(shown) == 1


def test_the_command(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(module, "take", lambda: HEALTHY)
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.endswith("No problem was found.\n")
    monkeypatch.setattr(module, "take", lambda: OLD)
    assert main(["doctor", "--json", str(tmp_path / "found.json")]) == 1
    assert "ipywidgets is 7.8.1" in capsys.readouterr().out
    assert json.loads((tmp_path / "found.json").read_text())["ok"] is False
    assert [file.name for file in tmp_path.iterdir()] == ["found.json"]
    assert main(["doctor", "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["what"].startswith("ipywidgets is 7.8.1")


def test_json_that_cannot_be_written(monkeypatch, capsys, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(module, "take", lambda: HEALTHY)
    assert main(["doctor", "--json", str(tmp_path / "file" / "found.json")]) == 2
    assert "xai-widgets doctor: " in capsys.readouterr().err


def test_the_name_is_the_function_whatever_was_imported_before():
    assert callable(xw.doctor)
    assert not isinstance(xw.doctor, ModuleType)

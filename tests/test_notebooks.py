"""The lessons: short cells, no outputs, and each of them runs from top to bottom."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

REPOSITORY = Path(__file__).parents[1]
LESSONS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
MOST_LINES = 10
MOST_SECONDS = 600
"""For one cell; reached only where something hangs."""


def read(lesson: Path) -> Any:
    return nbformat.read(lesson, as_version=4)


def code_cells(lesson: Path) -> list[Any]:
    return [cell for cell in read(lesson).cells if cell.cell_type == "code"]


@pytest.fixture(params=LESSONS, ids=lambda lesson: lesson.stem)
def lesson(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_there_is_a_first_lesson() -> None:
    assert "00_start_here.ipynb" in [lesson.name for lesson in LESSONS]


def test_file_is_valid_and_asks_for_the_kernel_that_is_always_there(lesson: Path) -> None:
    notebook = read(lesson)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_nothing_of_a_run_is_kept(lesson: Path) -> None:
    for cell in code_cells(lesson):
        assert (cell.outputs, cell.execution_count, dict(cell.metadata)) == ([], None, {})


def test_cells_are_short(lesson: Path) -> None:
    too_long = [cell.source for cell in code_cells(lesson) if len(cell.source.splitlines()) > MOST_LINES]
    assert too_long == []


def test_opens_with_a_title_and_says_how_long_it_takes(lesson: Path) -> None:
    first = read(lesson).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert re.search(r"\bminutes\b", first.source)


def test_answers_are_hidden_and_every_fold_ends(lesson: Path) -> None:
    text = "\n".join(cell.source for cell in read(lesson).cells if cell.cell_type == "markdown")
    folds = [text.count(tag) for tag in ("<details>", "<summary>", "</summary>", "</details>")]
    assert len(set(folds)) == 1, folds
    assert folds[0] >= 1


def test_links_lead_to_lessons(lesson: Path) -> None:
    links = re.findall(r"\]\(([^)]+\.ipynb)\)", json.dumps(read(lesson).cells))
    assert [link for link in links if not (lesson.parent / link).is_file()] == []


def test_runs_from_top_to_bottom(lesson: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only place where lessons are executed. The kernel is this Python, with the package of this checkout."""
    search = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", search)
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    for name in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("IPYTHONDIR", os.environ.get("IPYTHONDIR", str(tmp_path / "ipython")))
    notebook = read(lesson)
    client = NotebookClient(
        notebook, timeout=MOST_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    said = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    complaints = [output.text for output in said if output.output_type == "stream" and output.name == "stderr"]
    assert complaints == []

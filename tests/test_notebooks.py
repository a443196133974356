"""The lessons and pages: short cells, no outputs, and each of them runs from top to bottom."""

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
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
LESSONS = [notebook for notebook in NOTEBOOKS if notebook.name[0].isdigit()]
"""The others are pages for people who should not see code: no lessons, and no exercises."""

MOST_LINES, MOST_CHARACTERS = 10, 120
LAST = 3
MOST_SECONDS = 600
"""For one cell; reached only where something hangs."""


def read(lesson: Path) -> Any:
    return nbformat.read(lesson, as_version=4)


def cells(path: Path, kind: str) -> list[Any]:
    """The cells of one kind, "code" or "markdown"."""
    return [cell for cell in read(path).cells if cell.cell_type == kind]


def prose(lesson: Path) -> str:
    return "\n".join(cell.source for cell in cells(lesson, "markdown"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Path:
    """Every notebook."""
    return Path(request.param)


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def lesson(request: pytest.FixtureRequest) -> Path:
    """Every notebook that teaches."""
    return Path(request.param)


def test_lessons_are_numbered_from_the_first_one_on() -> None:
    assert LESSONS[0].name == "00_start_here.ipynb"
    assert [lesson.name[:3] for lesson in LESSONS] == [f"{number:02}_" for number in range(len(LESSONS))]


def test_pages_are_a_title_and_one_cell_of_code() -> None:
    pages = [path for path in NOTEBOOKS if path not in LESSONS]
    assert [path.name for path in pages] == ["workbench.ipynb"]
    assert [[cell.cell_type for cell in read(path).cells] for path in pages] == [["markdown", "code"]]


def test_file_is_valid_and_nothing_of_a_run_is_kept(notebook: Path) -> None:
    found = read(notebook)
    nbformat.validate(found)
    assert found.metadata.kernelspec.name == "python3"
    assert set(found.metadata) == {"kernelspec", "language_info"}
    for cell in cells(notebook, "code"):
        assert (cell.outputs, cell.execution_count, dict(cell.metadata)) == ([], None, {})


def test_cells_and_lines_are_short(notebook: Path) -> None:
    too_long = [cell.source for cell in cells(notebook, "code") if len(cell.source.splitlines()) > MOST_LINES]
    assert too_long == []
    lines = [line for cell in read(notebook).cells for line in cell.source.splitlines()]
    assert [line for line in lines if len(line) > MOST_CHARACTERS] == []


def test_opens_with_a_title_and_a_question_and_links_lead_to_notebooks(notebook: Path) -> None:
    first = read(notebook).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert "?" in first.source
    links = re.findall(r"\]\(([^)]+\.ipynb)\)", json.dumps(read(notebook).cells))
    assert [link for link in links if not (notebook.parent / link).is_file()] == []


def test_says_how_long_it_takes_and_ends_with_something_measured(lesson: Path) -> None:
    assert re.search(r"^\*About \d+ minutes\b", read(lesson).cells[0].source, flags=re.MULTILINE)
    last = cells(lesson, "code")[-LAST:]
    assert any("print(" in cell.source or ".verdict()" in cell.source for cell in last)


def test_exercises_have_answers_that_are_folded_away(lesson: Path) -> None:
    """The first lesson has something to try, the others have exercises; the answer, or a hint, is folded away."""
    asked = "**Try**" if lesson == LESSONS[0] else "**Exercise 1.**"
    after = prose(lesson).split(asked)
    assert len(after) >= 2
    assert "<summary>" in after[1]
    exercises = re.split(r"\*\*Exercise \d+\.\*\*", prose(lesson))[1:]
    assert [text[:60] for text in exercises if "<summary>" not in text] == []
    folds = [prose(lesson).count(tag) for tag in ("<details>", "<summary>", "</summary>", "</details>")]
    assert len(set(folds)) == 1, folds


def test_the_first_lesson_points_to_the_workbench() -> None:
    assert "](workbench.ipynb)" in prose(LESSONS[0])
    assert any("xw.Workbench(" in cell.source for cell in cells(LESSONS[0], "code"))


def test_runs_from_top_to_bottom(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only place where lessons are executed. The kernel is this Python, with the package of this checkout."""
    search = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", search)
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    for name in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("IPYTHONDIR", os.environ.get("IPYTHONDIR", str(tmp_path / "ipython")))
    executed = read(notebook)
    client = NotebookClient(
        executed, timeout=MOST_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    said = [output for cell in executed.cells if cell.cell_type == "code" for output in cell.outputs]
    complaints = [output.text for output in said if output.output_type == "stream" and output.name == "stderr"]
    assert complaints == []

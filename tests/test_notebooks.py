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
LAST, MINUTES = 3, 45
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


def test_begins_with_a_plan_for_45_minutes(lesson: Path) -> None:
    minutes = re.findall(r"^\| (\d+) \| .+\. \|$", read(lesson).cells[0].source, flags=re.MULTILINE)
    assert sum(map(int, minutes)) == MINUTES
    assert "*45 minutes in class" in read(lesson).cells[0].source


def test_ends_with_something_measured(lesson: Path) -> None:
    last = cells(lesson, "code")[-LAST:]
    assert any(word in cell.source for cell in last for word in ("print(", ".verdict()", "lessons."))


def test_exercises_are_marked_by_difficulty_and_answers_are_folded_away(lesson: Path) -> None:
    found = re.findall(r"^\*\*Exercise (\d+) (★{1,3})\.\*\*", prose(lesson), flags=re.MULTILINE)
    assert [int(number) for number, _ in found] == list(range(1, len(found) + 1))
    assert len(found) == prose(lesson).count("**Exercise")
    assert len({stars for _, stars in found}) > 1
    with_exercises = [cell.source for cell in cells(lesson, "markdown") if "**Exercise" in cell.source]
    assert [text[:60] for text in with_exercises if "<summary>" not in text] == []


def test_folds_are_closed(lesson: Path) -> None:
    folds = [prose(lesson).count(tag) for tag in ("<details>", "<summary>", "</summary>", "</details>")]
    assert len(set(folds)) == 1, folds


def test_each_lesson_has_a_worksheet_with_its_title() -> None:
    sheets = re.findall(r"^## (.+)$", (REPOSITORY / "docs" / "worksheets.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sheets == [read(lesson).cells[0].source.splitlines()[0].removeprefix("# ") for lesson in LESSONS]


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

"""The documentation: nothing is forgotten, no link leads nowhere, and what is made at build time is right.

The whole site is built by .ci/run; here a page or two, and only where Sphinx is installed.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import xai_widgets
from tests.loading import module_at
from xai_widgets.cli.main import parser

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
MADE = {"_build", "jupyter_execute", "lessons"}
WIDGET = "application/vnd.jupyter.widget-view+json"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not MADE & set(path.relative_to(DOCS).parts))
LESSONS = sorted(path.name for path in (REPOSITORY / "notebooks").glob("*.ipynb"))
NEEDS_SPHINX = 'Sphinx is not installed: pip install -e ".[docs]"'


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def toctree_entries(page: Path) -> list[str]:
    blocks = re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(":")]


def headings(page: Path) -> set[str]:
    """The anchors of a page: its headings as links have them, and those set by hand."""
    text = prose(page)
    titles = re.findall(r"^#{1,3} (.+)$", text, flags=re.MULTILINE)
    slugs = {re.sub(r"[^\w\s-]", "", title).strip().lower().replace(" ", "-") for title in titles}
    return slugs | set(re.findall(r"^\((.+)\)=$", text, flags=re.MULTILINE))


def extension(name: str) -> ModuleType:
    pytest.importorskip("sphinx", reason=NEEDS_SPHINX)
    if str(DOCS / "_ext") not in sys.path:  # as docs/conf.py has it
        sys.path.append(str(DOCS / "_ext"))
    return module_at(DOCS / "_ext" / f"{name}.py")


@pytest.mark.parametrize("name", [name for name in xai_widgets.__all__ if not name.startswith("__")])
def test_every_public_name_is_in_the_reference(name: str) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md"))
    assert re.search(rf"^\.\. auto(class|function):: xai_widgets\.{name}$", text, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if "://" not in link]
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if target.suffix == ".ipynb":
            assert target.name in LESSONS, link
            continue
        assert target.is_file(), link
        made_at_build = target.name == "commands.md" and anchor.startswith("xai-widgets")
        assert not anchor or made_at_build or anchor in headings(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_code_is_python_and_uses_public_names(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        ast.parse(textwrap.dedent(block))
    assert set(re.findall(r"\bxw\.(\w+)", text)) <= set(xai_widgets.__all__)


def test_every_page_and_all_lessons_are_in_the_contents() -> None:
    known = {"index"}
    for page in PAGES:
        folder = page.parent.relative_to(DOCS)
        known |= {(folder / entry).as_posix() for entry in toctree_entries(page)}
    assert {page.relative_to(DOCS).with_suffix("").as_posix() for page in PAGES} <= known
    assert toctree_entries(DOCS / "lessons.md") == ["lessons/*"]


def test_each_method_says_how_to_read_it_and_when_not_to_believe_it() -> None:
    pages = [page for page in PAGES if page.parent.name == "methods" and page.stem != "index"]
    assert len(pages) == 5
    for page in pages:
        parts = re.findall(r"^## (.+)$", prose(page), flags=re.MULTILINE)
        assert parts[0] in ("How to read it", "How to read them")
        assert parts[1:] == ["The mathematics", "When not to believe it", "How well it does", "Where to go on"]


def test_commands_that_are_linked_exist() -> None:
    linked = {a for page in PAGES for a in re.findall(r"commands\.md#xai-widgets-([a-z-]+)", prose(page))}
    choices = next(action.choices for action in parser()._actions if action.dest == "command")
    assert linked <= set(choices)
    assert linked


# --- with Sphinx ---------------------------------------------------------------------------------------------------


def test_what_is_loaded_from_outside_is_found() -> None:
    found = extension("offline").loaded_from_outside
    inside = """<a href="https://example.org">read</a> <img src="_images/a.png"> <link href="a.css" rel=stylesheet>
        <script src="_static/a.js"></script>
        <style>@import "b.css"; a { background: url(data:image/png;base64,AA) }</style>"""
    assert found(inside) == []
    outside = """<script async src="https://a.org/a.js"></script><link rel="preload" href='//b.org/b.css'>
        <img alt="x" src=http://c.org/c.png>
        <style>@import url("https://d.org/d.css"); p { background: url(//e.org/e) }</style>"""
    assert found(outside) == [
        "https://a.org/a.js",
        "//b.org/b.css",
        "http://c.org/c.png",
        "https://d.org/d.css",
        "//e.org/e",
    ]


def test_commands_and_equations_are_made_at_build_time(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason=NEEDS_SPHINX)
    (tmp_path / "conf.py").write_text(
        f"""import sys
sys.path[:0] = [{str(DOCS / "_ext")!r}, {str(REPOSITORY)!r}]
extensions = ["command_line", "mathml", "offline"]
html_math_renderer = "mathml"
html_theme = "basic"
"""
    )
    text = "All\n===\n\n.. command-line::\n\n.. math:: \\mathcal L = \\hat y_i\n\nand :math:`\\alpha`\n"
    (tmp_path / "index.rst").write_text(text)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(tmp_path), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    choices = next(action.choices for action in parser()._actions if action.dest == "command")
    assert all(f'id="xai-widgets-{name}"' in page for name in choices)
    assert page.count("<math ") == 2
    assert "<mi>ℒ</mi>" in page
    assert "mathjax" not in page.lower()


def test_lessons_are_copied_and_old_ones_go(tmp_path: Path) -> None:
    source, target = tmp_path / "notebooks", tmp_path / "lessons"
    source.mkdir()
    target.mkdir()
    (source / "00_a.ipynb").write_text('{"cells": [], "metadata": {"language_info": {"name": "python"}}}')
    (target / "gone.ipynb").write_text("{}")
    copy_lessons = extension("lessons").copy_lessons
    copy_lessons(source, target)
    assert [path.name for path in target.iterdir()] == ["00_a.ipynb"]
    assert "ipython3" in (target / "00_a.ipynb").read_text()
    before = (target / "00_a.ipynb").stat().st_mtime_ns
    copy_lessons(source, target)
    assert (target / "00_a.ipynb").stat().st_mtime_ns == before


def lesson_of(*sources: str) -> dict[str, Any]:
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": [source]} for source in sources]
    return {"cells": [{"cell_type": "markdown", "metadata": {}, "source": ["# A"]}, *cells]}


def test_lessons_get_the_outputs_of_their_own_code(tmp_path: Path) -> None:
    shown = [{"output_type": "stream", "name": "stdout", "text": "2"}]
    stored = tmp_path / "00_a.json"
    stored.write_text(json.dumps({"code": ["1 + 1"], "outputs": [shown]}))
    same, other, unknown = lesson_of("1 + 1"), lesson_of("1 + 2"), lesson_of("1 + 1")
    lessons = extension("lessons")
    lessons.add_outputs(same, stored)
    assert same["cells"][1]["outputs"] == shown
    lessons.add_outputs(other, stored)
    lessons.add_outputs(unknown, tmp_path / "01_b.json")
    for notebook in (other, unknown):
        assert notebook["cells"][0]["source"][-1] == lessons.OUTDATED
        assert notebook["cells"][1]["outputs"] == []


def test_a_widget_becomes_a_note_with_its_page_where_there_is_one() -> None:
    as_note = extension("lessons").as_note
    notes = [
        as_note({"data": {WIDGET: {}, "text/plain": f"<{name}: A & B>"}})["data"]["text/html"]
        for name in ("ManifoldExplorer", "Workbench")
    ]
    assert 'href="../live/cae.html"' in notes[0]
    assert "href" not in notes[1]
    assert "<code>Workbench</code>" in notes[1]


def test_stored_outputs_belong_to_the_lessons_of_today() -> None:
    stored = sorted((DOCS / "outputs").glob("*.json"))
    assert stored
    for path in stored:
        lesson = json.loads((REPOSITORY / "notebooks" / f"{path.stem}.ipynb").read_text(encoding="utf-8"))
        code = ["".join(cell["source"]) for cell in lesson["cells"] if cell["cell_type"] == "code"]
        assert json.loads(path.read_text(encoding="utf-8"))["code"] == code, "run python docs/execute_lessons.py"

"""The lessons, copied to ``docs/lessons`` with the outputs that ``docs/execute_lessons.py`` stored in ``docs/outputs``.

Sphinx reads only what is below ``docs``, and executes nothing. Stored outputs of other code than the lesson's are left
out, with a note on the page.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from live_pages import FOLDER, LINKS
from sphinx.application import Sphinx

from xai_widgets.widgets.workbench.catalogue import VIEWS

WIDGET = "application/vnd.jupyter.widget-view+json"
OUTDATED = "*This page lacks the outputs: the lesson has changed since they were stored. Run it to see them.*"


def copy_lessons(source: Path, target: Path, outputs: Path | None = None) -> None:
    """Make `target` hold the lessons of `source`; unchanged ones stay untouched, and are not read again."""
    target.mkdir(exist_ok=True)
    lessons = {path.name: path for path in source.glob("*.ipynb")}
    for known in target.iterdir():
        if known.name not in lessons:
            known.unlink()
    for name, lesson in lessons.items():
        notebook = json.loads(lesson.read_text(encoding="utf-8"))
        notebook["metadata"]["language_info"]["pygments_lexer"] = "ipython3"  # for %matplotlib
        if outputs is not None and lesson.name[0].isdigit():
            add_outputs(notebook, outputs / f"{lesson.stem}.json")
        text, known = json.dumps(notebook), target / name
        if not known.is_file() or known.read_text(encoding="utf-8") != text:
            known.write_text(text, encoding="utf-8")


def add_outputs(notebook: dict[str, Any], stored: Path) -> None:
    """Put stored outputs into a notebook, or a note if there are none of the same code."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    known = json.loads(stored.read_text(encoding="utf-8")) if stored.is_file() else {"code": []}
    if known["code"] != ["".join(cell["source"]) for cell in code]:
        notebook["cells"][0]["source"] += ["\n\n", OUTDATED]
        return
    for cell, outputs in zip(code, known["outputs"], strict=True):
        cell["outputs"] = [as_note(output) for output in outputs]


def as_note(output: dict[str, Any]) -> dict[str, Any]:
    """A widget as a note with a link to its live page, if there is one; every other output as it is."""
    if WIDGET not in output.get("data", {}):
        return output
    name = output["data"]["text/plain"].strip("<>").split(":")[0]
    key = next((key for key in LINKS if VIEWS[key].__name__ == name), None)
    live = f' <a href="../{FOLDER}/{key}.html">Open it as a page.</a>' if key else ""
    note = f"Interactive widget <code>{html.escape(name)}</code>: run the lesson to use it.{live}"
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": f'<p class="interactive">{note}</p>'}}


def copy(app: Sphinx) -> None:
    """Copy the lessons of this checkout, with their outputs."""
    source = Path(app.srcdir)
    copy_lessons(source.parent / "notebooks", source / "lessons", source / "outputs")


def setup(app: Sphinx) -> dict[str, bool]:
    """Copy before Sphinx looks for its sources."""
    app.connect("builder-inited", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

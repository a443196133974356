"""Execute the lessons and store their outputs in docs/outputs, from where the documentation takes them.

    python docs/execute_lessons.py                  # all lessons, some minutes
    python docs/execute_lessons.py 01_cladec        # one of them

A lesson that changes needs new outputs: the documentation shows stored ones only if they belong to the same code.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

REPOSITORY = Path(__file__).parents[1]
LESSONS = {path.stem: path for path in sorted((REPOSITORY / "notebooks").glob("[0-9]*.ipynb"))}
STORED = REPOSITORY / "docs" / "outputs"
WIDGET = "application/vnd.jupyter.widget-view+json"
SHOWN = (WIDGET, "image/png", "text/html", "text/plain")
"""What a page can show of an output, the best first; a widget is shown as a note."""


def executed(lesson: Path) -> list[Any]:
    """The code cells of a lesson after it ran from top to bottom, in an empty folder."""
    notebook = nbformat.read(lesson, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
        NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kept(output: Any) -> dict[str, Any] | None:
    """What is stored of an output; None for one that a page cannot show."""
    if output.output_type == "stream":
        return dict(output) if output.name == "stdout" else None
    data = output.get("data", {})
    best = next((kind for kind in SHOWN if kind in data), None)
    if best is None or (best == WIDGET and not data["text/plain"].startswith("<")):  # a progress bar
        return None
    # Of a widget only the name stays, since its model ends with the kernel.
    shown = {WIDGET: {}, "text/plain": data["text/plain"]} if best == WIDGET else {best: data[best]}
    return {"output_type": "display_data", "metadata": {}, "data": shown}


def store(name: str) -> Path:
    """Execute a lesson, and store its code with its outputs."""
    cells = executed(LESSONS[name])
    outputs = [[one for output in cell.outputs if (one := kept(output))] for cell in cells]
    path = STORED / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    content = {"code": [cell.source for cell in cells], "outputs": outputs}
    path.write_text(json.dumps(content, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    return path


def main() -> None:
    """Store the outputs of the lessons that are named, or of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help=f"default: all of {', '.join(LESSONS)}")
    for name in parser.parse_args().lessons or LESSONS:
        path = store(name)
        sys.stdout.write(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size / 1e3:.0f} kB\n")


if __name__ == "__main__":
    main()

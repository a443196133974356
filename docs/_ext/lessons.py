"""The lessons, copied to ``docs/lessons``, since Sphinx reads only what is below ``docs``."""

from __future__ import annotations

import json
from pathlib import Path

from sphinx.application import Sphinx


def copy_lessons(source: Path, target: Path) -> None:
    """Make `target` hold the lessons of `source`; unchanged ones stay untouched, and are not read again."""
    target.mkdir(exist_ok=True)
    lessons = {path.name: path for path in source.glob("*.ipynb")}
    for known in target.iterdir():
        if known.name not in lessons:
            known.unlink()
    for name, lesson in lessons.items():
        notebook = json.loads(lesson.read_text(encoding="utf-8"))
        notebook["metadata"]["language_info"]["pygments_lexer"] = "ipython3"  # for %matplotlib
        text, known = json.dumps(notebook), target / name
        if not known.is_file() or known.read_text(encoding="utf-8") != text:
            known.write_text(text, encoding="utf-8")


def copy(app: Sphinx) -> None:
    """Copy the lessons of this checkout."""
    source = Path(app.srcdir)
    copy_lessons(source.parent / "notebooks", source / "lessons")


def setup(app: Sphinx) -> dict[str, bool]:
    """Copy before Sphinx looks for its sources."""
    app.connect("builder-inited", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

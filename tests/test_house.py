"""The structure of the package: imports run down its layers, and every method has the same key in all registries."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import xai_widgets
from xai_widgets.methods.registry import EXPLAINERS
from xai_widgets.scale.registry import METHODS as AT_SCALE
from xai_widgets.scores.exam import EXAMS
from xai_widgets.widgets.workbench.catalogue import VIEWS

PACKAGE = Path(xai_widgets.__file__).parent
METHODS = ("cladec", "summaries", "srae", "inversion", "cae")

LAYERS = (
    {"errors", "_version", "published", "sizes", "devices"},
    {"names", "class_names", "limits", "digest", "files", "packing", "together"},
    {"labels", "registry", "artifact", "progress", "recipe", "seeding", "borrowing", "hosts", "layout", "modes"},
    {"probabilities"},
    {"layers", "checkpoint", "inputs"},
    {"probing"},
    {"outputs"},
    {"show", "data", "pictures"},
    {"pool", "relabelling", "normalisations"},
    {"study", "training"},
    {"methods.common"},
    {"methods.masking"},
    {f"methods.{key}" for key in METHODS},
    {"methods.registry"},
    {"runs", "demos", "photos"},
    {"scale"},
    {"scores"},
    {"lessons"},
    {"widgets.views"},
    {"widgets.pages"},
    {"widgets.frame"},
    {f"widgets.{key}" for key in METHODS},
    {"widgets.workbench"},
    {"widgets.browser"},
    {"diagnosis"},
    {"cli"},
    {"__main__"},
)
"""From bottom to top. A room imports from lower layers only, and never from another room of its layer."""

LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_of(path): path for path in PACKAGE.rglob("*.py")}


def room_of(module: str) -> str:
    parts = module.split(".")
    return next((room for room in (".".join(parts[:2]), parts[0]) if room in LEVEL), "")


def imported(node: ast.ImportFrom) -> set[str]:
    """Modules of the package that a statement imports from."""
    base = (node.module or "").removeprefix("xai_widgets").lstrip(".")
    named = {f"{base}.{alias.name}".lstrip(".") for alias in node.names}
    return (named & MODULES.keys()) or {base}


def imports(module: str) -> set[str]:
    """All of them, in functions and for type checkers, too."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name for node in statements if (node.module or "").startswith("xai_widgets") for name in imported(node)}


@pytest.mark.parametrize("module", [name for name in MODULES if name])
def test_imports_run_down(module: str) -> None:
    room = room_of(module)
    if module in ("methods", "widgets"):  # they only hold rooms
        return
    assert room, f"{module} lies in no room"
    up = {
        other
        for other in imports(module) - {"_version"}
        if room_of(other) != room and LEVEL[room_of(other)] >= LEVEL[room]
    }
    assert not up, f"{module} imports {', '.join(sorted(up))} from the side or from above"


def test_there_is_no_circle() -> None:
    graph = {module: imports(module) - {""} for module in MODULES if module}
    TopologicalSorter(graph).prepare()  # raises a CycleError that names the circle


def test_every_method_has_the_same_key_everywhere() -> None:
    assert list(EXPLAINERS) == list(EXAMS) == list(AT_SCALE) == list(VIEWS) == list(METHODS)
    for key in METHODS:
        assert EXPLAINERS[key].key == VIEWS[key].key == key


def test_files_are_short_and_so_are_functions() -> None:
    sources = [*PACKAGE.rglob("*.py"), *Path(__file__).parent.rglob("*.py")]
    long = {path.name: lines for path in sources if (lines := len(path.read_text().splitlines())) > 350}
    assert not long
    assert len([path for path in (PACKAGE / "widgets").iterdir() if path.is_file()]) <= 6


def test_function_bodies_are_short() -> None:
    bodies = sorted(
        node.body[-1].end_lineno - first.lineno + 1
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        for first in [node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]]
    )
    assert bodies[len(bodies) // 2] <= 5

"""What is known to go wrong, and what helps: each check looks at a snapshot and names the problems it finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from xai_widgets import hosts
from xai_widgets.diagnosis.snapshot import FRONT_ENDS, MANAGER, Snapshot

LEAST_MEMORY = 10**9
NEEDED = ("torch", "torchvision", "ipywidgets", "bqplot", "anywidget")
VERSIONS = {
    "ipywidgets": ("8.1", ""),
    "bqplot": ("0.12.45", "0.14"),
    "jupyterlab": ("4", ""),
    "notebook": ("7", ""),
}
"""For some packages, the first version that works, and the first that may not."""

PYTHON_SIDE = {MANAGER: "jupyterlab-widgets"}
"""Packages that bring a front end, where their names differ."""

NO_SERVER = (hosts.COLAB, hosts.VS_CODE)
"""Hosts that bring front ends of their own: what is installed here does not matter."""


@dataclass(frozen=True)
class Problem:
    """What is wrong, with which value, and the command that helps, as it is typed."""

    what: str
    command: str


def problems(seen: Snapshot) -> list[Problem]:
    """Everything that is known to be wrong, the worst first."""
    return [problem for check in CHECKS for problem in check(seen)]


# --- packages ------------------------------------------------------------------------------------------------------


def missing(seen: Snapshot) -> Iterator[Problem]:
    """A package that this one needs is not there."""
    absent = [name for name in NEEDED if name not in seen.packages]
    if absent:
        yield Problem(f"{_listed(absent)} not installed.", f"pip install {' '.join(absent)}")


def torch_pair(seen: Snapshot) -> Iterator[Problem]:
    """Torch and torchvision are built for each other; a torchvision of another torch cannot be imported."""
    torch, vision = (seen.packages.get(name, "") for name in ("torch", "torchvision"))
    if not (torch and vision) or "torch" in seen.broken:
        return
    why = seen.broken.get("torchvision", "")
    if "torchvision::nms" in why:
        said = f"import torchvision fails ({why})"
    elif _outside(seen.needs_torch, torch):
        said = f"torchvision asks for torch{seen.needs_torch}"
    elif _build(torch) and _build(vision) and _build(torch) != _build(vision):
        said = f"one is built for {_build(torch)}, the other for {_build(vision)}"
    else:
        return
    yield Problem(
        f"torch {torch} and torchvision {vision} do not fit together: {said}.",
        "pip install --upgrade --force-reinstall torch torchvision",
    )


def broken(seen: Snapshot) -> Iterator[Problem]:
    """A package is installed and cannot be imported."""
    for name, why in seen.broken.items():
        if "torchvision::nms" not in why:
            yield Problem(
                f"{name} {seen.packages.get(name, '')} is installed, but cannot be imported ({why}).",
                f"pip install --force-reinstall {name}",
            )


def versions(seen: Snapshot) -> Iterator[Problem]:
    """Some packages work in some versions only; JupyterLab 4 and Notebook 7 are the oldest that show our widgets."""
    for name, (least, below) in VERSIONS.items():
        version = seen.packages.get(name, "")
        if not version or (_numbers(least) <= _numbers(version) and (not below or _numbers(version) < _numbers(below))):
            continue
        range_, said = f"{name}>={least}", f"{least} or later"
        if below:
            range_, said = f"{range_},<{below}", f"from {least} up to, and without, {below}"
        yield Problem(f"{name} is {version}; {said} is needed.", f'pip install --upgrade "{range_}"')


def bqplot_gl(seen: Snapshot) -> Iterator[Problem]:
    """Two copies of d3 are in the browser's way: points cannot be dragged."""
    there = seen.packages.get("bqplot-gl") or getattr(seen.front_end("bqplot-gl"), "version", "")
    if there:
        yield Problem(
            f"bqplot-gl {there} is installed next to bqplot; together they prevent dragging points on maps.",
            "pip uninstall bqplot-gl",
        )


# --- Jupyter -------------------------------------------------------------------------------------------------------


def front_ends(seen: Snapshot) -> Iterator[Problem]:
    """What runs in the browser must be there, switched on, and of the version that Python asks for."""
    if seen.host in NO_SERVER or not _serves(seen):
        return
    for name in FRONT_ENDS[:-1]:
        found, package = seen.front_end(name), PYTHON_SIDE.get(name, name)
        range_ = seen.wanted.get(name, "")
        if found is None:
            yield Problem(f"JupyterLab{_where(seen)} has no {name}: {_effect(name)}.", _pip(seen, package))
        elif not found.enabled:
            yield Problem(f"{name} is disabled in JupyterLab: {_effect(name)}.", f"jupyter labextension enable {name}")
        elif range_ and not agrees(range_, found.version):
            yield Problem(
                f"{name} is {found.version} in JupyterLab ({found.folder}), and Python asks for {range_}: "
                f"{_effect(name)}.",
                _pip(seen, f"--upgrade --force-reinstall {package}"),
            )


def _serves(seen: Snapshot) -> bool:
    """Whether a Jupyter is known whose front ends matter: one that runs, or one of this Python."""
    return bool(seen.server) or any(name in seen.packages for name in ("jupyterlab", "notebook", "voila"))


def _where(seen: Snapshot) -> str:
    return f", which runs from {seen.server} and not from this kernel's {seen.prefix}," if seen.server else ""


def _effect(name: str) -> str:
    return "no widget can be shown" if name in (MANAGER, "anywidget") else "maps and curves stay empty"


def _pip(seen: Snapshot, what: str) -> str:
    """Install where the server runs."""
    return f"{Path(seen.server, 'bin', 'python')} -m pip install {what}" if seen.server else f"pip install {what}"


# --- the machine ---------------------------------------------------------------------------------------------------


def memory(seen: Snapshot) -> Iterator[Problem]:
    """A kernel that needs more memory than it may use ends without a message."""
    if seen.memory is not None and seen.memory < LEAST_MEMORY:
        yield Problem(
            f"This process may use {seen.memory / 1e6:.0f} MB of memory, and fits need 1000 MB or more: the kernel "
            "may end without a message. Give the container, or the machine, more memory.",
            "docker run --memory=4g",
        )


CHECKS: tuple[Callable[[Snapshot], Iterator[Problem]], ...] = (
    missing, torch_pair, broken, versions, bqplot_gl, front_ends, memory,
)  # fmt: skip


# --- versions ------------------------------------------------------------------------------------------------------


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version: "2.9.0+cpu" is (2, 9, 0)."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def _build(version: str) -> str:
    return version.partition("+")[2]


def _outside(wanted: str, version: str) -> bool:
    """Whether a version is known not to be what a package asks for."""
    try:
        from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415  (comes with matplotlib)
    except ImportError:
        return False
    try:
        return not SpecifierSet(wanted).contains(version.partition("+")[0], prereleases=True)
    except InvalidSpecifier:
        return False


def agrees(wanted: str, version: str) -> bool:
    """Whether a front end is what Python asks for, as npm writes it.

    "^0.6.1" lets the first number that is not 0 stay, "~0.11.0" the first two; others must be equal.
    """
    least, found = _numbers(wanted.lstrip("^~")), _numbers(version)
    fixed = {"^": next((place for place, n in enumerate(least) if n), len(least) - 1) + 1, "~": 2}.get(wanted[:1])
    return found == least if fixed is None else found[:fixed] == least[:fixed] and found >= least


def _listed(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"

"""What a Binder guest gets: the size of the environment, and how long, and with how much memory, each lesson runs.

    python benchmarks/binder.py
    python benchmarks/binder.py --python .venv/bin/python 00_start_here 06_the_cheating_classifier

Without ``--python`` an environment is made as ``binder/`` says, as far as that can be done without its servers: torch
and torchvision of ``environment.yml`` by pip instead of conda, then ``postBuild`` itself. It is deleted afterwards.

pip's torch for Linux brings CUDA, which the build for CPUs that ``environment.yml`` asks for does not have. It is
counted apart, and left out of the size; but it takes memory, too: some 0.35 GB of every peak. Where pip finds wheels
for CPUs (by its own settings, or by PIP_CONSTRAINT), there is none.

Everything is run by way of ``start``; peaks are of the kernel's resident memory, as Linux reports them. With names of
lessons, only those are run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from time import perf_counter
from typing import Any

REPOSITORY = Path(__file__).parents[1]
BINDER = REPOSITORY / "binder"
LESSONS = REPOSITORY / "notebooks"

MOST_GIGABYTES, MOST_WORKBENCH_GIGABYTES, MOST_SECONDS = 2.0, 1.0, 20.0
"""What is asked: of the environment, of the Workbench's memory, and to its first view."""

CUDA = re.compile(r"nvidia|triton|cuda", re.IGNORECASE)
"""In names of packages, or of torch's own libraries, that a build for CPUs does not have."""

PIP_NAMES = {"pytorch-cpu": "torch", "torchvision": "torchvision"}
"""What conda's packages are called by pip; the others come with Python."""

FIRST_VIEW = """
import xai_widgets as xw

workbench = xw.Workbench(xw.demo())
workbench.wait()
workbench
"""
ALL_VIEWS = """
from xai_widgets.widgets.workbench.catalogue import VIEWS

for view in VIEWS:
    workbench.view = view.name
    workbench.wait()
"""
PEAK = "from pathlib import Path; print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"


def main() -> None:
    """Make the environment, unless there is one, and print what it is like."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="*", help="names of lessons; default all, and the Workbench")
    parser.add_argument("--python", type=Path, help="measure the environment of this Python instead of making one")
    parser.add_argument("--inside", type=Path, metavar="JSON", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside is not None:
        given.inside.write_text(json.dumps(_run(given.lessons[0])))
    elif given.python is not None:
        _report(given.python.absolute(), given.lessons)
    else:
        with tempfile.TemporaryDirectory() as folder:
            _report(_made(Path(folder) / "environment"), given.lessons)


# --- the environment -----------------------------------------------------------------------------------------------


def _made(folder: Path) -> Path:
    """Build as Binder would; the environment's Python."""
    start = perf_counter()
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *_required()], check=True)
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    subprocess.run(["bash", BINDER / "postBuild"], cwd=REPOSITORY, env=os.environ | {"PATH": path}, check=True)
    print(f"built in {perf_counter() - start:.0f} s")
    return python


def _required() -> list[str]:
    """What ``environment.yml`` asks for, for pip."""
    entries = re.findall(r"^  - ([a-z-]+)(\S*)$", (BINDER / "environment.yml").read_text(), flags=re.MULTILINE)
    return [PIP_NAMES[name] + version for name, version in entries if name in PIP_NAMES]


def _report(python: Path, lessons: list[str]) -> None:
    whole, cuda = _sizes(python)
    print(f"environment  {(whole - cuda) / 1e9:.2f} GB (asked: under {MOST_GIGABYTES} GB)")
    print(f"left out of it: {cuda / 1e9:.2f} GB of CUDA, which the build for CPUs does not have")
    print(f"\n{'lesson':32}{'seconds':>8}{'peak GB':>9}", flush=True)
    for name in lessons or [path.stem for path in sorted(LESSONS.glob("[0-9]*.ipynb"))]:
        found = _inside(python, name)
        print(f"{name:32}{found['seconds']:8.0f}{found['peak']:9.2f}", flush=True)
    if not lessons:
        found = _inside(python, "")
        print(f"\nWorkbench, first view  {found['first']:.1f} s (asked: {MOST_SECONDS:.0f} s)")
        print(f"Workbench, five views  {found['peak']:.2f} GB (asked: under {MOST_WORKBENCH_GIGABYTES} GB)")


def _sizes(python: Path) -> tuple[int, int]:
    """Bytes of the environment's packages, and of those among them that a build for CPUs does not have."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
    whole = sum(path.lstat().st_size for path in python.parent.parent.rglob("*") if path.is_file())
    files = {file for found in distributions(path=[site]) for file in _cuda_files(found)}
    return whole, sum(file.lstat().st_size for file in files if file.is_file())


def _cuda_files(found: Distribution) -> Iterator[Path]:
    everything = CUDA.search(found.name) is not None
    for file in found.files or ():
        if everything or (found.name == "torch" and file.suffix == ".so" and CUDA.search(file.name)):
            yield Path(str(found.locate_file(file))).resolve()


# --- what runs in it -----------------------------------------------------------------------------------------------


def _inside(python: Path, name: str) -> dict[str, float]:
    """Run a lesson, or the Workbench, in the environment."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "found.json"
        command = ["bash", BINDER / "start", python, __file__, "--inside", answer, name]
        environment = os.environ | {"JUPYTER_PREFER_ENV_PATH": "1"}
        subprocess.run(command, cwd=folder, env=environment, check=True, stderr=subprocess.DEVNULL)
        found: dict[str, float] = json.loads(answer.read_text())
    return found


def _run(name: str) -> dict[str, float]:
    import nbformat
    from nbclient import NotebookClient

    if name:
        notebook = nbformat.read(LESSONS / f"{name}.ipynb", as_version=4)
    else:
        cells = [nbformat.v4.new_code_cell(source.strip()) for source in (FIRST_VIEW, ALL_VIEWS)]
        notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.cells.append(nbformat.v4.new_code_cell(PEAK))
    start, ends = perf_counter(), []

    def ended(**_: Any) -> None:
        ends.append(perf_counter() - start)

    client = NotebookClient(notebook, timeout=1800, kernel_name="python3", on_cell_executed=ended)
    client.execute()
    peak = int(notebook.cells[-1].outputs[0].text) * 1024
    return {"seconds": ends[-1], "first": ends[0], "peak": peak / 1e9}


if __name__ == "__main__":
    sys.exit(main())

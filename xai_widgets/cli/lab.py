"""`xai-widgets lab`: the lessons, copied into a working folder, and JupyterLab opened on the first one."""

from __future__ import annotations

import argparse
import filecmp
import os
from pathlib import Path
from typing import Any, NamedTuple

from xai_widgets import files
from xai_widgets.cli.terminal import require_folder, say
from xai_widgets.cli.typed import path
from xai_widgets.errors import ArtifactError, XaiWidgetsError

NOTEBOOKS = "notebooks"
FIRST = "00_start_here.ipynb"


def add(commands: Any) -> None:
    """Add the command to `xai-widgets`."""
    parser = commands.add_parser("lab", help="copy the lessons here and open them in JupyterLab")
    parser.set_defaults(run=_lab)
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--port", type=_port, help="port to listen on (default: the first free one from 8888 on)")
    told = "folder to work in; the lessons go to its notebooks (default: .)"
    parser.add_argument("--dir", type=path, default=Path(), help=told)


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not a port; ports are 1 to 65535")
    return port


def _lab(given: argparse.Namespace) -> None:
    lab_application()  # without JupyterLab, nothing is copied
    target = require_folder(given.dir / NOTEBOOKS, "--dir")
    copied = copy_lessons(target)
    if copied.added:
        say(f"Copied to {target}: {', '.join(copied.added)}")
    if copied.kept:
        say(f"Kept your own version in {target}: {', '.join(copied.kept)} (rename it to get the lesson as shipped)")
    open_lab(given.dir, browser=not given.no_browser, port=given.port)


class Copied(NamedTuple):
    """Names of the lessons that were added, and of files that differ from their lesson and were left alone."""

    added: tuple[str, ...]
    kept: tuple[str, ...]


def lessons() -> Path:
    """Folder of the lessons: inside an installed package, beside it in a checkout."""
    package = Path(__file__).parents[1]
    for folder in (package / NOTEBOOKS, package.parent / NOTEBOOKS):
        if (folder / FIRST).is_file():
            return folder
    raise XaiWidgetsError(f"the lessons are missing from this installation ({package}); reinstall xai-widgets")


def copy_lessons(target: Path) -> Copied:
    """Bring every lesson into a folder, which is made, and change no file that is there.

    A file that differs from its lesson is somebody's work, or a lesson of another release: it is kept.
    """
    added, kept = [], []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for lesson in sorted(lessons().glob("*.ipynb")):
            own = target / lesson.name
            if not own.exists():
                files.write(own, lesson.read_bytes())
                added.append(lesson.name)
            elif not own.is_file() or not filecmp.cmp(lesson, own, shallow=False):
                kept.append(lesson.name)
    except (OSError, ArtifactError) as error:
        raise XaiWidgetsError(f"the lessons cannot be copied to {target} ({error}); choose another --dir") from error
    return Copied(tuple(added), tuple(kept))


def lab_application() -> Any:
    """JupyterLab's application class; an XaiWidgetsError if JupyterLab is not installed."""
    try:
        from jupyterlab.labapp import LabApp  # noqa: PLC0415  (an extra, and slow to import)
    except ImportError as error:
        command = 'pip install "xai-widgets[lab]"'
        raise XaiWidgetsError(f"JupyterLab cannot be loaded ({error}); install it with: {command}") from error
    return LabApp


def open_lab(folder: Path, *, browser: bool = True, port: int | None = None) -> None:
    """Run JupyterLab on a folder, opened on the first lesson, until it is stopped.

    In this process, so that its notebooks run in the very Python that this package is installed in.
    """
    application = lab_application()
    # Else a kernel that another Python has registered for this user under the same name would come first.
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
    application.launch_instance(argv=lab_arguments(folder, browser=browser, port=port))


def lab_arguments(folder: Path, *, browser: bool, port: int | None) -> list[str]:
    """JupyterLab's command line."""
    arguments = [f"--ServerApp.root_dir={folder.resolve()}", f"--LabApp.default_url=/lab/tree/{NOTEBOOKS}/{FIRST}"]
    if not browser:
        arguments.append("--no-browser")
    if port is not None:
        arguments += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if _is_root():
        # Jupyter refuses root by default; in a container there is nobody else, and only this machine is listened to.
        arguments.append("--allow-root")
    return arguments


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0

"""Which program shows the widgets, as far as Python can know, and what has to be switched on there."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

COLAB, VS_CODE, VOILA, LAB, NOTEBOOK = "Google Colab", "VS Code", "Voila", "JupyterLab", "Jupyter Notebook"
KERNEL = "a Jupyter kernel"
"""Something shows what the kernel sends, and does not say what it is."""
IPYTHON, PYTHON = "IPython in a terminal", "Python without Jupyter"

SERVERS = {"voila": VOILA, "notebook": NOTEBOOK, "lab": LAB}
"""By words in the command that started the server. A server shows both JupyterLab and Notebook: it is a guess."""


def host() -> str:
    """The program that shows widgets: one of the names above."""
    shell = _shell()
    if shell is None or not hasattr(shell, "kernel"):
        return PYTHON if shell is None else IPYTHON
    if "google.colab" in sys.modules:
        return COLAB
    if "__vsc_ipynb_file__" in shell.user_ns:
        return VS_CODE
    if os.environ.get("SERVER_SOFTWARE", "").startswith("voila"):
        return VOILA
    program = " ".join(Path(word).name for word in server_command()[:4])
    return next((name for word, name in SERVERS.items() if word in program), KERNEL)


def in_notebook() -> bool:
    """Whether something that could show widgets listens."""
    return hasattr(_shell(), "kernel")


def server_command() -> list[str]:
    """The command line of the program that started this kernel; empty if that cannot be known."""
    try:
        line = Path(f"/proc/{os.getppid()}/cmdline").read_bytes()
    except OSError:  # no such folder on this system, or somebody else's process
        return []
    return [word for word in line.decode(errors="replace").split("\0") if word]


@cache
def prepare() -> None:
    """Switch on what the host needs for widgets of others; once. On Google Colab they are off at first."""
    if "google.colab" in sys.modules:
        from google.colab import output  # type: ignore[import-not-found]  # noqa: PLC0415  (exists on Colab only)

        output.enable_custom_widget_manager()


def _shell() -> Any:
    """IPython's shell, if this is one; IPython is not loaded for the question."""
    known = sys.modules.get("IPython")
    return None if known is None else known.get_ipython()

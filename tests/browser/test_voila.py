"""Voila serves the Workbench as a page: no code is to be seen, and a tab can be opened."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
NOTEBOOK = REPOSITORY / "notebooks" / "workbench.ipynb"
NOT_OURS = ("net::ERR_", "The getter for the shared module")
"""Voila asks for icons elsewhere, which no page may in these tests; and where Notebook 7 is installed, too, its
extension cannot be loaded into Voila."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(importlib.util.find_spec("voila") is None, reason='no voila: pip install "xai-widgets[lab]"'),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where Voila serves the Workbench."""
    home = tmp_path_factory.mktemp("voila")
    port = _free_port()
    url = f"http://127.0.0.1:{port}/"
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(_command(port), cwd=home, env=_environment(home), stdout=log, stderr=log)
        try:
            _wait_for(url, server, home / "server.log")
            yield url
        finally:
            server.terminate()
            server.wait(timeout=30)


def _command(port: int) -> list[str]:
    options = ["--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    return [sys.executable, "-m", "voila", str(NOTEBOOK), *options]


def _environment(home: Path) -> dict[str, str]:
    search = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    jupyter = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    own = {"PYTHONPATH": search, "JUPYTER_PREFER_ENV_PATH": "1", "IPYTHONDIR": str(home / "ipython")}
    return {**os.environ, **jupyter, **own}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and server.poll() is None:
        try:
            # Not the page itself, which would start a kernel.
            with urllib.request.urlopen(f"{url}voila/static/nothing", timeout=10):  # noqa: S310 - our own
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"Voila did not start:\n{log.read_text()}")


def test_the_workbench_is_a_page_without_code(address: str, page: Any) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    page.get_by_role("heading", name="What does this classifier see?").wait_for()
    page.locator(".xw-workbench").wait_for()
    page.get_by_role("tab", name="Evidence").click()
    # The kernel answers: the question is written, and the pictures are shown.
    page.get_by_text("Where in this picture is the evidence for this class?").wait_for()
    page.locator(".xw-grid img").first.wait_for()
    assert "import xai_widgets" not in page.locator("body").inner_text()
    assert [text for text in said if not any(words in text for words in NOT_OURS)] == []

"""A real JupyterLab and a real Chromium: what a person would click, asserted in the kernel's Python."""

from __future__ import annotations

import ast
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xai_widgets.widgets.views.chart import HEIGHT, WIDTH

REPOSITORY = Path(__file__).parents[2]
CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no page may need the network
]  # fmt: skip
# A command given before the kernel has answered is lost.
KERNEL_IS_THERE = """async () => {
  const { context } = window.jupyterapp.shell.currentWidget;
  await context.ready;
  await context.sessionContext.ready;
  await context.sessionContext.session.kernel.info;
}"""
ALL_CELLS_HAVE_RUN = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells].every(
  (cell) => cell.executionCount !== null && cell.executionState !== "running"
)"""
ASK_KERNEL = """async (expression) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.context.sessionContext.session;
  const request = { code: "", silent: true, user_expressions: { value: expression } };
  return (await kernel.requestExecute(request).done).content.user_expressions.value;
}"""
VIEWPORT = {"width": 1280, "height": 900}
PATIENCE = 90_000  # milliseconds; reached only where something is broken, or the machine very busy
INNER = (WIDTH - 64, HEIGHT - 52)
"""Pixels of a map without its axes."""

HANDLE = ".xw-map .object_grp"  # the last of them is drawn last, and is the point that can be dragged
PIXELS = """(canvas) => {
  const { width, height } = canvas;
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  return [height, width, ...copy.getImageData(0, 0, width, height).data];
}"""


def _unavailable(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium."""
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        _unavailable("no Chromium: install one, or name it in the environment variable CHROMIUM")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, headless=True, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A fresh page of its own context."""
    context = chromium.new_context(viewport=VIEWPORT)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()


def _hear(page: Any, heard: list[str], *kinds: str) -> None:
    """Collect what a page says to the console, of some kinds or of any, and its errors."""
    page.on("console", lambda message: heard.append(message.text) if not kinds or message.type in kinds else None)
    page.on("pageerror", lambda error: heard.append(str(error)))


def _refuse(page: Any, asked: list[str]) -> None:
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))


@pytest.fixture(autouse=True)
def alerts(page: Any) -> Iterator[None]:
    """Fail where a name was run as a script."""
    asked: list[str] = []
    _refuse(page, asked)
    yield
    assert asked == []


@pytest.fixture
def complaints(page: Any) -> Iterator[list[str]]:
    """What the browser's console complained of; nothing, unless a test empties it."""
    heard: list[str] = []
    _hear(page, heard, "error")
    yield heard
    assert heard == []


@pytest.fixture
def offline(chromium: Any) -> Iterator[Callable[[Path], Any]]:
    """Return a function that opens a file with the network off; fail if that page says anything to the console."""
    # A context of its own: to switch off another page's would cut JupyterLab from its server.
    context = chromium.new_context(viewport=VIEWPORT, offline=True)
    said: list[str] = []

    def open_file(path: Path) -> Any:
        opened = context.new_page()
        opened.set_default_timeout(PATIENCE)
        _hear(opened, said)
        _refuse(opened, said)
        opened.goto(path.as_uri())
        return opened

    yield open_file
    context.close()
    assert said == []


@dataclass
class Lab:
    """A running JupyterLab server and the folder it serves."""

    url: str
    token: str
    folder: Path

    def end_kernels(self) -> None:
        """Give back the memory of the kernels that run."""
        for kernel in json.loads(self._request("kernels")):
            self._request(f"kernels/{kernel['id']}", "DELETE")

    def _request(self, path: str, method: str = "GET") -> bytes:
        headers = {"Authorization": f"token {self.token}"}
        asked = urllib.request.Request(f"{self.url}/api/{path}", method=method, headers=headers)  # noqa: S310 - our own
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
            found: bytes = answer.read()
        return found


def answers(url: str) -> bool:
    """Whether a server is up."""
    try:
        with urllib.request.urlopen(url, timeout=10):  # noqa: S310 - our own
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@contextmanager
def served(command: Sequence[str], url: str, home: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a server in a folder of its own, from when it answers at an address."""
    log = home / "server.log"
    search = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    own = {"PYTHONPATH": search, "IPYTHONDIR": str(home / "ipython")}
    own |= {f"JUPYTER_{name.upper()}_DIR": str(home / name) for name in ("config", "data", "runtime")}
    with log.open("w") as file:
        server = subprocess.Popen(command, cwd=home, env={**os.environ, **own, **environment}, stdout=file, stderr=file)
        try:
            deadline = time.monotonic() + 180  # a busy machine has taken more than 60
            while not answers(url):
                if time.monotonic() > deadline or server.poll() is not None:
                    pytest.fail(f"there is no server:\n{log.read_text()}")
                time.sleep(0.2)
            yield
        finally:
            server.terminate()
            server.wait(timeout=30)


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab with settings of its own, that neither reads the user's nor asks the network for news."""
    home = tmp_path_factory.mktemp("lab")
    folders = {name: home / name for name in ("root", "settings", "workspaces")}
    for folder in folders.values():
        folder.mkdir()
    _write_settings(folders["settings"])
    found = Lab(f"http://127.0.0.1:{free_port()}", secrets.token_hex(16), folders["root"])
    with served(_lab_command(found, folders), f"{found.url}/api?token={found.token}", home, {}):
        yield found


def _write_settings(folder: Path) -> None:
    settings = {
        # Every cell is drawn, also the ones out of sight.
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    }
    for name, values in settings.items():
        file = folder / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))


def _lab_command(lab: Lab, folders: dict[str, Path]) -> list[str]:
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": lab.url.rpartition(":")[2],
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folders["root"],
        "ServerApp.allow_root": True,
        "IdentityProvider.token": lab.token,
        "LabApp.user_settings_dir": folders["settings"],
        "LabApp.workspaces_dir": folders["workspaces"],
        "LabApp.expose_app_in_browser": True,
        "LabApp.extension_manager": "readonly",
        "LabApp.news_url": "",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    return [sys.executable, "-m", "jupyter", "lab", "--no-browser", *(f"--{k}={v}" for k, v in options.items())]


@dataclass
class Notebook:
    """An open notebook whose cells have been run."""

    page: Any

    def python(self, expression: str) -> Any:
        """Value of an expression in the notebook's kernel, by way of JSON and of JupyterLab's own connection."""
        answer = self.page.evaluate(ASK_KERNEL, f"__import__('json').dumps({expression})")
        assert answer["status"] == "ok", answer
        # The kernel sends the repr of the JSON string.
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))

    def until(self, expression: str, expected: Any, seconds: float = 90) -> None:
        """Wait until an expression in the kernel has the expected value; fail with its last value otherwise."""
        deadline = time.monotonic() + seconds
        while (found := self.python(expression)) != expected and time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
        assert found == expected, f"{expression} is {found!r}, not {expected!r}"

    def command(self, name: str, **arguments: Any) -> None:
        """Run a command of JupyterLab."""
        # Not awaited: a command that runs cells ends when they do, or never if the page is left.
        script = "([name, given]) => { window.jupyterapp.commands.execute(name, given); }"
        self.page.evaluate(script, [name, arguments])

    def theme(self, name: str) -> None:
        """Switch JupyterLab's theme to "light" or "dark", and wait until it is to be seen and clicked again."""
        self.command("apputils:change-theme", theme=f"JupyterLab {name.title()}")
        light = str(name == "light").lower()
        self.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
        # With that it hides all of itself, until the next frame, behind a splash that goes even later. A browser
        # that nobody looks at may draw no frame for long, unless it is asked for a picture.
        self.page.screenshot()
        self.page.wait_for_selector("#main")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")


@pytest.fixture
def notebook(lab: Lab, page: Any) -> Iterator[Callable[[Sequence[str]], Notebook]]:
    """Return a function that opens a notebook with the given cells and runs all of them."""

    yield lambda cells: open_notebook(page, lab, "doc/tree", cells)
    page.close()  # it would complain of a kernel that is gone
    lab.end_kernels()


def open_notebook(page: Any, lab: Lab, place: str, cells: Sequence[str]) -> Notebook:
    """Open a notebook with the given cells at a place of the server, and run all of them."""
    path = f"{secrets.token_hex(4)}.ipynb"
    (lab.folder / path).write_text(json.dumps(notebook_file(cells)))
    page.goto(f"{lab.url}/{place}/{path}?token={lab.token}")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.context !== undefined")
    page.evaluate(KERNEL_IS_THERE)
    opened = Notebook(page)
    opened.command("notebook:run-all-cells")
    _wait_until_run(page)
    return opened


def notebook_file(cells: Sequence[str]) -> dict[str, Any]:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel},
        "cells": [{**code, "id": f"cell-{place}", "source": source} for place, source in enumerate(cells)],
    }


def _wait_until_run(page: Any) -> None:
    page.wait_for_function(ALL_CELLS_HAVE_RUN)
    errors = page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']")
    assert errors.count() == 0, errors.all_inner_texts()


# --- the map and its point -------------------------------------------------------------------------------------------


def pixels(page: Any, place: int = 0) -> np.ndarray:
    """Colours (H, W, 3) that a canvas of the atlas shows: 0 the counterfactual, 1 the change."""
    height, width, *values = page.locator(".xw-atlas canvas").nth(place).evaluate(PIXELS)
    return np.array(values).reshape(height, width, 4)[..., :3]


def middle(page: Any) -> tuple[float, float]:
    """Where the point is on the screen."""
    box = page.locator(HANDLE).last.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Any, right: float, down: float) -> None:
    """Drag the point so far, and hold it there."""
    page.locator(HANDLE).last.hover()  # once nothing lies above it
    x, y = middle(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=8)

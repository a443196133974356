"""The Workbench where people open it besides JupyterLab in Chromium: in Notebook 7, and in Firefox."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import (
    HANDLE,
    PATIENCE,
    Lab,
    Notebook,
    drag,
    free_port,
    notebook_file,
    open_notebook,
    served,
)

pytestmark = pytest.mark.browser

CODE = "import xai_widgets as xw\nbench = xw.Workbench(xw.demo())\nbench"
ANSWER = ".xw-stage .xw-frame img:not([hidden])"
EXACT = ".xw-atlas[data-state=exact]"
FAR = 90
"""Pixels that the point is dragged."""


# --- Notebook 7 ----------------------------------------------------------------------------------------------------


@pytest.fixture
def notebook_7(tmp_path: Path) -> Iterator[Lab]:
    """A server of Notebook 7."""
    pytest.importorskip("notebook", minversion="7", reason="no Notebook 7: pip install notebook")
    found = Lab(f"http://127.0.0.1:{free_port()}", secrets.token_hex(16), tmp_path / "root")
    found.folder.mkdir()
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": found.url.rpartition(":")[2],
        "ServerApp.root_dir": found.folder,
        "ServerApp.allow_root": True,
        "IdentityProvider.token": found.token,
    }
    command = [
        sys.executable,
        "-m",
        "notebook",
        "--no-browser",
        "--expose-app-in-browser",
        *(f"--{k}={v}" for k, v in options.items()),
    ]
    with served(command, f"{found.url}/api?token={found.token}", tmp_path, {}):
        yield found


def test_notebook_7_shows_an_answer_and_the_point_can_be_dragged(notebook_7: Lab, page: Any) -> None:
    opened = open_notebook(page, notebook_7, "notebooks", [CODE])
    page.locator(ANSWER).first.wait_for()
    page.get_by_role("tab", name="Manifold").click()
    opened.until("bench.view == 'cae' and bench.wait(0)", True)
    page.locator(EXACT).wait_for()
    require_drag(opened)
    page.close()


def require_drag(opened: Notebook) -> None:
    """Drag the point towards the middle of the map: the kernel knows where it is, and the picture is exact there."""
    page, point = opened.page, "bench.apps['cae'][0].point"
    before = opened.python(point)
    page.locator(".xw-map").scroll_into_view_if_needed()
    drag(page, -FAR, 0)
    page.mouse.up()
    opened.until(f"{point}[0] < {before[0]}", True)
    opened.until("bench.wait(0)", True)
    page.locator(EXACT).wait_for()


# --- Firefox -------------------------------------------------------------------------------------------------------


class Firefox:
    """A Firefox without a window, driven by its own protocol."""

    def __init__(self, session: Any, by: Any) -> None:
        self.session, self._by = session, by

    def run(self, script: str) -> Any:
        """The value of some JavaScript in the page."""
        return self.session.execute_script(f"return {script}", sandbox=None)

    def all(self, selector: str) -> list[Any]:
        """Elements of the page."""
        found: list[Any] = self.session.find_elements(self._by.CSS_SELECTOR, selector)
        return found

    def until(self, script: str) -> None:
        """Wait until some JavaScript is true."""
        deadline = time.monotonic() + PATIENCE / 1000
        while not self.run(script) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert self.run(script), script


@contextmanager
def opened_firefox(profile: Path) -> Iterator[Firefox]:
    """A Firefox with a profile of its own."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        pytest.skip("no Firefox: apt-get install firefox-esr")
    marionette = pytest.importorskip(
        "marionette_driver", reason="nothing drives Firefox: pip install marionette_driver"
    )
    profile.mkdir()
    port = free_port()
    (profile / "user.js").write_text(f'user_pref("marionette.port", {port});\n')
    options = ["--headless", "--marionette", "--no-remote", "--profile", str(profile)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    browser = subprocess.Popen([program, *options], env={**os.environ, "HOME": str(profile)}, **quiet)
    try:
        session = marionette.marionette.Marionette(host="127.0.0.1", port=port, startup_timeout=60)
        session.start_session()
        session.timeout.page_load = session.timeout.script = PATIENCE / 1000
        session.set_window_rect(width=1440, height=1200)
        yield Firefox(session, marionette.By)
        session.delete_session()
    finally:
        browser.kill()
        browser.wait(timeout=30)


@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_firefox_shows_an_answer_and_the_point_can_be_dragged(lab: Lab, tmp_path: Path) -> None:
    with opened_firefox(tmp_path / "profile") as firefox:
        (lab.folder / "firefox.ipynb").write_text(json.dumps(notebook_file([CODE])))
        firefox.session.navigate(f"{lab.url}/doc/tree/firefox.ipynb?token={lab.token}")
        firefox.until("!!window.jupyterapp?.shell.currentWidget?.context?.sessionContext?.session?.kernel")
        firefox.run("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        firefox.until(f"!!document.querySelector('{ANSWER}')")
        next(tab for tab in firefox.all(".xw-tab") if tab.text == "Manifold").click()
        firefox.until(f"!!document.querySelector('{EXACT}') && document.querySelectorAll('{HANDLE}').length > 0")
        before = firefox.run("document.querySelector('.xw-atlas canvas').toDataURL()")
        drag_in_firefox(firefox)
        firefox.until(f"document.querySelector('.xw-atlas canvas').toDataURL() !== {json.dumps(before)}")
        firefox.until(f"!!document.querySelector('{EXACT}')")
    lab.end_kernels()


def drag_in_firefox(firefox: Firefox) -> None:
    """Drag the point to the left."""
    firefox.run("document.querySelector('.xw-map').scrollIntoView({ block: 'center' })")
    handle = "[...document.querySelectorAll('" + HANDLE + "')].at(-1).getBoundingClientRect()"
    x, y = (
        int(firefox.run(f"{handle}.{side} + {handle}.{size} / 2")) for side, size in (("x", "width"), ("y", "height"))
    )
    mouse = firefox.session.actions.sequence("pointer", "mouse", {"pointerType": "mouse"})
    mouse.pointer_move(x, y).pointer_down()
    for step in range(1, 7):
        mouse.pointer_move(x - FAR * step // 6, y)
    mouse.pointer_up().perform()

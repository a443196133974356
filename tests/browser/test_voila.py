"""Voila serves the Workbench as a page: no code is to be seen, and a tab can be opened."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import REPOSITORY, free_port, served

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
    url = f"http://127.0.0.1:{(port := free_port())}/"
    options = ["--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    command = [sys.executable, "-m", "voila", str(REPOSITORY / "notebooks" / "workbench.ipynb"), *options]
    # Asked for the page itself, it would start a kernel.
    home, asked = tmp_path_factory.mktemp("voila"), f"{url}voila/static/nothing"
    with served(command, asked, home, {"JUPYTER_PREFER_ENV_PATH": "1"}):
        yield url


def test_the_workbench_is_a_page_without_code(address: str, page: Any, complaints: list[str]) -> None:
    page.goto(address)
    page.get_by_role("heading", name="What does this classifier see?").wait_for()
    page.locator(".xw-workbench").wait_for()
    page.get_by_role("tab", name="Evidence").click()
    # The kernel answers: the question is written, and the pictures are shown.
    page.get_by_text("Where in this picture is the evidence for this class?").wait_for()
    page.locator(".xw-grid img").first.wait_for()
    assert "import xai_widgets" not in page.locator("body").inner_text()
    complaints[:] = [text for text in complaints if not any(words in text for words in NOT_OURS)]

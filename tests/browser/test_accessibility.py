"""axe-core finds nothing serious in any view of the Workbench, light and dark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.test_workbench import BENCH, settle, tab
from xai_widgets.widgets.workbench.catalogue import VIEWS

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")

pytestmark = pytest.mark.browser

SERIOUS = {"serious", "critical"}


def violations(page: Any) -> list[str]:
    """What axe-core calls serious or worse inside the Workbench, with the first place of each."""
    found = axe.Axe().run(page, context=".xw-workbench").response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in SERIOUS]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_in_any_view(notebook: Callable[..., Any], theme: str) -> None:
    opened = notebook([BENCH])
    opened.theme(theme)
    opened.page.wait_for_selector(".xw-tab")
    found = {}
    for key in VIEWS:
        tab(opened, key).click()
        opened.until("bench.view", key)
        settle(opened)
        opened.page.wait_for_timeout(300)  # pictures fade in
        found[key] = violations(opened.page)
    assert found == {key: [] for key in VIEWS}

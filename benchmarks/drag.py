"""How long a counterfactual takes to follow the hand in JupyterLab, with the kernel idle and with the kernel busy.

python benchmarks/drag.py

A real Chromium moves a real mouse over a map with an atlas of 21 x 21 tiles of 64 pixels; the time is that from the
page's first hearing of the move to the end of the frame's drawing. It needs what the browser tests need.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MOVES = 300
SCENE = """
import ipywidgets, numpy as np
from xai_widgets.widgets.views.atlas import AtlasView
from xai_widgets.widgets.views.manifold_map import ManifoldMap
generator, names, box = np.random.default_rng(0), ["oak", "elm"], (-3.0, 3.0, -3.0, 3.0)
chart, view = ManifoldMap(names), AtlasView(names=names, colours=["#0072B2", "#E69F00"])
chart.link_to(view)
chart.show(generator.normal(size=(1000, 2)), generator.integers(0, 2, 1000), box)
view.show_original(np.full((3, 64, 64), 0.5), "grey", source=0, target=1)
shades = np.linspace(0, 1, 441)[:, None, None, None]
view.show_atlas(shades + np.zeros((3, 64, 64)), generator.dirichlet([1, 1], 441), box)
chart.move(0, 0)
"""
WATCH = """(picture) => {
  const put = CanvasRenderingContext2D.prototype.putImageData;
  let moved = null;
  window.waits = [];
  addEventListener("mousemove", () => { moved ??= performance.now(); }, true);
  CanvasRenderingContext2D.prototype.putImageData = function (...given) {
    put.apply(this, given);
    if (moved === null || !this.canvas.closest(picture)) return;
    window.waits.push(performance.now() - moved);
    moved = null;
  };
}"""
WORK = """() => {
  const { kernel } = window.jupyterapp.shell.currentWidget.context.sessionContext.session;
  kernel.requestExecute({ code: "import time\\nend = time.time() + 30\\nwhile time.time() < end: pass" });
}"""


def test_drag(notebook: Callable[..., Any]) -> None:
    """Not a test: pytest lends its JupyterLab and its browser."""
    opened = notebook([SCENE, "ipywidgets.HBox([chart.widget, view])"])
    opened.page.set_viewport_size({"width": 1400, "height": 1400})
    opened.page.wait_for_selector("[data-state=preview]")
    opened.page.evaluate(WATCH, ".xw-atlas-tile:last-child")  # the change: painted last in a frame
    print(f"\n{'kernel':8}{'moves':>7}{'frames':>8}{'p50 ms':>8}{'p95 ms':>8}{'max ms':>8}")
    for kernel in ("idle", "busy"):
        if kernel == "busy":
            opened.page.evaluate(WORK)
        waits = _circle(opened.page)
        middle, late = np.percentile(waits, [50, 95])
        print(f"{kernel:8}{MOVES:7}{len(waits):8}{middle:8.1f}{late:8.1f}{max(waits):8.1f}")


def _circle(page: Any) -> list[float]:
    """Drag the point once around, and return how long each frame took."""
    box = page.locator(".xw-map .object_grp").last.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.evaluate("window.waits.length = 0")
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(MOVES):
        angle = 2 * math.pi * step / MOVES
        page.mouse.move(x + 100 * math.sin(angle), y + 100 * (1 - math.cos(angle)))
    page.mouse.up()
    page.wait_for_timeout(200)
    waits: list[float] = page.evaluate("window.waits")
    return waits


if __name__ == "__main__":
    repository = Path(__file__).parents[1]
    sys.path.insert(0, str(repository))
    sys.exit(pytest.main([__file__, "-qs", "-p", "tests.browser.conftest", f"--rootdir={repository}"]))

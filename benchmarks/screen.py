"""What a person sees of the Workbench, in pixels and seconds: ``python benchmarks/screen.py --json -``.

JupyterLab is started by ``xai-widgets lab`` and looked at in Chromium at 1440 x 900, in the light and the dark theme.
It needs what the browser tests need.
"""

from __future__ import annotations

import argparse
import json
import math
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from benchmarks.drag import WATCH  # noqa: E402
from tests.browser import conftest as browser  # noqa: E402
from xai_widgets.widgets.workbench.catalogue import VIEWS  # noqa: E402

BENCH = "import xai_widgets as xw\nbench = xw.Workbench(xw.demo())\nbench"
TWO = "import xai_widgets as xw\nbench = xw.Workbench(xw.demo(), xw.demo(cheat=True))\nbench"
LAB = {"width": 1440, "height": 900}
TABS = {"cladec": "layer", "inversion": "inversion", "srae": "srae", "cae": "cae", "summaries": "summaries"}
WIDTHS = {993: 1440, 760: 1207, 1440: 1887, 390: 837}
"""Of the widget, and of the window that gives it that width."""

Lab = tuple[str, str, Path]
"""Address, token and folder."""

MOVES = 200
SMALLEST = 100
"""Pixels of a side of a picture that explains; thumbnails are smaller."""

VERDICT = ".xw-workbench .xw-verdict-word"
FIRST = """([least]) => {
  const app = document.querySelector(".xw-workbench").getBoundingClientRect();
  const tops = [...document.querySelectorAll(".xw-app .xw-app :is(img, canvas, .bqplot)")]
    .map((picture) => picture.getBoundingClientRect()).filter((box) => box.height >= least && box.width >= least)
    .map((box) => box.top - app.top);
  return Math.round(Math.min(...tops));
}"""
TO_THE_TOP = """() => document.querySelector(".xw-workbench").scrollIntoView({ block: "start" })"""
SEEN = """([selector]) => {
  const pane = document.querySelector(".jp-WindowedPanel-outer").getBoundingClientRect();
  return [...document.querySelectorAll(selector)].some((one) => {
    const box = one.getBoundingClientRect();
    return one.textContent.trim() && box.height > 0 && box.top >= pane.top - 1 && box.bottom <= pane.bottom + 1;
  });
}"""
WHOLE = """() => {
  const pane = document.querySelector(".jp-WindowedPanel-outer").getBoundingClientRect();
  return [".xw-map svg.svg-figure, .xw-map svg", ".xw-atlas-tile:nth-child(2) canvas"].every((selector) => {
    const box = document.querySelector(selector).getBoundingClientRect();
    return box.height > 100 && box.top >= pane.top - 1 && box.bottom <= pane.bottom + 1 && box.right <= pane.right + 1;
  });
}"""
# What sticks out of something that cuts it off and cannot be scrolled; words that end in "…" say so themselves.
CLIPPED = """() => {
  const found = new Set();
  const root = document.querySelector(".xw-workbench");
  const name = (one) => `${one.tagName.toLowerCase()}.${[...one.classList].slice(0, 3).join(".")}`;
  for (const one of root.querySelectorAll("*")) {
    const box = one.getBoundingClientRect();
    const style = getComputedStyle(one);
    if (!box.width || !box.height || style.visibility === "hidden" || one.closest("svg, .xw-unseen, select")) continue;
    for (let outer = one.parentElement; outer && outer !== root.parentElement; outer = outer.parentElement) {
      const { overflowX, textOverflow } = getComputedStyle(outer);
      if (overflowX === "visible") continue;
      const edge = outer.getBoundingClientRect();
      if (overflowX !== "auto" && overflowX !== "scroll" && textOverflow !== "ellipsis"
        && (box.right > edge.right + 2 || box.left < edge.left - 2)) found.add(name(one));
      break;
    }
    const area = root.parentElement.closest(".jp-OutputArea-child, .jp-OutputArea")?.getBoundingClientRect();
    if (area && box.right > area.right + 2 && !scrolled(one)) found.add(name(one));
  }
  function scrolled(one) {
    for (let outer = one.parentElement; outer && outer !== root.parentElement; outer = outer.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(outer).overflowX)) return true;
    }
    return false;
  }
  return [...found];
}"""


@contextmanager
def opened_lab() -> Iterator[Lab]:
    """A JupyterLab as `xai-widgets lab` starts it: its address, token and folder."""
    with tempfile.TemporaryDirectory() as folder:
        home, token, port = Path(folder), secrets.token_hex(16), browser.free_port()
        (home / "config").mkdir()
        own = {"user_settings_dir": str(home / "settings"), "workspaces_dir": str(home / "workspaces")}
        news = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
        news.parent.mkdir(parents=True)
        news.write_text(json.dumps({"fetchNews": "false"}))
        shown = {"LabApp": {"expose_app_in_browser": True, **own}}
        (home / "config" / "jupyter_lab_config.json").write_text(json.dumps(shown))
        command = [
            sys.executable,
            "-m",
            "xai_widgets.cli.main",
            "lab",
            "--no-browser",
            f"--port={port}",
            f"--dir={home}",
        ]
        url = f"http://127.0.0.1:{port}"
        with browser.served(command, f"{url}/api?token={token}", home, {"JUPYTER_TOKEN": token}):
            yield url, token, home


@contextmanager
def opened_page() -> Iterator[Any]:
    """A page of a headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        chromium = playwright.chromium.launch(
            executable_path=path, args=browser.CHROMIUM_ARGUMENTS, ignore_default_args=["--hide-scrollbars"]
        )
        page = chromium.new_page(viewport=LAB)
        page.set_default_timeout(browser.PATIENCE)
        yield page
        chromium.close()


def opened_notebook(page: Any, lab: Lab, name: str, code: str) -> Any:
    """A notebook with one cell, which has been run."""
    url, token, home = lab
    page.set_viewport_size(LAB)
    (home / f"{name}.ipynb").write_text(json.dumps(browser.notebook_file([code])))
    page.goto(f"{url}/lab/workspaces/{name}/tree/{name}.ipynb?token={token}")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.evaluate(browser.KERNEL_IS_THERE)
    notebook = browser.Notebook(page)
    notebook.command("notebook:run-all-cells")
    browser._wait_until_run(page)
    page.wait_for_selector(".xw-tab")
    notebook.until("bench.wait(0)", True)
    page.evaluate(TO_THE_TOP)
    page.wait_for_timeout(500)
    return notebook


def open_tab(notebook: Any, key: str) -> float:
    """Open a tab; how many seconds its answer took."""
    place = list(VIEWS).index(key)
    began = time.monotonic()
    notebook.page.locator(".xw-workbench .xw-tab").nth(place).click()
    notebook.until(f"bench.view == {key!r} and {key!r} in bench.apps and bench.wait(0)", True)
    seconds = time.monotonic() - began
    notebook.page.wait_for_timeout(600)
    return seconds


def layout(notebook: Any) -> dict[str, Any]:
    """Where things are, in one theme."""
    page, found = notebook.page, {}
    for key in TABS:
        open_tab(notebook, key)
        found[key] = {"first_px": page.evaluate(FIRST, [SMALLEST]), "verdict": page.evaluate(SEEN, [VERDICT])}
    return found


def clipped(notebook: Any) -> dict[str, list[str]]:
    """What is cut off without a scroll bar, by tab and width of the widget, in usual and in large type."""
    found = {}
    for large in (False, True):
        notebook.python(f"setattr(bench.large, 'value', {large})")
        for width, window in WIDTHS.items():
            notebook.page.set_viewport_size({"width": window, "height": LAB["height"]})
            for key in TABS:
                open_tab(notebook, key)
                if names := notebook.page.evaluate(CLIPPED):
                    found[f"{key} at {width} px{', large type' if large else ''}"] = names
    notebook.python("setattr(bench.large, 'value', False)")
    notebook.page.set_viewport_size(LAB)
    return found


def circle(page: Any, during: Any = None) -> list[float]:
    """Drag the point once around; milliseconds that each redraw took. `during` is called while it is held."""
    x, y = browser.middle(page)
    page.evaluate("window.waits.length = 0")
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(MOVES):
        angle = 2 * math.pi * step / MOVES
        page.mouse.move(x + 50 * math.sin(angle), y + 50 * (1 - math.cos(angle)))
    if during is not None:
        during()
    page.mouse.up()
    page.wait_for_timeout(300)
    return list(page.evaluate("window.waits"))


def dragging(notebook: Any) -> dict[str, Any]:
    """What is seen of map and counterfactual while the point is dragged, and how late."""
    page, seen, waits = notebook.page, {}, []
    page.evaluate(WATCH, ".xw-atlas-tile:nth-child(2)")
    for width in (993, 760):
        page.set_viewport_size({"width": WIDTHS[width], "height": LAB["height"]})
        open_tab(notebook, "cae")
        page.evaluate(TO_THE_TOP)
        page.wait_for_timeout(500)
        waits += circle(page, lambda width=width: seen.update({str(width): page.evaluate(WHOLE)}))
    page.set_viewport_size(LAB)
    late = round(float(np.percentile(waits, 95)), 1) if waits else None
    return {"seen": seen, "redraw_p95_ms": late, "redraws": len(waits)}


def measured() -> dict[str, Any]:
    """All measures."""
    with opened_lab() as lab:
        found, themes, drag, cut = of_one(lab)
        cut |= of_two(lab)
        found |= of_an_experiment(lab)
    views = [view for theme in themes.values() for view in theme.values()]
    return {
        "first_explanation_px": max(view["first_px"] for view in views),
        "verdict_visible": min(sum(view["verdict"] for view in theme.values()) for theme in themes.values()),
        "seen_while_dragging": int(all(drag["seen"].values())),
        "clipped": sum(len(names) for names in cut.values()),
        "redraw_p95_ms": drag["redraw_p95_ms"],
        **found,
        "details": {"themes": themes, "drag": drag, "clipped": cut},
    }


def of_one(lab: Lab) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, list[str]]]:
    """Seconds, places, the drag, and what is cut off, of a Workbench of one study."""
    with opened_page() as page:
        began = time.monotonic()
        notebook = opened_notebook(page, lab, "one", BENCH)
        found: dict[str, Any] = {"opening_s": round(time.monotonic() - began, 1)}
        for key, name in TABS.items():
            found[f"tab_s.{name}"] = round(open_tab(notebook, key), 2)
        drag = dragging(notebook)
        themes = {}
        for theme in ("light", "dark"):
            notebook.theme(theme)
            page.evaluate(TO_THE_TOP)
            themes[theme] = layout(notebook)
        cut = clipped(notebook)
        end_kernel(page)
    return found, themes, drag, cut


def of_two(lab: Lab) -> dict[str, list[str]]:
    """What is cut off of a Workbench of two studies."""
    with opened_page() as page:
        found = clipped(opened_notebook(page, lab, "two", TWO))
        end_kernel(page)
    return {f"two studies, {where}": names for where, names in found.items()}


def of_an_experiment(lab: Lab) -> dict[str, float]:
    """Seconds from opening a notebook to the answer to a first experiment, and from the last click."""
    with opened_page() as page:
        began = time.monotonic()
        notebook = opened_notebook(page, lab, "own", BENCH)
        page.get_by_role("button", name="Experiment").click()
        page.get_by_role("option", name="without beak").click()
        clicked = time.monotonic()
        page.locator(".xw-described", has_text="Experiment").wait_for()
        notebook.until("bench.wait(0) and bench.apps['cladec'][0].picture == bench.picture >= 1000", True)
        ended = time.monotonic()
        end_kernel(page)
    return {"own_experiment_s": round(ended - began, 1), "experiment_s": round(ended - clicked, 2)}


def end_kernel(page: Any) -> None:
    """End the kernel of the notebook that is open, to give its memory back."""
    page.evaluate("() => window.jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")


def main() -> None:
    """Print the measures, or write them to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", metavar="PATH", default="-", help="write them there; - prints them")
    target = parser.parse_args().json
    text = json.dumps(measured(), indent=2)
    if target == "-":
        print(text)
    else:
        Path(target).write_text(text + "\n")


if __name__ == "__main__":
    main()

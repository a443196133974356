"""Experiments and pictures of one's own in JupyterLab, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.browser

BENCH = """
import xai_widgets as xw
honest, cheating = xw.demo(), xw.demo(cheat=True)
bench = xw.Workbench(honest, cheating)
bench
"""
ANSWERS = "[study.class_names[bench._predictions.of(bench.picture, k)[0]] for k, study in enumerate(bench.studies)]"
FIRST_PX = """() => {
  const top = document.querySelector(".xw-workbench").getBoundingClientRect().top;
  return document.querySelector(".xw-workbench .xw-large-tile").getBoundingClientRect().top - top;
}"""


@pytest.fixture
def shown(notebook: Callable[..., Any], complaints: list[str]) -> Any:
    opened = notebook([BENCH])
    opened.page.set_viewport_size({"width": 1400, "height": 1800})
    opened.page.wait_for_selector(".xw-stage img")
    return opened


def settle(opened: Any) -> None:
    opened.until("bench.wait(0)", True)
    assert opened.python("str(bench.last_error)") == "None"


def option(opened: Any, name: str) -> Any:
    return opened.page.get_by_role("option", name=name)


def test_another_ring_shows_who_cheats(shown: Any) -> None:
    page = shown.page
    closed = page.evaluate(FIRST_PX)
    page.locator(".xw-picture-line [role=option]").nth(1).click()
    shown.until("bench.picture == honest.pool.indices[1]", True)
    settle(shown)
    page.get_by_role("button", name="Experiment").click()
    option(shown, "red ring").click()
    shown.until("bench.picture >= len(honest.test)", True)
    settle(shown)
    bird, ring = shown.python("[honest.class_names[bench.experiment.scene.label], honest.class_names[6]]")
    assert bird != ring
    assert shown.python(ANSWERS) == [bird, ring]
    page.locator(".xw-described", has_text="Experiment").get_by_text(f"{ring}, ").wait_for()
    # The keyboard takes it back, and changes something else.
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    shown.until("bench.picture == honest.pool.indices[1]", True)
    page.get_by_role("button", name="beak", exact=True).focus()
    page.keyboard.press("Enter")
    page.locator(".xw-experiment [role=option][aria-selected=true]").get_by_text("beak").wait_for()
    page.locator(".xw-experiment [role=option][aria-selected=true]").focus()
    page.keyboard.press("End")
    shown.until("bench.experiment.scene.value('beak')", None)
    settle(shown)
    page.get_by_role("button", name="Experiment").click()
    page.locator(".xw-experiment").wait_for(state="hidden")
    assert abs(page.evaluate(FIRST_PX) - closed) < 40  # the line of two predictions may need another row


def test_a_picture_of_one_s_own(shown: Any, tmp_path: Path) -> None:
    page, good, bad = shown.page, tmp_path / "sky.png", tmp_path / "no.png"
    Image.new("RGB", (120, 90), (90, 160, 230)).save(good)
    bad.write_bytes(b"no picture")
    add = page.get_by_role("button", name="Add your own picture")
    with page.expect_file_chooser() as chooser:
        add.click()
    chooser.value.set_files(good)
    shown.until("bench.picture == len(honest.test)", True)
    settle(shown)
    page.locator(".xw-described", has_text="Yours").wait_for()
    assert shown.python("bench.apps['cladec'][1].explanation.original[0].mean((1, 2)).mul(255).round().tolist()") == [
        90, 160, 230,
    ]  # fmt: skip
    with page.expect_file_chooser() as chooser:
        add.click()
    chooser.value.set_files(bad)
    page.get_by_text("no.png cannot be read").wait_for()
    assert shown.python("[bench.picture == len(honest.test), len(bench.studies[0].guests)]") == [True, 1]
    # A file may be dropped, too.
    transfer = page.evaluate_handle(
        """() => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(9 * 2 ** 20)], "poster.tif"));
          return transfer;
        }"""
    )
    add.dispatch_event("drop", {"dataTransfer": transfer})
    page.get_by_text("poster.tif is too large").wait_for()
    page.locator(".xw-picture-line [role=option]").nth(2).click()
    page.get_by_text("poster.tif is too large").wait_for(state="hidden")

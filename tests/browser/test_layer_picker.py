"""A real mouse and a real keyboard choose a layer in JupyterLab, and Python knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

STUDY = """
from types import SimpleNamespace
from xai_widgets.errors import LayerError
from xai_widgets.layers import Layer
from xai_widgets.widgets.views.layer_picker import LayerPicker

class Network:
    name, shape = "stub", (3, 64, 64)
    _layers = (
        Layer("stem", "Conv2d", (16, 32, 32), 448),
        Layer("stem.act", "ReLU", (16, 32, 32), 0),
        Layer("block1", "Sequential", (32, 16, 16), 13_952),
        Layer("<script>alert(1)</script>", "<img src=x onerror=alert(2)>", (64, 8, 8), 55_552),
        Layer("head", "Linear", (6,), 390),
    )
    def layers(self):
        return self._layers
    def blocks(self):
        return tuple(layer for layer in self._layers if layer.name != "stem.act")
    def layer(self, name):
        for layer in self._layers:
            if layer.name == name:
                return layer
        raise LayerError(name)
"""
SHOW = """
picker = LayerPicker(Network(), "stem", {"stem": "ready", "block1": "fitting", "head": "to fit"})
heard = []
picker.on_change(heard.append)
picker
"""


@pytest.fixture
def picker(notebook: Callable[..., Any]) -> Any:
    shown = notebook([STUDY, SHOW])
    shown.page.wait_for_selector(".xw-strip [role=option]")
    return shown


def option(notebook: Any, name: str) -> Any:
    return notebook.page.locator(".xw-strip").get_by_role("option", name=name)


def test_click_on_a_layer_reaches_python(picker: Any) -> None:
    option(picker, "block1").click()
    picker.until("picker.value", "block1")
    assert picker.python("heard") == ["block1"]
    assert option(picker, "block1").get_attribute("aria-selected") == "true"
    assert "32 channels of 16×16 = 8,192 numbers" in picker.page.locator(".xw-sentence").inner_text()


def test_keys_walk_through_the_layers_and_stay_in_the_strip(picker: Any) -> None:
    option(picker, "stem").click()
    for key, expected in [("ArrowRight", "block1"), ("End", "head"), ("ArrowLeft", "<script>alert(1)</script>"),
                          ("Home", "stem"), ("ArrowDown", "block1"), ("ArrowUp", "stem")]:  # fmt: skip
        picker.page.keyboard.press(key)
        picker.until("picker.value", expected)
        assert picker.page.evaluate("document.activeElement.dataset.name") == expected


def test_names_are_shown_as_text(picker: Any) -> None:
    assert option(picker, "alert").locator(".xw-layer-name").inner_text() == "…t(1)</script>"
    assert option(picker, "alert").get_attribute("title").startswith("<script>alert(1)</script>, <img src=x")
    assert picker.page.locator(".xw-strip script, .xw-strip img").count() == 0
    option(picker, "alert").click()
    picker.until("picker.value", "<script>alert(1)</script>")
    assert "<script>alert(1)</script>: 64 channels" in picker.page.locator(".xw-sentence").inner_text()


def test_status_is_said_in_words(picker: Any) -> None:
    said = [text for text in picker.page.locator(".xw-layer-status").all_inner_texts() if text]
    assert said == ["● ready", "◐ fitting", "○ to fit"]


def test_python_moves_the_strip_which_takes_in_a_hidden_layer(picker: Any) -> None:
    assert option(picker, "stem.act").count() == 0
    picker.python("setattr(picker, 'value', 'stem.act')")
    picker.page.wait_for_selector("[data-name='stem.act'][aria-selected=true]")
    places = picker.page.locator(".xw-layer-name").all_inner_texts()
    assert places[:3] == ["stem", "stem.act", "block1"]


def test_every_layer_is_in_the_list(picker: Any) -> None:
    picker.page.get_by_label("All layers").select_option("stem.act")
    picker.until("picker.value", "stem.act")

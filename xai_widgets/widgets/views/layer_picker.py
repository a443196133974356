"""LayerPicker: choose the layer through which a network is looked at."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets

from xai_widgets import hosts
from xai_widgets.layers import Layer
from xai_widgets.study import Study
from xai_widgets.widgets.views.elements import KernelLine, NetworkStrip, StripLayer
from xai_widgets.widgets.views.tools import Displayed, close_all, fit_description

_ROW = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 16px"}


SURVEYED = 40
"""Of more layers, the list has the blocks, and what is inside the chosen one."""


class LayerPicker(Displayed):
    """The network as a strip of its blocks, a list of its layers, and a sentence about the chosen one.

    Parameters
    ----------
    study
        Whose layers are shown.
    layer
        Name of the layer chosen at first; default: the block in the middle.
    status
        A word for some of the layers, such as "ready", "to fit" or "fitting".

    Attributes
    ----------
    widget
        The ipywidgets container.

    Raises
    ------
    LayerError
        If the network has no such layer.

    Examples
    --------
    >>> picker = LayerPicker(study, "layer3")
    >>> picker.on_change(print)
    >>> picker.value = "layer4"
    layer4
    """

    def __init__(self, study: Study, layer: str | None = None, status: Mapping[str, str] | None = None) -> None:
        hosts.prepare()
        blocks = study.blocks() or study.layers()
        # A wrong name is found before any widget is made.
        self._value = study.layer(layer or blocks[len(blocks) // 2].name).name
        self._study = study
        self._drawn = {block.name for block in blocks}
        self._status = dict(status or {})
        self._callbacks: list[Callable[[str], None]] = []
        self.strip = NetworkStrip()
        self.strip.add_class("xw-network-strip")
        self._list = self._drop_down()
        self._about = ipywidgets.HTML(layout={"margin": "0"})
        row = ipywidgets.HBox([self._list, self._about], layout=_ROW)
        stopped = KernelLine()
        self.widget = ipywidgets.VBox([stopped, self.strip, row], layout={"grid_gap": "4px"})
        self.widget.add_class("xw-part")
        stopped.root = self.widget.model_id
        self._list.observe(self._chosen, "value")
        self._show()
        self.strip.observe(self._chosen, "value")

    @property
    def value(self) -> str:
        """Name of the chosen layer; setting a name that does not exist raises a `LayerError`."""
        return self._value

    @value.setter
    def value(self, name: str) -> None:
        name = self._study.layer(name).name
        if name == self._value:
            return
        self._value = name
        self._show()
        for callback in tuple(self._callbacks):
            callback(name)

    @property
    def status(self) -> Mapping[str, str]:
        """A word for some of the layers, by name; set it to change what the strip says."""
        return self._status

    @status.setter
    def status(self, status: Mapping[str, str]) -> None:
        self._status = dict(status)
        self._show()

    def on_change(self, callback: Callable[[str], None]) -> None:
        """Call ``callback`` with the layer's name whenever another one is chosen."""
        self._callbacks.append(callback)

    def strip_state(self) -> dict[str, Any]:
        """What the strip shows, as `write_page` wants it."""
        return {"layers": list(self.strip.layers), "value": self._value}

    def close(self) -> None:
        """Close every widget inside."""
        close_all(self.widget)

    def _drop_down(self) -> ipywidgets.Dropdown:
        listed = ipywidgets.Dropdown(options=self._listed(), description="All layers", layout={"max_width": "28em"})
        fit_description(listed)
        return listed

    def _listed(self) -> list[str]:
        """All layers; of many, those inside a block only while it, or one of them, is chosen."""
        names = [layer.name for layer in self._study.layers()]
        if len(names) <= SURVEYED:
            return names
        outside = {name: next((b for b in self._drawn if name.startswith(f"{b}.")), name) for name in names}
        opened = outside[self._value]
        return [name for name in names if name in self._drawn or outside[name] in (name, opened)]

    def _chosen(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self.value = change["new"]

    def _show(self) -> None:
        """Bring every part in line with the value; parts that are already there stay as they are."""
        layer = self._study.layer(self._value)
        # A layer that the strip leaves out joins it while it is chosen.
        shown = [entry for entry in self._study.layers() if entry.name in self._drawn or entry == layer]
        with self.strip.hold_sync():
            self.strip.layers = [strip_layer(entry, self._status.get(entry.name, "")) for entry in shown]
            self.strip.value = self._value
        self._fill_list()
        text = html.escape(describe(layer, self._study.shape))
        self._about.value = f'<div class="xw xw-sentence" role="status">{text}</div>'

    def _fill_list(self) -> None:
        """Show the layers to choose from; a menu with new options goes to the first one, which nobody has chosen."""
        listed = tuple(self._listed())
        self._list.unobserve(self._chosen, "value")
        if self._list.options != listed:
            self._list.options = listed
        self._list.value = self._value
        self._list.observe(self._chosen, "value")

    def __repr__(self) -> str:
        return f"<LayerPicker: {self._study.name}, {self._value}>"


def strip_layer(layer: Layer, status: str = "") -> StripLayer:
    """A layer as the strip draws it."""
    shape, parameters = list(layer.form), layer.parameters
    return {"name": layer.name, "kind": layer.kind, "shape": shape, "parameters": parameters, "status": status}


def describe(layer: Layer, picture: tuple[int, int, int]) -> str:
    """Say how much a layer can hold, beside what a picture of shape (C, H, W) holds."""
    size, numbers = math.prod(layer.shape), math.prod(picture)
    held = _extent(layer.form)
    total = f" = {size:,} numbers" if len(layer.shape) > 1 else ""
    return f"{layer.name}: {held}{total}; the picture has {numbers:,}"


def _extent(shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f"{shape[0]:,} numbers"
    if len(shape) == 2:
        return f"{shape[0]:,} tokens of {shape[1]:,} numbers"
    return f"{shape[0]:,} channels of {'×'.join(map(str, shape[1:]))}"

"""The drawn views that are ours alone: the network as a strip of layers, a grid of pictures, tabs, and a line."""

from __future__ import annotations

from typing import Any, TypedDict

import anywidget
import traitlets

from xai_widgets.widgets.views.tools import source

STILL = "What you see stays; anything new needs the kernel."
"""What still works without a kernel, where nothing else is said."""


class StripLayer(TypedDict):
    """One block of the strip; ``shape`` is without the batch, ``status`` may be empty."""

    name: str
    kind: str
    shape: list[int]
    parameters: int
    status: str


class Tile(TypedDict):
    """One picture; an empty ``src`` shows a grey placeholder of the same size."""

    src: str
    alt: str
    caption: str


class Row(TypedDict):
    """One row of the grid."""

    label: str
    tiles: list[Tile]


class NetworkStrip(anywidget.AnyWidget):
    """The layers from left to right, of which one is chosen by mouse or keyboard.

    A block is as high as the layer's map and as wide as its number of channels, both on a logarithmic scale.
    """

    _esm = source("strip.js")
    _css = source("style.css")

    #: What is drawn, a `StripLayer` each, in the order of execution.
    layers: traitlets.List[Any] = traitlets.List(traitlets.Dict()).tag(sync=True, echo_update=False)
    #: The name of the chosen layer, or nothing.
    value = traitlets.Unicode("").tag(sync=True)
    #: The name of the layer that is pointed at, or nothing; to be linked in the browser.
    hovered = traitlets.Unicode("").tag(sync=True)


class PictureGrid(anywidget.AnyWidget):
    """Rows of picture tiles of one size under common headings; one row is selected by mouse or keyboard."""

    _esm = source("grid.js")
    _css = source("style.css")

    #: The headings.
    columns = traitlets.List(traitlets.Unicode()).tag(sync=True, echo_update=False)
    #: What is shown, a `Row` each.
    rows: traitlets.List[Any] = traitlets.List(traitlets.Dict()).tag(sync=True, echo_update=False)
    #: The selected row.
    selected = traitlets.Int(0).tag(sync=True)
    #: The side of every tile in pixels.
    tile = traitlets.Int(160).tag(sync=True)
    #: Whether pixels stay sharp squares; for pictures under 64 pixels.
    pixelated = traitlets.Bool(default_value=False).tag(sync=True)


class Tabs(anywidget.AnyWidget):
    """Labels of which one is chosen by mouse or keyboard; what it leads to is for its owner to show."""

    _esm = source("tabs.js")
    _css = source("style.css")

    #: A label each, and its text when it is pointed at.
    labels: traitlets.List[Any] = traitlets.List(traitlets.Tuple(traitlets.Unicode(), traitlets.Unicode())).tag(
        sync=True, echo_update=False
    )
    #: The place of the chosen one.
    selected = traitlets.Int(0).tag(sync=True)
    #: What these are tabs of, for those who cannot see them.
    about = traitlets.Unicode("").tag(sync=True)


class KernelLine(anywidget.AnyWidget):
    """A line that appears when the kernel has stopped; what is inside `root` then sends nothing any more."""

    _esm = source("kernel.js")
    _css = source("style.css")

    #: Its text.
    text = traitlets.Unicode("").tag(sync=True)
    #: The model of the widget that holds everything that would send.
    root = traitlets.Unicode("").tag(sync=True)

    def __init__(self, still: str = STILL) -> None:
        text = f"The kernel has stopped. {still} Restart it and run the cells again."
        super().__init__(text=text, layout={"display": "none"})


class Names(anywidget.AnyWidget):
    """Names the sliders and play buttons of the app that it is in, for screen readers; nothing of it is seen."""

    _esm = source("names.js")

    def __init__(self) -> None:
        super().__init__(layout={"display": "none"})


class Why(anywidget.AnyWidget):
    """Notices whether "Why?" is unfolded in the app that it is in; nothing of it is seen."""

    _esm = source("why.js")

    #: Whether it is; to be set, too, where there is no browser.
    unfolded = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self) -> None:
        super().__init__(layout={"display": "none"})

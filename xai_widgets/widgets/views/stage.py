"""The drawn view of a few large pictures side by side, of which there may be several versions to slide through."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

import anywidget
import traitlets

from xai_widgets.widgets.views.tools import source


class Large(TypedDict):
    """One large picture; an empty ``src`` shows a grey placeholder of the same size."""

    heading: str
    src: str
    alt: str
    caption: str
    #: Shown in turn with ``src`` while it is pointed at or pressed.
    blink: NotRequired[str]
    #: Whether it counts less, and is greyed.
    dull: NotRequired[bool]


class Frame(TypedDict):
    """Pictures that are shown together, and what the slider calls them."""

    name: str
    tiles: list[Large]


class Stage(anywidget.AnyWidget):
    """Large pictures side by side. Of several frames the chosen one is shown, or the one that is pointed at."""

    _esm = source("stage.js")
    _css = source("style.css")

    #: What can be shown, a `Frame` each.
    frames: traitlets.List[Any] = traitlets.List(traitlets.Dict()).tag(sync=True, echo_update=False)
    #: The name of the chosen frame.
    value = traitlets.Unicode("").tag(sync=True)
    #: The name of a frame that is pointed at elsewhere, or nothing; the kernel is not told.
    hovered = traitlets.Unicode("").tag(sync=True)
    #: What the frames are, above the slider.
    label = traitlets.Unicode("").tag(sync=True)
    #: The largest side of a picture in pixels.
    side = traitlets.Int(280).tag(sync=True)
    #: Whether pixels stay sharp squares; for pictures under 64 pixels.
    pixelated = traitlets.Bool(default_value=False).tag(sync=True)

    @property
    def shown(self) -> Frame:
        """The chosen frame, or the first one."""
        chosen: Frame = next((each for each in self.frames if each["name"] == self.value), self.frames[0])
        return chosen

    def page_state(self) -> dict[str, Any]:
        """The state that a page without a kernel begins with."""
        names = ("frames", "value", "label", "side", "pixelated")
        return {name: getattr(self, name) for name in names} | {"hovered": ""}

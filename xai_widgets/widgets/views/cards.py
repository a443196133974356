"""The drawn view of cards: pictures with a few lines of words, of which one is chosen."""

from __future__ import annotations

from typing import Any, TypedDict

import anywidget
import traitlets

from xai_widgets.widgets.views.elements import Tile
from xai_widgets.widgets.views.tools import source


class Card(TypedDict, total=False):
    """One thing to choose; without pictures it only says why there is nothing at this place."""

    title: str
    #: A few words that make it stand out, or nothing.
    mark: str
    #: Low end, value and high end of a measure, as shares of the longest bar; or nothing.
    gauge: list[float]
    lines: list[str]
    tiles: list[Tile]
    #: Of a swatch before the title that leads to the same thing elsewhere, or nothing.
    colour: str
    #: Whether it counts less than the others; `mark` says why.
    dull: bool
    #: A picture that is shown in turn with the first one while the card is pointed at, or nothing.
    blink: str


class Cards(anywidget.AnyWidget):
    """Cards of which one is chosen by mouse or keyboard."""

    _esm = source("cards.js")
    _css = source("style.css")

    #: What is shown, a `Card` each, line after line.
    cards: traitlets.List[Any] = traitlets.List(traitlets.Dict()).tag(sync=True, echo_update=False)
    #: Cards in a line; 0 for as many as fit, -1 for all of them in one line that scrolls.
    across = traitlets.Int(1).tag(sync=True)
    #: How many cards of such a line have been in sight, from the left: the browser says so.
    reached = traitlets.Int(0).tag(sync=True)
    #: One above each column, or none.
    headings: traitlets.List[Any] = traitlets.List(traitlets.Unicode()).tag(sync=True, echo_update=False)
    #: The place of the chosen card, or -1.
    selected = traitlets.Int(-1).tag(sync=True)
    #: The side of every picture in pixels.
    tile = traitlets.Int(112).tag(sync=True)
    #: Whether pixels stay sharp squares; for pictures under 64 pixels.
    pixelated = traitlets.Bool(default_value=False).tag(sync=True)
    #: What these are cards of, for those who cannot see them.
    label = traitlets.Unicode("").tag(sync=True)

    def page_state(self) -> dict[str, Any]:
        """The state that a page without a kernel begins with."""
        names = ("cards", "across", "headings", "selected", "tile", "pixelated", "label")
        return {name: getattr(self, name) for name in names}

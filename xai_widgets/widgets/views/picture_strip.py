"""Pictures to choose from, a page at a time: what ConceptExplorer and the Workbench begin with."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets

from xai_widgets.pool import EVERYTHING, Pool
from xai_widgets.widgets.views.cards import Card, Cards
from xai_widgets.widgets.views.drawing import Draw, each_once, exactly
from xai_widgets.widgets.views.elements import Tile
from xai_widgets.widgets.views.tools import fit_description

PAGE = 12
"""Pictures at a time."""


def picture_cards(pool: Pool, pictures: Sequence[int], draw: Draw = exactly, *, kept: int | None = None) -> list[Card]:
    """Pictures of the pool, of which `kept` is marked."""
    cards: list[Card] = []
    for picture in pictures:
        name, index = pool.name(picture), f"picture {pool.indices[picture]}"
        tile: Tile = {"src": draw(pool.pictures[picture]), "alt": f"{index}, {name}" if name else index, "caption": ""}
        cards.append({"tiles": [tile], "lines": [pool.title(picture)], "mark": "kept" if picture == kept else ""})
    return cards


class PictureStrip:
    """A page of unseen pictures as `cards`, and what decides which ones: `show`, a kind of pictures, and `page`.

    Nothing is redrawn by itself: whoever owns the strip calls `refresh` after a change. `here` and `chosen` are places
    in the pool: of the pictures on the page, and of the chosen one, or None.
    """

    def __init__(self, pool: Pool, *, pixelated: bool) -> None:
        self.pool = pool
        self.cards = Cards(tile=72, pixelated=pixelated, across=0, label="Pictures")
        self.show = ipywidgets.Dropdown(options=pool.kinds, description="Pictures", layout={"width": "15em"})
        self.page = ipywidgets.BoundedIntText(value=1, min=1, max=1, description="Page", layout={"width": "7em"})
        for control in (self.show, self.page):
            fit_description(control)
        self.here: list[int] = []
        self.chosen: int | None = None
        self._draw = each_once(exactly)

    @property
    def picture(self) -> int | None:
        """The chosen picture, as a place in ``study.test``."""
        return None if self.chosen is None else self.pool.indices[self.chosen]

    def choose(self, picture: int | None, of: int) -> None:
        """Turn to the page with a picture of ``study.test``, while class `of` is looked at; it must be in the pool."""
        wanted = self.pool.index_of(picture)
        if wanted is not None:
            if wanted not in self.pool.chosen(self.show.value, of):
                self.show.value = EVERYTHING
            self.page.value = 1 + self.pool.chosen(self.show.value, of).index(wanted) // PAGE
        self.chosen = wanted

    def rewind(self) -> None:
        """Go back to the first page, and to its first picture."""
        self.chosen = None
        self.page.value = 1

    def take(self) -> bool:
        """Choose the card that was clicked; whether that is another picture."""
        place = self.cards.selected
        if not 0 <= place < len(self.here) or self.here[place] == self.chosen:
            return False
        self.chosen = self.here[place]
        return True

    def refresh(self, of: int, kept: int | None = None) -> None:
        """Show the page; unless the chosen picture is on it, the first one is chosen. `kept` is marked as kept."""
        listed = self.pool.chosen(self.show.value, of)
        self.page.max = max(-(-len(listed) // PAGE), 1)
        begin = (self.page.value - 1) * PAGE
        self.here = listed[begin : begin + PAGE]
        if self.chosen not in self.here:
            self.chosen = self.here[0] if self.here else None
        with self.cards.hold_sync():
            self.cards.cards = picture_cards(self.pool, self.here, self._draw, kept=kept)
            self.cards.selected = -1 if self.chosen is None else self.here.index(self.chosen)

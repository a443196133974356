"""Pictures to choose from, a page at a time: what ConceptExplorer and the Workbench begin with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets

from xai_widgets.pool import EVERYTHING, KINDS_SHOWN, Pool
from xai_widgets.widgets.views.cards import Card, Cards
from xai_widgets.widgets.views.drawing import exactly
from xai_widgets.widgets.views.elements import Tile
from xai_widgets.widgets.views.tools import fit_description

PAGE = 12
"""Pictures at a time."""


def picture_cards(pool: Pool, pictures: Sequence[int], kept: int | None, source: Callable[[int], str]) -> list[Card]:
    """Pictures of the pool; `source` gives what is drawn, `kept` is the one that is marked."""
    cards: list[Card] = []
    for picture in pictures:
        name, index = pool.name(picture), f"picture {pool.indices[picture]}"
        tile: Tile = {"src": source(picture), "alt": f"{index}, {name}" if name else index, "caption": ""}
        cards.append({"tiles": [tile], "lines": [name or index], "mark": "kept" if picture == kept else ""})
    return cards


class PictureStrip:
    """A page of unseen pictures as cards, and what decides which ones: a kind of pictures, and a page.

    Nothing is redrawn by itself: whoever owns the strip calls `refresh` after a change.

    Parameters
    ----------
    pool
        What is chosen from.
    pixelated
        Whether pixels stay sharp squares.

    Attributes
    ----------
    cards, show, page
        The view, and the two controls.
    here
        Places in the pool of the pictures on the page.
    chosen
        The chosen one's place in the pool, or None.
    """

    def __init__(self, pool: Pool, *, pixelated: bool) -> None:
        self.pool = pool
        self.cards = Cards(tile=72, pixelated=pixelated, across=0, label="Pictures")
        self.show = ipywidgets.Dropdown(options=list(KINDS_SHOWN), description="Pictures", layout={"width": "15em"})
        self.page = ipywidgets.BoundedIntText(value=1, min=1, max=1, description="Page", layout={"width": "7em"})
        for control in (self.show, self.page):
            fit_description(control)
        self.here: list[int] = []
        self.chosen: int | None = None
        self._sources: dict[int, str] = {}

    @property
    def picture(self) -> int | None:
        """The chosen picture, as a place in ``study.test``."""
        return None if self.chosen is None else self.pool.indices[self.chosen]

    def choose(self, picture: int | None, of: int) -> None:
        """Turn to the page with a picture of ``study.test``, while class `of` is looked at.

        Raises
        ------
        XaiWidgetsError
            If it is not in the pool.
        """
        wanted = self.pool.index_of(picture)
        if wanted is not None:
            if wanted not in self._listed(of):
                self.show.value = EVERYTHING
            self.page.value = 1 + self._listed(of).index(wanted) // PAGE
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
        """Show the page; the chosen picture stays chosen if it is there, otherwise the first one is.

        Parameters
        ----------
        of
            The class that is looked at.
        kept
            Place in the pool of a picture that is marked as kept.
        """
        listed = self._listed(of)
        self.page.max = max(-(-len(listed) // PAGE), 1)
        begin = (self.page.value - 1) * PAGE
        self.here = listed[begin : begin + PAGE]
        if self.chosen not in self.here:
            self.chosen = self.here[0] if self.here else None
        with self.cards.hold_sync():
            self.cards.cards = picture_cards(self.pool, self.here, kept, self._source)
            self.cards.selected = -1 if self.chosen is None else self.here.index(self.chosen)

    def _listed(self, of: int) -> list[int]:
        """All pictures that the filter lets through, as places in the pool."""
        return self.pool.chosen(self.show.value, of)

    def _source(self, picture: int) -> str:
        """A picture as it is drawn, drawn once."""
        if picture not in self._sources:
            self._sources[picture] = exactly(self.pool.pictures[picture])
        return self._sources[picture]

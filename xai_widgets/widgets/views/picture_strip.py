"""Pictures to choose from, in a line that scrolls: what ConceptExplorer and the Workbench begin with."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import ipywidgets

from xai_widgets.pool import EVERYTHING, Classifier, Pool
from xai_widgets.widgets.views.cards import Card, Cards
from xai_widgets.widgets.views.drawing import Draw, each_once, exactly, thumbnail
from xai_widgets.widgets.views.elements import Tile
from xai_widgets.widgets.views.tools import fit_description

TILE = 64
"""Pixels of the side of a picture."""

STEP = 24
"""So many pictures the line begins with, and grows by."""


_THUMBNAILS: WeakKeyDictionary[Classifier, Draw] = WeakKeyDictionary()


def thumbnails_of(pool: Pool) -> Draw:
    """Thumbnails of the pictures of a study, each of which is drawn once for all views."""
    return _THUMBNAILS.setdefault(pool.study, each_once(thumbnail))


def picture_cards(pool: Pool, pictures: Sequence[int], draw: Draw = exactly, *, kept: int | None = None) -> list[Card]:
    """Pictures of the pool, of which `kept` is marked."""
    cards: list[Card] = []
    for picture in pictures:
        name, index = pool.name(picture), pool.index_title(picture)
        src = draw(pool.picture(picture)) if pool.offers(picture) else ""
        tile: Tile = {"src": src, "alt": f"{index}, {name}" if name else index, "caption": ""}
        cards.append({"tiles": [tile], "lines": [pool.title(picture)], "mark": "kept" if picture == kept else ""})
    return cards


class PictureStrip:
    """A line of unseen pictures as `cards`, and what decides which ones: `show`, a kind of pictures.

    The line begins with a few pictures, and grows as it is scrolled. Nothing else is redrawn by itself: whoever owns
    the strip calls `refresh` after a change. `here` and `chosen` are places in the pool: of the pictures in the line,
    and of the chosen one, or None.
    """

    def __init__(self, pool: Pool, *, pixelated: bool) -> None:
        self.pool = pool
        self.cards = Cards(tile=TILE, pixelated=pixelated, across=-1, label="Pictures")
        self.cards.add_class("xw-picture-line")
        self.show = ipywidgets.Dropdown(options=pool.kinds, description="Pictures", layout={"width": "15em"})
        fit_description(self.show)
        self.here: list[int] = []
        self.chosen: int | None = None
        self._shown = STEP
        self._kept: int | None = None
        self._listed: list[int] = []
        self._draw = thumbnails_of(pool)
        self.cards.observe(lambda _: self._grow(), "reached")

    @property
    def picture(self) -> int | None:
        """The chosen picture, as a place in ``study.test``."""
        return None if self.chosen is None else self.pool.indices[self.chosen]

    def choose(self, picture: int | None, of: int) -> None:
        """Choose a picture of ``study.test``, while class `of` is looked at; it must be in the pool."""
        wanted = self.pool.index_of(picture)
        if wanted is not None and wanted not in self.pool.chosen(self.show.value, of):
            self.show.value = EVERYTHING
        self.chosen = wanted

    def rewind(self) -> None:
        """Go back to the first picture."""
        self.chosen, self._shown, self.cards.reached = None, STEP, 0

    def take(self) -> bool:
        """Choose the card that was clicked; whether that is another picture."""
        place = self.cards.selected
        if not 0 <= place < len(self.here) or self.here[place] == self.chosen:
            return False
        self.chosen = self.here[place]
        return True

    def refresh(self, of: int, kept: int | None = None) -> None:
        """Show the line; unless the chosen picture is of its kind, the first one is chosen. `kept` is marked."""
        self._listed, self._kept = self.pool.chosen(self.show.value, of), kept
        if self.chosen not in self._listed:
            given = (number for number in self._listed if self.pool.indices[number] not in self.pool.guests)
            self.chosen = next(given, None)
        at = 0 if self.chosen is None else self._listed.index(self.chosen)
        self._shown = max(self._shown, at + STEP)
        self._show()

    def _grow(self) -> None:
        """Show more pictures once the last ones are nearly in sight."""
        if self._shown < len(self._listed) and self.cards.reached > self._shown - STEP // 2:
            self._shown = self.cards.reached + STEP
            self._show()

    def _show(self) -> None:
        self.here = self._listed[: self._shown]
        with self.cards.hold_sync():
            self.cards.cards = picture_cards(self.pool, self.here, self._draw, kept=self._kept)
            self.cards.selected = -1 if self.chosen is None else self.here.index(self.chosen)

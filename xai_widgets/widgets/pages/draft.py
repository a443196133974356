"""A page that is not computed yet.

Its pieces take about equally long: so the first one tells how long all of them take.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from xai_widgets.methods.common.estimate import duration
from xai_widgets.progress import Progress
from xai_widgets.widgets.pages.frame import Page

Piece = Callable[[Progress], Any]
"""Computes a piece; the progress is only for being stopped."""


@dataclass
class Draft:
    """A page before its pieces are computed.

    Attributes
    ----------
    title
        Of the page.
    pieces
        What computes each piece.
    assemble
        Makes the page of the pieces.
    """

    title: str
    pieces: Sequence[Piece]
    assemble: Callable[[list[Any]], Page]
    _made: list[Any] = field(default_factory=list)

    @property
    def left(self) -> int:
        """How many pieces are missing."""
        return len(self.pieces) - len(self._made)

    def seconds(self, progress: Progress) -> float:
        """How long the missing pieces will take, by the first one, which is computed now."""
        began = time.perf_counter()
        self._next(progress)
        return self.left * (time.perf_counter() - began)

    def page(self, progress: Progress) -> Page:
        """The page; each missing piece is one step of the progress, which the caller has started."""
        while self.left:
            self._next(progress)
            progress.advance()
        return self.assemble(self._made)

    def _next(self, progress: Progress) -> None:
        progress.check()
        if self.left:
            self._made.append(self.pieces[len(self._made)](progress.part()))


def finished(drafts: Sequence[Draft], progress: Progress) -> list[Page]:
    """The pages of all drafts, under one bar that says at its beginning how long all of it takes."""
    if not drafts:
        return []
    progress.start(f"Preparing {_named(drafts)}", len(drafts))
    seconds = sum(_told(draft, progress) for draft in drafts)
    total = sum(len(draft.pieces) for draft in drafts)
    done = total - sum(draft.left for draft in drafts)
    progress.start(f"Writing {_named(drafts)} ({duration(seconds)} in all)", total, done=done)
    return [draft.page(progress) for draft in drafts]


def _told(draft: Draft, progress: Progress) -> float:
    seconds = draft.seconds(progress)
    progress.advance()
    return seconds


def _named(drafts: Sequence[Draft]) -> str:
    return drafts[0].title if len(drafts) == 1 else f"{len(drafts)} views"

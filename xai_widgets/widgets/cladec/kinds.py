"""Which pictures ClaDecExplorer shows on its pages."""

from __future__ import annotations

from xai_widgets.pool import EVERYTHING, OWN, Pool

MISTAKES = "mistakes"


def listed(pool: Pool, kind: int) -> list[int]:
    """Pictures of the pool: 0 for all, 1 for the mistakes, 2 and more for those of a class."""
    if kind == 0:
        return pool.chosen(EVERYTHING, 0)
    return pool.mistakes if kind == 1 else pool.chosen(OWN, kind - 2)

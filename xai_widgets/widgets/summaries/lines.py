"""Which summaries are shown, in which order, and which ones of two networks share a line."""

from __future__ import annotations

from typing import NamedTuple

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.summaries.compare import Comparison
from xai_widgets.methods.summaries.scene import Founds
from xai_widgets.methods.summaries.summary import Summary
from xai_widgets.widgets.summaries.measures import MEASURES


class Cell(NamedTuple):
    """A summary of one of the networks."""

    #: 0 or 1.
    network: int
    #: In `ClassSummaries.summaries`.
    summary: int


class Line(NamedTuple):
    """Summaries side by side: that of each network, where both have one."""

    cells: tuple[Cell | None, ...]
    #: How much the regions of matched summaries overlap, or None.
    overlap: float | None = None


class Filter(NamedTuple):
    """Which summaries are shown, and in which order."""

    measure: str = "evidence"
    least_stability: float = 0.0
    rejected: bool = False

    def lets_through(self, summary: Summary) -> bool:
        """Whether a summary is shown."""
        return summary.stability >= self.least_stability and (self.rejected or summary.sound)


def lines(founds: Founds, comparison: Comparison | None, chosen: Filter) -> list[Line]:
    """The lines to show, sorted: sound summaries first.

    A matched summary stays for as long as its counterpart is let through.
    """

    def order(line: Line) -> tuple[bool, float]:
        there = [summary_at(founds, cell) for cell in line.cells if cell is not None]
        return any(one.sound for one in there), max(MEASURES[chosen.measure].of(one)[1] for one in there)

    def is_shown(line: Line) -> bool:
        return any(cell is not None and chosen.lets_through(summary_at(founds, cell)) for cell in line.cells)

    everything = _all(founds) if comparison is None else _matched(founds, comparison)
    return sorted(filter(is_shown, everything), key=order, reverse=True)


def summary_at(founds: Founds, cell: Cell) -> Summary:
    """The summary of a cell."""
    found = founds[cell.network]
    if found is None:
        raise XaiWidgetsError(f"nothing was found in network {cell.network} yet, so there is no summary {cell.summary}")
    return found.summaries[cell.summary]


def _all(founds: Founds) -> list[Line]:
    return [
        Line(tuple(Cell(network, index) if network == other else None for other in range(len(founds))))
        for network, found in enumerate(founds)
        if found is not None
        for index in range(len(found.summaries))
    ]


def _matched(founds: Founds, comparison: Comparison) -> list[Line]:
    pairs = [Line((Cell(0, match.first), Cell(1, match.second)), match.overlap) for match in comparison.matches]
    taken = {cell for line in pairs for cell in line.cells}
    return [*pairs, *(line for line in _all(founds) if not any(cell and cell in taken for cell in line.cells))]

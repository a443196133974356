"""Which summaries are shown, in which order, and which ones of two networks share a line."""

from __future__ import annotations

from typing import NamedTuple

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.summaries.scene import Scene
from xai_widgets.methods.summaries.summary import ClassSummaries, Summary
from xai_widgets.widgets.summaries.measures import MEASURES


class Cell(NamedTuple):
    """A summary of one of the networks."""

    #: 0 or 1.
    network: int
    #: In `ClassSummaries.summaries`.
    summary: int

    def found(self, scene: Scene) -> ClassSummaries:
        """All summaries of its network."""
        found = scene.founds[self.network]
        if found is None:
            raise XaiWidgetsError(
                f"nothing was found in network {self.network} yet, so it has no summary {self.summary}"
            )
        return found

    def of(self, scene: Scene) -> Summary:
        """The summary itself."""
        return self.found(scene).summaries[self.summary]


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


def lines(scene: Scene, chosen: Filter) -> list[Line]:
    """The lines to show, sorted: sound summaries first.

    A matched summary stays for as long as its counterpart is let through.
    """

    def there(line: Line) -> list[Summary]:
        return [cell.of(scene) for cell in line.cells if cell is not None]

    def order(line: Line) -> tuple[bool, float]:
        return any(one.sound for one in there(line)), max(MEASURES[chosen.measure].of(one)[1] for one in there(line))

    shown = [line for line in _all(scene) if any(chosen.lets_through(one) for one in there(line))]
    return sorted(shown, key=order, reverse=True)


def _all(scene: Scene) -> list[Line]:
    """Matched summaries on one line, the others on lines of their own."""
    matches = () if scene.comparison is None else scene.comparison.matches
    pairs = [Line((Cell(0, match.first), Cell(1, match.second)), match.overlap) for match in matches]
    taken = {cell for line in pairs for cell in line.cells}
    networks = range(len(scene.founds))
    cells = [
        Cell(network, summary)
        for network, found in enumerate(scene.founds)
        for summary in range(len(found.summaries) if found else 0)
    ]
    alone = [cell for cell in cells if cell not in taken]
    return [*pairs, *(Line(tuple(cell if cell.network == at else None for at in networks)) for cell in alone)]

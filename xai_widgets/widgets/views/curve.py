"""A small curve: how the classifier's opinion changes on the way from a picture to its counterfactual."""

from __future__ import annotations

from typing import Any

import bqplot
import numpy as np
import numpy.typing as npt

from xai_widgets.show.colours import ACCENT
from xai_widgets.widgets.views.layouts import AXIS_STYLE, fixed_figure, room

WIDTH, HEIGHT = 300, 170

Numbers = npt.NDArray[np.floating[Any]]


def draw(mark: bqplot.Mark, x: Any, y: Any) -> None:
    """Move all points of a mark at once."""
    with mark.hold_sync():
        mark.x, mark.y = np.array(x, dtype=float), np.array(y, dtype=float)


class ProbabilityCurve:
    """A line over the position on the path, with a dot for each frame of the film strip."""

    def __init__(self) -> None:
        # A little room, so that dots at the ends are whole.
        self._across, self._up = (bqplot.LinearScale(min=-0.03, max=1.03, allow_padding=False) for _ in range(2))
        scales = {"x": self._across, "y": self._up}
        style = AXIS_STYLE | {"tick_format": ".0%", "tick_values": [0, 0.5, 1]}
        self._name = bqplot.Axis(scale=self._up, side="left", label_offset="44px", **style)
        below = bqplot.Axis(scale=self._across, label="position on the path", label_offset="28px", **style)
        self._line = bqplot.Lines(scales=scales, colors=[ACCENT], stroke_width=2)
        self._dots = bqplot.Scatter(scales=scales, colors=[ACCENT], default_size=40)
        marks, axes = [self._line, self._dots], [below, self._name]
        self.figure = fixed_figure(marks, axes, (WIDTH, HEIGHT), top=8, bottom=40, left=60, right=12)
        self.widget = room(self.figure)

    def show(self, shares: Numbers, chances: Numbers, stops: Numbers, chances_there: Numbers, name: str = "") -> None:
        """Show a class's probabilities over positions on the path, and those at the frames; all in [0, 1]."""
        self._name.label = name
        draw(self._line, shares, chances)
        draw(self._dots, stops, chances_there)

    def clear(self) -> None:
        """Show no curve."""
        nothing = np.zeros(0)
        self.show(nothing, nothing, nothing, nothing)

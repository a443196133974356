"""A small curve: how the classifier's opinion changes on the way from a picture to its counterfactual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bqplot
import numpy as np
import numpy.typing as npt

from xai_widgets.show.colours import ACCENT, INK
from xai_widgets.widgets.views.tools import close_all

WIDTH, HEIGHT = 300, 170

Numbers = npt.NDArray[np.floating[Any]]


def small_figure(
    marks: Sequence[bqplot.Mark], axes: Sequence[bqplot.Axis], size: tuple[int, int], left: int
) -> bqplot.Figure:
    """A figure of a fixed width and height, with so many pixels left of it."""
    width, height = size
    return bqplot.Figure(
        marks=list(marks), axes=list(axes), layout={"width": f"{width}px", "height": f"{height}px"},
        min_aspect_ratio=width / height, max_aspect_ratio=width / height, padding_x=0.0, padding_y=0.0,
        animation_duration=0, fig_margin={"top": 8, "bottom": 40, "left": left, "right": 12},
        background_style={"fill": "transparent"}, display_toolbar=False,
    )  # fmt: skip


def draw(mark: bqplot.Mark, x: Any, y: Any) -> None:
    """Move all points of a mark at once."""
    with mark.hold_sync():
        mark.x, mark.y = np.array(x, dtype=float), np.array(y, dtype=float)


STYLE: dict[str, Any] = {
    "color": "gray", "grid_lines": "none", "label_color": INK, "tick_style": {"fill": INK, "font-size": "11px"},
}  # fmt: skip
"""Of an axis."""


class ProbabilityCurve:
    """A line over the share of the way, with a dot for each frame of the film strip.

    Attributes
    ----------
    widget
        The bqplot figure.
    """

    def __init__(self) -> None:
        # A little room, so that dots at the ends are whole.
        self._across, self._up = (bqplot.LinearScale(min=-0.03, max=1.03, allow_padding=False) for _ in range(2))
        scales = {"x": self._across, "y": self._up}
        style = STYLE | {"tick_format": ".0%", "tick_values": [0, 0.5, 1]}
        self._name = bqplot.Axis(scale=self._up, side="left", label_offset="44px", **style)
        below = bqplot.Axis(scale=self._across, label="of the way", label_offset="28px", **style)
        self._line = bqplot.Lines(scales=scales, colors=[ACCENT], stroke_width=2)
        self._dots = bqplot.Scatter(scales=scales, colors=[ACCENT], default_size=40)
        self.widget = small_figure([self._line, self._dots], [below, self._name], (WIDTH, HEIGHT), left=60)

    def show(self, shares: Numbers, chances: Numbers, stops: Numbers, chances_there: Numbers, name: str = "") -> None:
        """Show a class's probabilities over shares of the way, and those at the frames; all in [0, 1]."""
        self._name.label = name
        draw(self._line, shares, chances)
        draw(self._dots, stops, chances_there)

    def clear(self) -> None:
        """Show no curve."""
        nothing = np.zeros(0)
        self.show(nothing, nothing, nothing, nothing)

    def close(self) -> None:
        """Close every widget inside."""
        close_all(self.widget)
        for scale in (self._across, self._up):
            scale.close()

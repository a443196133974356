"""A small curve: how the classifier's opinion changes on the way from a picture to its counterfactual."""

from __future__ import annotations

from typing import Any

import bqplot
import numpy as np
import numpy.typing as npt

from xai_widgets.show.colours import ACCENT, INK
from xai_widgets.widgets.views.tools import close_all

WIDTH, HEIGHT = 300, 170

Numbers = npt.NDArray[np.floating[Any]]


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
        style = {
            "color": "gray", "grid_lines": "none", "label_color": INK, "tick_format": ".0%",
            "tick_values": [0, 0.5, 1], "tick_style": {"fill": INK, "font-size": "11px"},
        }  # fmt: skip
        self._name = bqplot.Axis(scale=self._up, side="left", label_offset="44px", **style)
        below = bqplot.Axis(scale=self._across, label="of the way", label_offset="28px", **style)
        self._line = bqplot.Lines(scales=scales, colors=[ACCENT], stroke_width=2)
        self._dots = bqplot.Scatter(scales=scales, colors=[ACCENT], default_size=40)
        proportion = WIDTH / HEIGHT
        self.widget = bqplot.Figure(
            marks=[self._line, self._dots], axes=[below, self._name],
            layout={"width": f"{WIDTH}px", "height": f"{HEIGHT}px"}, min_aspect_ratio=proportion,
            max_aspect_ratio=proportion, padding_x=0.0, padding_y=0.0, animation_duration=0,
            fig_margin={"top": 8, "bottom": 40, "left": 60, "right": 12},
            background_style={"fill": "transparent"}, display_toolbar=False,
        )  # fmt: skip

    def show(self, shares: Numbers, chances: Numbers, stops: Numbers, chances_there: Numbers, name: str = "") -> None:
        """Show a class's probabilities over shares of the way, and those at the frames; all in [0, 1]."""
        self._name.label = name
        with self._line.hold_sync():
            self._line.x, self._line.y = shares, chances
        with self._dots.hold_sync():
            self._dots.x, self._dots.y = stops, chances_there

    def clear(self) -> None:
        """Show no curve."""
        nothing = np.zeros(0)
        self.show(nothing, nothing, nothing, nothing)

    def close(self) -> None:
        """Close every widget inside."""
        close_all(self.widget)
        for scale in (self._across, self._up):
            scale.close()

"""The curve of the score over the strength of an x-feature: the sum's prediction and the network's answers."""

from __future__ import annotations

import bqplot
import ipywidgets
import numpy as np

from xai_widgets.methods.srae.turning import MOST, STOPS, Turned
from xai_widgets.show.colours import ACCENT, INK
from xai_widgets.widgets.views.chart import ticks
from xai_widgets.widgets.views.curve import draw
from xai_widgets.widgets.views.layouts import AXIS_STYLE, fixed_figure, room

WIDTH, HEIGHT = 330, 210
_LEGEND = "<div class='xw xw-numbers'>Dashed: the sum's prediction. Dots: the network's answers.</div>"


class TurnCurve:
    """The score over the strength: the sum's prediction is a dashed line, the network's answers are dots."""

    def __init__(self) -> None:
        self._across = bqplot.LinearScale(min=-0.12, max=MOST + 0.12)
        self._up = bqplot.LinearScale(min=0.0, max=1.0)
        scales = {"x": self._across, "y": self._up}
        below = bqplot.Axis(
            scale=self._across, label="strength of the x-feature", label_offset="28px", tick_values=[0, 1, 2, 3],
            tick_format="d", **AXIS_STYLE,
        )  # fmt: skip
        self._left = bqplot.Axis(scale=self._up, side="left", label_offset="40px", **AXIS_STYLE)
        self._line = bqplot.Lines(scales=scales, colors=[INK], line_style="dashed", stroke_width=2)
        self._dots = bqplot.Scatter(scales=scales, colors=[ACCENT], default_size=36)
        ring = {"colors": [INK], "stroke": INK, "stroke_width": 2, "fill": False, "default_size": 170}
        self._here = bqplot.Scatter(scales=scales, **ring)
        marks = [self._line, self._dots, self._here]
        figure = fixed_figure(marks, [below, self._left], (WIDTH, HEIGHT), top=8, bottom=40, left=56, right=12)
        self.widget = ipywidgets.VBox([ipywidgets.HTML(_LEGEND), room(figure)])

    def show(self, turned: Turned, stop: int, score_name: str) -> None:
        """Show all answers, and ring the one at a stop."""
        predicted, real = turned.predicted.numpy(), turned.real.numpy()
        low, high = (float(end) for end in (min(predicted.min(), real.min()), max(predicted.max(), real.max())))
        room = 0.08 * max(high - low, 1e-3)
        with self._up.hold_sync():
            self._up.min, self._up.max = low - room, high + room
        self._left.tick_values, self._left.label = np.array(ticks(low - room, high + room, 4)[0]), score_name
        draw(self._line, STOPS, predicted)
        draw(self._dots, STOPS, real)
        draw(self._here, STOPS[stop : stop + 1], real[stop : stop + 1])

    def clear(self) -> None:
        """Show nothing; the room stays."""
        for mark in (self._line, self._dots, self._here):
            draw(mark, (), ())
        self._left.label = ""

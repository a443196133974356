"""The two charts of the browser: a map of pictures by their explanations, and a histogram of one number."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import bqplot
import ipywidgets
import numpy as np

from xai_widgets.scale.browsing import Floats, Rows
from xai_widgets.show.colours import BLUE, GROUND
from xai_widgets.widgets.views.chart import class_marks, legend, marked_points
from xai_widgets.widgets.views.layouts import AXIS_STYLE, fixed_figure

WIDTH, HEIGHT, BINS = 430, 280, 24
UP = AXIS_STYLE | {"side": "left", "label_offset": "44px"}
"""Of axes on the left, whose numbers are wide."""


class PictureMap:
    """Pictures as points on the two principal components; `on_pick` gets the row of a point that is clicked."""

    def __init__(self, names: Sequence[str], places: Floats, classes: Rows) -> None:
        self._names, self._places, self._classes = names, places, classes
        low, high = places.min(0), places.max(0)
        margin = 0.04 * (high - low).clip(1e-6)
        scales = [
            bqplot.LinearScale(min=float(a), max=float(b)) for a, b in zip(low - margin, high + margin, strict=True)
        ]
        self._marks = [
            bqplot.Scatter(
                x=[], y=[], scales={"x": scales[0], "y": scales[1]}, colors=[style.colour], marker=style.shape,
                default_size=26, stroke=GROUND, stroke_width=0.4,
            )
            for style in class_marks(len(names))
        ]  # fmt: skip
        self._members: list[Rows] = [np.zeros(0, np.int64) for _ in self._marks]
        axes = [
            bqplot.Axis(scale=scales[0], label="component 1", num_ticks=4, **AXIS_STYLE),
            bqplot.Axis(scale=scales[1], label="component 2", num_ticks=4, tick_format=".1f", **UP),
        ]
        self._figure = fixed_figure(self._marks, axes, (WIDTH, HEIGHT), top=6, bottom=40, left=64, right=10)
        self._legend = ipywidgets.HTML(layout={"max_width": f"{WIDTH}px"})
        self.widget = ipywidgets.VBox([self._figure, self._legend])

    def on_pick(self, pick: Callable[[int], object], several: object = None) -> None:
        """Call back with a row whenever a point is clicked; `several` is for maps with a lasso."""
        del several
        for place, mark in enumerate(self._marks):
            mark.on_element_click(lambda _, event, place=place: pick(int(self._members[place][event["data"]["index"]])))

    def show(self, rows: Rows) -> None:
        """Show some pictures; of very many, an even sample."""
        groups = marked_points(self._names, self._classes[rows])
        self._members = [rows[group.members] for group in groups]
        for mark, members in zip(self._marks, self._members, strict=True):
            with mark.hold_sync():
                mark.x, mark.y = self._places[members].T
        self._legend.value = legend(groups)


class Histogram:
    """How often a number has which values among the chosen pictures."""

    def __init__(self) -> None:
        self._x, self._y = bqplot.LinearScale(), bqplot.LinearScale(min=0.0)
        self._bars = bqplot.Bars(x=[0.0], y=[0.0], scales={"x": self._x, "y": self._y}, colors=[BLUE], padding=0.1)
        self._axis = bqplot.Axis(scale=self._x, label="", num_ticks=5, **AXIS_STYLE)
        axes = [self._axis, bqplot.Axis(scale=self._y, label="pictures", num_ticks=4, tick_format=",.0f", **UP)]
        self.widget = fixed_figure([self._bars], axes, (WIDTH, HEIGHT), top=6, bottom=40, left=64, right=10)

    def show(self, values: Floats, name: str) -> None:
        """Show the values of a number."""
        counts, edges = np.histogram(values, BINS) if len(values) else (np.zeros(1), np.array([0.0, 1.0]))
        with self._bars.hold_sync():
            self._bars.x, self._bars.y = (edges[1:] + edges[:-1]) / 2, counts.astype(float)
        self._axis.label = name.replace("_", " ")

"""A map of very many pictures, drawn by the graphics card with jupyter-scatter, where that is installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import ipywidgets
import numpy as np

from xai_widgets.scale.browsing import Floats, Rows
from xai_widgets.show.colours import PALETTE
from xai_widgets.widgets.browser.charts import HEIGHT, WIDTH, PictureMap
from xai_widgets.widgets.views.chart import OTHERS, ClassMark, MarkedPoints, legend

CLEAR = (0.5, 0.5, 0.5, 0.0)
"""The ground: that of the page, light or dark."""

FEW = 5000
"""Fewer points than these are drawn larger."""

HINT = '<div class="xw xw-sentence">A click chooses a picture; Shift and drag surround several.</div>'


def picture_map(names: Sequence[str], places: Floats, classes: Rows) -> PictureMap | PictureCloud:
    """The map that is drawn fastest with what is installed."""
    return (PictureMap if find_spec("jscatter") is None else PictureCloud)(names, places, classes)


class PictureCloud:
    """As `PictureMap`, with all pictures, however many, and a lasso around several."""

    def __init__(self, names: Sequence[str], places: Floats, classes: Rows) -> None:
        jscatter, pandas = import_module("jscatter"), import_module("pandas")  # a second, and seldom needed

        self._frequent = np.argsort(-np.bincount(classes, minlength=len(names)), kind="stable")[: len(PALETTE)]
        self._names, self._colour = names, np.full(len(names), len(PALETTE))
        self._colour[self._frequent] = np.arange(len(self._frequent))
        self._classes = classes
        colours = [*PALETTE, OTHERS.colour]
        kind = pandas.Categorical.from_codes(self._colour[classes], range(len(colours)))
        data = pandas.DataFrame({"x": places[:, 0], "y": places[:, 1], "class": kind})
        low, high = places.min(0), places.max(0)
        margin = 0.04 * (high - low).clip(1e-6)
        across, up = zip((low - margin).tolist(), (high + margin).tolist(), strict=True)
        # Without axes, whose letters are black: components have no unit.
        self._scatter: Any = jscatter.Scatter(
            data=data, x="x", y="y", x_scale=across, y_scale=up, color_by="class", color_map=colours, legend=False,
            axes=False, background_color=CLEAR, height=HEIGHT, size=6 if len(data) < FEW else 3,
        )  # fmt: skip
        self.cloud = self._scatter.widget
        self.cloud.layout = ipywidgets.Layout(width=f"{WIDTH}px")
        self._legend = ipywidgets.HTML(layout={"max_width": f"{WIDTH}px"})
        self.widget = ipywidgets.VBox([self.cloud, ipywidgets.HTML(HINT), self._legend])

    def on_pick(self, pick: Callable[[int], object], several: Callable[[Rows], object] | None = None) -> None:
        """Call back with the row of a point that is clicked, and with the rows of several that are surrounded."""

        def chosen(change: Any) -> None:
            rows = np.asarray(change["new"], np.int64)
            if len(rows) == 1:
                pick(int(rows[0]))
            elif len(rows) and several is not None:
                several(rows)

        self.cloud.observe(chosen, "selection")

    def show(self, rows: Rows) -> None:
        """Show some pictures."""
        self._scatter.selection(None)
        self._scatter.filter(None if len(rows) == len(self._classes) else rows)
        self._legend.value = legend(self._entries(self._colour[self._classes[rows]]))

    def _entries(self, colours: Rows) -> list[MarkedPoints]:
        """The most frequent classes, and all others, as dots: a cloud has no other shapes."""
        own = [
            MarkedPoints(self._names[number], ClassMark(PALETTE[place], "circle"), np.flatnonzero(colours == place))
            for place, number in enumerate(self._frequent)
        ]
        return [*own, MarkedPoints("other classes", OTHERS, np.flatnonzero(colours == len(PALETTE)))]

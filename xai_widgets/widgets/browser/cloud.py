"""A map of very many pictures, drawn by the graphics card with jupyter-scatter, where that is installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import ipywidgets
import numpy as np

from xai_widgets.scale.browsing import Floats, Rows
from xai_widgets.widgets.browser.charts import HEIGHT, WIDTH, PictureMap
from xai_widgets.widgets.views.chart import class_marks, legend, mark_places, marked_points

HINT = '<div class="xw xw-sentence">A click chooses a picture; Shift and drag surround several.</div>'


def picture_map(names: Sequence[str], places: Floats, classes: Rows) -> PictureMap | PictureCloud:
    """The map that is drawn fastest with what is installed."""
    return (PictureMap if find_spec("jscatter") is None else PictureCloud)(names, places, classes)


class PictureCloud:
    """As `PictureMap`, with all pictures, however many, and a lasso around several."""

    def __init__(self, names: Sequence[str], places: Floats, classes: Rows) -> None:
        jscatter, pandas = import_module("jscatter"), import_module("pandas")  # a second, and seldom needed
        self._names, self._classes = names, classes
        marks = class_marks(len(names))
        kind = pandas.Categorical.from_codes(mark_places(len(names), classes)[classes], range(len(marks)))
        data = pandas.DataFrame({"component 1": places[:, 0], "component 2": places[:, 1], "class": kind})
        self._scatter: Any = jscatter.Scatter(
            data=data, x="component 1", y="component 2", color_by="class", legend=False, height=HEIGHT,
            color_map=[mark.colour for mark in marks], size=6 if len(data) < 5000 else 3, axes_labels=True,
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
        self._legend.value = legend(marked_points(self._names, self._classes[rows]))

"""Prediction bars: what the classifier says of several versions of one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bqplot
import ipywidgets
import numpy as np
import numpy.typing as npt
from torch import Tensor

from xai_widgets.methods.cladec.explanation import SPOKEN
from xai_widgets.show.colours import PALETTE
from xai_widgets.widgets.views.layouts import AXIS_STYLE, fixed_figure, room

MOST = 5
LONGEST = 18
WIDTH, HEIGHT = 350, 290


class PredictionBars:
    """Grouped bars of the likeliest classes; `widget` is the bqplot figure in a box."""

    def __init__(self) -> None:
        # From top to bottom as from likely to unlikely.
        classes = bqplot.OrdinalScale(reverse=True)
        chances = bqplot.LinearScale(min=0.0, max=1.0)
        axes = [
            bqplot.Axis(scale=classes, side="left", **AXIS_STYLE),
            bqplot.Axis(scale=chances, tick_format=".0%", num_ticks=3, **AXIS_STYLE),
        ]
        scales = {"x": classes, "y": chances}
        self._bars = bqplot.Bars(
            x=[], y=[[]], scales=scales, orientation="horizontal", type="grouped", colors=list(PALETTE), padding=0.3
        )
        self._figure = fixed_figure([self._bars], axes, (WIDTH, HEIGHT), top=4, bottom=26, left=118, right=24)
        self._legend = ipywidgets.HTML()
        self._shown: list[str] = []
        self.widget = ipywidgets.VBox([self._legend, room(self._figure)])

    def show(self, predictions: Mapping[str, Tensor], class_names: Sequence[str], of: str = "the chosen row") -> None:
        """Show probabilities ``(K,)`` by version; the classes are those likeliest in any of them."""
        table = np.stack([values.numpy() for values in predictions.values()])
        classes = np.argsort(-table.max(0), kind="stable")[:MOST]
        with self._bars.hold_sync():
            self._bars.x = _distinct([class_names[k] for k in classes])
            self._bars.y = table[:, classes]
        self._shown = list(predictions)
        self._legend.value = _legend([SPOKEN.get(name, name) for name in predictions], of)

    def heights(self, version: str) -> npt.NDArray[np.float32]:
        """Probabilities on display for one version of the picture, in the order of the bars."""
        heights: npt.NDArray[np.float32] = self._bars.y[self._shown.index(version)]
        return heights

    def clear(self) -> None:
        """Show no bars."""
        with self._bars.hold_sync():
            self._bars.x, self._bars.y = [], np.zeros((1, 0))
        self._legend.value = ""


def _distinct(names: Sequence[str]) -> list[str]:
    """Names that fit beside a bar, numbered where two look alike: bars of one name would share one place."""
    short = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in names]
    return [f"{name} ({short[:i].count(name) + 1})" if short.count(name) > 1 else name for i, name in enumerate(short)]


def _legend(names: Sequence[str], of: str) -> Any:
    marks = [f'<span style="color:{colour}">■</span> {name}' for name, colour in zip(names, PALETTE, strict=False)]
    return f'<div class="xw xw-numbers">Predictions for {of}<br>{" &nbsp; ".join(marks)}</div>'

"""The bar from the bias to the score: one segment for each x-feature, one for what is not explained, all in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bqplot
import ipywidgets
import numpy as np
from markupsafe import Markup

from xai_widgets.methods.srae.explanation import Step, spoken
from xai_widgets.show.colours import INK, PALETTE, QUIET, RAISED
from xai_widgets.widgets.views.chart import ticks
from xai_widgets.widgets.views.layouts import AXIS_STYLE, fixed_figure, room

COLOURS = PALETTE
"""An x-feature keeps its colour, whatever its place in the bar."""

MARK = "●"
"""Marks the x-features of the smallest set that reaches 90 %."""

WIDTH, ROW, ROW_OF_TWO, AXIS = 660, 22, 32, 40
NAMES, AMOUNTS = 205, 64
"""Pixels left of the bars for names, and right of them for amounts."""

LONGEST = 27
_MARGIN = 8


class ScoreBar:
    """The sum as a staircase: each segment begins where the last one ended.

    Another picture's bar can be below it, hollow, row by row.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.other: list[Step] = []
        self._score, self._pixels = bqplot.LinearScale(), bqplot.LinearScale(min=0.0, max=float(WIDTH - 2 * _MARGIN))
        self._rows = bqplot.LinearScale(min=0.0, max=1.0, reverse=True)
        scales, words = {"x": self._score, "y": self._rows}, {"x": self._pixels, "y": self._rows}
        box: dict[str, Any] = {"fill": "inside", "close_path": True, "stroke_width": 1}
        self._ground = bqplot.Lines(scales=words, colors=[RAISED], fill_colors=[RAISED], **box)
        self._zero = bqplot.Lines(scales=scales, colors=[QUIET], stroke_width=1)
        self._stairs = bqplot.Lines(scales=scales, colors=[QUIET], stroke_width=1, line_style="dotted")
        self._bars = bqplot.Lines(scales=scales, colors=[INK], **box)
        self._hollow = bqplot.Lines(scales=scales, line_style="dashed", **(box | {"stroke_width": 2}))
        text: dict[str, Any] = {"font_weight": "normal", "colors": [INK]}
        self._names = bqplot.Label(scales=words, align="end", default_size=13, y_offset=4, **text)
        self._amounts = bqplot.Label(scales=scales, default_size=12, x_offset=5, y_offset=4, **text)
        self._amounts_below = bqplot.Label(scales=scales, default_size=11, x_offset=5, y_offset=4, **text)
        self._axis = bqplot.Axis(scale=self._score, label_offset="32px", **AXIS_STYLE)
        marks = [
            self._ground, self._zero, self._stairs, self._bars, self._hollow, self._names, self._amounts,
            self._amounts_below,
        ]  # fmt: skip
        margins = {"top": 2, "bottom": AXIS, "left": _MARGIN, "right": _MARGIN}
        self._figure = fixed_figure(marks, [self._axis], (WIDTH, 9 * ROW + AXIS + 2), **margins)
        self._legend = ipywidgets.HTML(layout={"max_width": f"{WIDTH}px"})
        self._resize(9, ROW)
        self.widget = ipywidgets.VBox([self._legend, room(self._figure)])

    def show(self, steps: Sequence[Step], score: str, *, chosen: int | None, other: Sequence[Step] = ()) -> None:
        """Show a bar of the `SRAEExplanation.steps`, from top to bottom; the row of the chosen x-feature is underlaid.

        `score` says in words what the score is; `other` are another picture's steps, in the same rows.
        """
        self.steps, self.other = list(steps), list(other)
        self._resize(len(steps), ROW_OF_TWO if other else ROW)
        self._scale([*steps, *other])
        self._axis.label = score
        count, halves = len(steps), bool(other)
        with self._names.hold_sync():
            self._names.x, self._names.y = np.full(count, NAMES - 12.0), np.arange(count) + 0.5
            self._names.text = np.array([_label(step) for step in steps])
        self._paint(self._bars, steps, 0.14, 0.5 if halves else 0.86)
        self._paint(self._hollow, other, 0.58, 0.86)
        self._number(self._amounts, steps, 0.32 if halves else 0.5)
        self._number(self._amounts_below, other, 0.72)
        self._underlay([step.feature for step in steps].index(chosen) if chosen is not None else None)
        self._climb(steps)
        self._legend.value = _legend(steps, score, other)

    def clear(self) -> None:
        """Show nothing; the room stays."""
        self.steps, self.other = [], []
        for mark in (self._ground, self._zero, self._stairs, self._bars, self._hollow):
            _polygons(mark, [])
        for label in (self._names, self._amounts, self._amounts_below):
            label.text = np.array([], dtype=str)
            label.x, label.y = np.zeros(0), np.zeros(0)
        self._axis.tick_values, self._axis.label = np.zeros(0), ""
        self._legend.value = ""

    def _resize(self, rows: int, each: int) -> None:
        """As high as the rows need: fixed sizes, or bqplot measures its surroundings and flickers."""
        height = rows * each + AXIS + 2
        self._rows.max = float(rows)
        self._figure.layout.height = f"{height}px"
        # Both at once: in between, the lower bound would be above the upper one.
        with self._figure.hold_trait_notifications():
            self._figure.min_aspect_ratio = self._figure.max_aspect_ratio = WIDTH / height

    def _scale(self, steps: Sequence[Step]) -> None:
        ends = [end for step in steps for end in (step.start, step.stop)]
        low, high = min(0.0, *ends), max(0.0, *ends)
        unit = max(high - low, 1e-6) / (WIDTH - 2 * _MARGIN - NAMES - AMOUNTS)
        with self._score.hold_sync():
            self._score.min, self._score.max = low - NAMES * unit, high + AMOUNTS * unit
        self._axis.tick_values = np.array(ticks(low, high, 6)[0])
        self._zero.x, self._zero.y = np.zeros(2), np.array([0.0, float(len(self.steps))])

    @staticmethod
    def _paint(mark: Any, steps: Sequence[Step], top: float, bottom: float) -> None:
        boxes = [(step.start, step.stop, row + top, row + bottom) for row, step in enumerate(steps)]
        colours = [_colour(step) for step in steps]
        with mark.hold_sync():
            mark.fill_colors = colours or [INK]
            if mark.line_style == "dashed":
                mark.colors, mark.fill_opacities = colours or [INK], [0.25] * max(len(steps), 1)
            else:
                # What is not explained is hollow.
                mark.colors = [INK] * max(len(steps), 1)
                mark.fill_opacities = [0.0 if step.kind == "rest" else 1.0 for step in steps] or [1.0]
            _polygons(mark, boxes)

    @staticmethod
    def _number(label: Any, steps: Sequence[Step], middle: float) -> None:
        with label.hold_sync():
            label.x = np.array([max(step.start, step.stop) for step in steps])
            label.y = np.arange(len(steps)) + middle
            label.text = np.array([step.text for step in steps], dtype=str)

    def _underlay(self, row: int | None) -> None:
        wide = float(WIDTH - 2 * _MARGIN)
        _polygons(self._ground, [] if row is None else [(0.0, wide, row + 0.02, row + 0.98)])

    def _climb(self, steps: Sequence[Step]) -> None:
        """Dotted lines from the end of each segment to the beginning of the next."""
        with self._stairs.hold_sync():
            self._stairs.x = np.array([[step.stop, step.stop] for step in steps[:-1]])
            self._stairs.y = np.array([[row + 0.86, row + 1.14] for row in range(len(steps) - 1)])


def _polygons(mark: Any, boxes: Sequence[tuple[float, float, float, float]]) -> None:
    """Rectangles: left, right, top, bottom; none at all is one without a size."""
    corners = boxes or [(0.0, 0.0, 0.0, 0.0)]
    with mark.hold_sync():
        mark.x = np.array([[left, right, right, left] for left, right, _, _ in corners])
        mark.y = np.array([[top, top, bottom, bottom] for _, _, top, bottom in corners])


def _colour(step: Step) -> str:
    return QUIET if step.feature is None else COLOURS[step.feature % len(COLOURS)]


def _label(step: Step) -> str:
    name = step.name if len(step.name) <= LONGEST else f"{step.name[: LONGEST - 1]}…"
    return f"{MARK} {name}" if step.significant else name


def _legend(steps: Sequence[Step], score: str, other: Sequence[Step]) -> Markup:
    words = [f"From the bias to the {score}", f"{MARK} together 90 % of the support for the class"]
    words += ["filled: chosen picture; dashed: kept picture"] if other else []
    hidden = f"Chosen picture: {spoken(steps)}" + (f" Kept picture: {spoken(other)}" if other else "")
    return _LEGEND.format(Markup(" &nbsp; ").join(words), hidden)


_LEGEND = Markup('<div class="xw xw-numbers" style="position:relative">{}<span class="xw-unseen">{}</span></div>')

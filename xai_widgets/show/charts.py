"""Bars and curves as matplotlib figures, for numbers that are hard to compare in a line of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.show.colours import PALETTE
from xai_widgets.show.figures import NotebookFigure, plain

BAR = 0.26
"""Height of a bar, in inches."""

INVISIBLE = 1000
"""A bar cannot be seen if the longest one is so many times as long."""


def bars(
    values: Mapping[str, Mapping[str, float]], label: str, *, title: str = "", chance: float | None = None
) -> NotebookFigure:
    """Horizontal bars in groups, from top to bottom, with the value at each bar.

    Parameters
    ----------
    values
        The value of each series, by group and by series: ``{"block1": {"ClaDec": 0.1, "auto-encoder": 0.2}}``.
    label
        Of the axis of values.
    title
        Above the bars.
    chance
        Where to draw the line of chance.

    Raises
    ------
    XaiWidgetsError
        If there is no group, or if a group lacks a series of the first one.
    """
    series = _series(values)
    figure = NotebookFigure(figsize=(6.4, 0.9 + BAR * len(values) * (len(series) + 1)), layout="constrained")
    axes = figure.subplots()
    largest = max(abs(value) for row in values.values() for value in row.values())
    for place, name in enumerate(series):
        middles = np.arange(len(values)) + (place - (len(series) - 1) / 2) / (len(series) + 1)
        lengths = [row[name] for row in values.values()]
        drawn = axes.barh(middles, lengths, 1 / (len(series) + 1), color=_colour(place), label=plain(name))
        axes.bar_label(drawn, [_amount(length, largest) for length in lengths], padding=2, fontsize=8)
    axes.set_yticks(np.arange(len(values)), [plain(name) for name in values])
    axes.invert_yaxis()
    axes.set(xlabel=plain(label), title=plain(title))
    axes.margins(x=0.1)
    _finish(axes, axes.axvline, len(series) > 1, chance)
    return figure


def curves(
    x: Sequence[float] | Sequence[str],
    values: Mapping[str, Sequence[float]],
    labels: tuple[str, str],
    *,
    title: str = "",
    chance: float | None = None,
) -> NotebookFigure:
    """One curve for each series, over common numbers or names `x`; `labels` are those of the two axes.

    Raises
    ------
    XaiWidgetsError
        If there is no series, or if a series has another length than `x`.
    """
    wrong = [name for name, ys in values.items() if len(ys) != len(x)]
    if wrong or not values:
        raise XaiWidgetsError(f"each series needs {len(x)} values, one for each x; check {wrong or 'values'}")
    figure = NotebookFigure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.subplots()
    for place, (name, ys) in enumerate(values.items()):
        axes.plot(x, ys, "os^D"[place % 4] + "-", color=_colour(place), label=plain(name))
    axes.set(xlabel=plain(labels[0]), ylabel=plain(labels[1]), title=plain(title))
    _finish(axes, axes.axhline, len(values) > 1, chance)
    return figure


def _series(values: Mapping[str, Mapping[str, float]]) -> list[str]:
    series = list(next(iter(values.values()), {}))
    lacking = [group for group, row in values.items() if list(row) != series]
    if lacking or not series:
        raise XaiWidgetsError(f"all groups need the same series {series}; check {lacking or 'values'}")
    return series


def _amount(value: float, largest: float) -> str:
    """Two digits; nothing but 0 for what is too small for a bar."""
    return f"{value:.2g}" if abs(value) >= largest / INVISIBLE else "0"


def _colour(place: int) -> str:
    return PALETTE[place % len(PALETTE)]


def _finish(axes: Axes, draw_line: Callable[..., object], several: bool, chance: float | None) -> None:
    """Draw the line of chance, and a legend if there is more than one thing to name."""
    if chance is not None:
        draw_line(chance, color="0.4", linestyle="--", linewidth=1, label=f"chance ({chance:.2g})")
    if several or chance is not None:
        axes.legend(fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)

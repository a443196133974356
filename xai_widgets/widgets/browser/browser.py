"""Browser: the explanations of a whole data set in one widget."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast

import ipywidgets
import numpy as np
from markupsafe import Markup

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.summaries.places import MOST_PLACES
from xai_widgets.progress import Progress
from xai_widgets.scale.browsing import SAMPLE, Cluster, Filter, Rows, Table
from xai_widgets.scale.folder import Explanations
from xai_widgets.scale.held import held
from xai_widgets.scale.reading import described
from xai_widgets.study import Study
from xai_widgets.widgets.browser.charts import Histogram
from xai_widgets.widgets.browser.cloud import picture_map
from xai_widgets.widgets.browser.page import browser_page
from xai_widgets.widgets.browser.tiles import TYPICAL, Thumbnails, picture_card, place_card, sentence
from xai_widgets.widgets.frame.app import App
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.views.cards import Card, Cards
from xai_widgets.widgets.views.layouts import SIDE_BY_SIDE
from xai_widgets.widgets.views.tools import fit_description
from xai_widgets.widgets.views.verdict import Verdict
from xai_widgets.widgets.workbench.workbench import Workbench

STRIP = 20
"""Pictures in the strip."""

ORDERS = ("least trusted", "most trusted", "first in the data set")
ALL = "all"
"""A menu's value for no filter: front ends may show none for None."""

RIGHT = {"all pictures": ALL, "right predictions": True, "wrong predictions": False}
PLACES, LOOKS, KINDS = "place", "look", "kind of place"
"""What the pictures on a card have in common."""

MEANING = (
    "A card has the mean mask of pictures whose evidence lies at a similar place, and three of them. "
    "A place outside the object that many classes share may be a shortcut."
)
ALIKE = (
    "A card has pictures whose strongest evidence looks alike to the network, and its mean mask. "
    "Choose a predicted class to see what its evidence consists of. Groups are found in at most {:,} pictures."
)
INSIDE = (
    "A card has places inside the masks that look alike to the network: where they are, and three pictures with the "
    "place that is meant. A picture may be on several cards. Kinds are found in {:,} of {:,} places, {} at most of a "
    "picture, in {:,} pictures; the other places join the nearest kind."
)
COLUMNS = ["id", "label_name", "prediction_name", "probability", "trust", "thumbnail"]


class Browser(App):
    """Looks at the explanations of a whole data set.

    The cards at the top show where the evidence is: pictures whose masks lie at a similar place share a card. A place
    outside the object that many classes share may be a shortcut. Below, for the pictures that the filters leave: those
    that are trusted least, a map of the pictures by their explanations, and a histogram.

    Parameters
    ----------
    out
        The folder of `explain_all`, or what it returned; it need not be finished.
    study
        If its unseen pictures were explained: the chosen one can be opened in a `Workbench`, below.

    Attributes
    ----------
    table
        All numbers, as arrays.
    rows
        The pictures that the filters leave, as rows of the table.
    picture
        The chosen picture, by its number in the data set; None if none is.
    bench
        The Workbench, once it is opened.

    Raises
    ------
    ArtifactError
        If the folder holds no explanations.
    XaiWidgetsError
        If no picture is explained, or the study has other unseen pictures.

    Examples
    --------
    >>> xw.Browser("explained")  # doctest: +SKIP
    """

    def __init__(self, out: str | Path | Explanations, study: Study | None = None) -> None:
        self.found = out if isinstance(out, Explanations) else Explanations.open(out)
        self.study, self.bench = study, cast("Workbench | None", None)
        if study is not None:
            _require_same(self.found, study)
        self.table = Table.of(self.found)
        self.rows: Rows = np.arange(len(self.table))
        self.shown: list[int] = []
        self.picture: int | None = None
        self._thumbnails = Thumbnails(self.found)
        self._held = cache(lambda predicted: held(self.found, self.table, predicted))
        manifest = self.found.manifest
        self._make_views(list(manifest["class_names"]))
        charts = ipywidgets.HBox([self.map.widget, self.histogram.widget], layout=SIDE_BY_SIDE)
        super().__init__(
            f"{manifest['name']}: {manifest['method']} of {len(self.table):,} pictures",
            controls=self._make_controls(list(manifest["class_names"])),
            content=[*([self.alike] if self.table.has_looks else []), self.meaning, self.places],
            more=[self.strip, self.open_here, charts],
        )
        self.widget.add_class("xw-browser")
        self._listen()
        self._judge()
        self.refresh()

    # --- how it is built -----------------------------------------------------------------------------------------

    def _make_views(self, names: list[str]) -> None:
        self.groups: list[Cluster] = self.table.clusters
        self._said_of_groups = MEANING
        self.meaning = ipywidgets.HTML(_said(MEANING))
        options = [PLACES, LOOKS, *([KINDS] if self.found.manifest.get("places") else [])]
        self.alike = ipywidgets.Dropdown(options=options, description="Group by", layout={"width": "15em"})
        fit_description(self.alike)
        self.places = Cards(cards=self._group_cards(), across=3, tile=72, label="Places of evidence")
        self.places.add_class("xw-places")
        self.strip = Cards(across=-1, tile=96, label="Pictures")
        self.map = picture_map(names, self.table.plane, self.table.prediction)
        self.histogram = Histogram()
        self.open_here = ipywidgets.Button(
            description="Open in the Workbench", layout={"width": "16em", "display": "none"}
        )

    def _group_cards(self) -> list[Card]:
        """A card for each group; shares are of the pictures of all groups."""
        whole = len(np.unique(np.concatenate([cluster.members for cluster in self.groups])))
        named = self.groups is not self.table.clusters
        return [
            place_card(
                cluster, self.table.index[cluster.members[:TYPICAL]].tolist(), whole, self._thumbnails,
                f"Kind {number}" if named else "",
            )
            for number, cluster in enumerate(self.groups, 1)
        ]  # fmt: skip

    def _make_controls(self, names: list[str]) -> list[ipywidgets.Widget]:
        there = np.unique(self.table.prediction).tolist()
        classes = [("all", ALL), *((names[number], number) for number in there)]
        largest = max(float(self.table.numbers["area"].max()), 0.01)
        self.predicted = ipywidgets.Dropdown(options=classes, description="Predicted", layout={"width": "15em"})
        self.right = ipywidgets.Dropdown(options=list(RIGHT.items()), description="Show", layout={"width": "14em"})
        self.trust = _range("Trust", 1.0)
        self.area = _range("Area", np.ceil(100 * largest) / 100)
        self.order = ipywidgets.Dropdown(options=ORDERS, description="First", layout={"width": "14em"})
        self.number = ipywidgets.Dropdown(
            options=[(name.replace("_", " "), name) for name in self.table.numbers], description="Histogram",
            layout={"width": "15em"},
        )  # fmt: skip
        self.reset = ipywidgets.Button(description="Show all", layout={"width": "7em"})
        return [self.predicted, self.right, self.trust, self.area, self.order, self.number, self.reset]

    def _listen(self) -> None:
        for control in (self.predicted, self.alike):
            control.observe(self.locked(self._regroup), "value")
        controls = (self.predicted, self.right, self.trust, self.area, self.order, self.number)
        for control in controls:
            control.observe(self.locked(self.refresh), "value")
        self.places.observe(self.locked(self.refresh), "selected")
        self.strip.observe(self.locked(self._choose), "selected")
        self.reset.on_click(self.locked(self._reset))
        self.open_here.on_click(self.locked(self._open))
        self.map.on_pick(self.guarded(self._show_picture), self.guarded(self._show_several))
        bound: dict[str, Any] = {"predicted": self.predicted, "right": self.right, "trust": self.trust}
        bound |= {"area": self.area, "order": self.order, "number": self.number}
        for name, control in bound.items():
            self.bind(name, control)
        self.bind("alike", self.alike)
        self.bind("place", self.places, "selected")

    def _judge(self) -> None:
        problems = self.found.manifest["problems"]
        failed = len(self.found) - len(self.table)
        more = f"{failed:,} pictures are not explained (yet, or because they failed: see .failures). " if failed else ""
        if problems:
            self.judge(Verdict("distrust", problems[0]), more)
        else:
            self.judge(None, more)

    # --- what is shown -------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what place and filters leave."""
        wanted = Filter(self._class(), _none(self.right.value), self.trust.value, self._areas())
        self.rows = self.table.chosen(wanted)
        if 0 <= self.places.selected < len(self.groups):
            self.rows = np.intersect1d(self.rows, self.groups[self.places.selected].members)
        self.map.show(self.rows)
        self.histogram.show(self.table.numbers[self.number.value][self.rows], self.number.value)
        self._show_several(self.rows)

    def _regroup(self) -> None:
        """Make the cards anew: kinds of evidence are those of the predicted class that is chosen."""
        groups, self._said_of_groups = self._grouped()
        if groups is self.groups:
            return
        self.groups, self.meaning.value = groups, _said(self._said_of_groups)
        with self.places.hold_sync():
            self.places.selected, self.places.cards = -1, self._group_cards()

    def _class(self) -> int | None:
        """The predicted class that is chosen."""
        chosen: int | None = _none(self.predicted.value)
        return chosen

    def _grouped(self) -> tuple[list[Cluster], str]:
        """The groups that are asked for, and what they are."""
        if self.alike.value == LOOKS:
            return self.table.looks(self._class()), ALIKE.format(SAMPLE)
        if self.alike.value == KINDS:
            found = self._held(self._class())
            return found.kinds, INSIDE.format(found.sampled, found.places, MOST_PLACES, found.pictures)
        return self.table.clusters, MEANING

    def _areas(self) -> tuple[float, float]:
        """The chosen areas; the slider's end is no border."""
        low, high = self.area.value
        return low, 1.0 if high >= self.area.max else high

    def _first(self, rows: Rows) -> Rows:
        if self.order.value == ORDERS[0]:
            return self.table.least(rows, STRIP)
        return self.table.least(rows, len(rows))[::-1][:STRIP] if self.order.value == ORDERS[1] else rows[:STRIP]

    def _strip(self, indices: list[int]) -> list[Card]:
        found = self.found.rows(indices, COLUMNS)
        return [picture_card(row, src) for row, src in zip(found, self._thumbnails(indices), strict=True)]

    def _line(self, rows: Rows) -> str:
        if not len(rows):
            return "No picture is left; widen the filters, or show all."
        trust, wrong = float(self.table.numbers["trust"][rows].mean()), int(self.table.wrong[rows].sum())
        shown = f"{min(STRIP, len(rows))} {self.order.value} of" if len(rows) > STRIP else "All"
        return f"{shown} {len(rows):,} pictures · mean trust {trust:.0%} · {wrong:,} predicted wrongly"

    def _choose(self) -> None:
        if 0 <= self.strip.selected < len(self.shown):
            self._tell(self.shown[self.strip.selected])

    def _show_picture(self, row: int) -> None:
        """Put a picture first in the strip."""
        with self.lock:
            index = int(self.table.index[row])
            self.shown = [index, *(one for one in self.shown if one != index)][:STRIP]
            with self.strip.hold_sync():
                self.strip.cards, self.strip.selected = self._strip(self.shown), 0
            self._tell(index)

    def _show_several(self, rows: Rows) -> None:
        """Show pictures that were surrounded on the map in the strip."""
        with self.lock:
            self.shown = self.table.index[self._first(rows)].tolist()
            with self.strip.hold_sync():
                self.strip.selected, self.strip.cards = -1, self._strip(self.shown)
            self.picture, self.sentence, self.open_here.layout.display = None, self._line(rows), "none"

    def _tell(self, index: int) -> None:
        self.picture, self.sentence = index, sentence(self.found.rows([index], COLUMNS)[0])
        self.open_here.layout.display = "none" if self.study is None else None

    def _open(self) -> None:
        """Show the chosen picture in a Workbench."""
        if self.study is None or self.picture is None:
            return
        if self.bench is None:
            self.bench = Workbench(self.study, view=self.found.manifest["method"])
            self.widget.children = (*self.widget.children, self.bench.widget)
        self.bench.state = {"picture": self.picture}

    def _reset(self) -> None:
        self.predicted.value, self.right.value, self.alike.value, self.places.selected = ALL, ALL, PLACES, -1
        self.trust.value, self.area.value = (0.0, 1.0), (0.0, self.area.max)

    # --- page ----------------------------------------------------------------------------------------------------

    def make_page(self, progress: Progress) -> Page:
        """See `App.make_page`: the places, and the least trusted pictures of each and of all."""
        groups = [*(cluster.members for cluster in self.groups), np.arange(len(self.table))]
        progress.start(f"Writing {self.title}", len(groups))
        strips = []
        for rows in groups:
            shown = self.table.index[self._first(np.sort(rows))].tolist()
            cards = {**self.strip.page_state(), "cards": self._strip(shown), "selected": -1}
            strips.append({"line": self._line(rows), "cards": cards})
            progress.advance()
        return browser_page(self.title, self._said_of_groups, self.places.page_state(), strips)


def _none(value: Any) -> Any:
    return None if value == ALL else value


def _said(text: str) -> str:
    return Markup('<div class="xw xw-sentence">{}</div>').format(text)


def _range(name: str, high: float) -> ipywidgets.FloatRangeSlider:
    return ipywidgets.FloatRangeSlider(
        value=(0.0, high), min=0.0, max=high, step=0.01, description=name, readout_format=".0%",
        continuous_update=False, layout={"width": "20em"},
    )  # fmt: skip


def _require_same(found: Explanations, study: Study) -> None:
    """Refuse a study whose unseen pictures are not those that were explained."""
    if found.manifest["pictures"] != described(study.test):
        raise XaiWidgetsError(
            f"{found.folder} has explanations of other pictures than the unseen ones of {study.name}; leave study= out"
        )

"""SummaryBrowser: the parts of its pictures that a classifier uses for a class, again and again."""

from __future__ import annotations

import html
import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import ipywidgets

from xai_widgets.errors import NotFittedError
from xai_widgets.methods.summaries.compare import Comparison
from xai_widgets.methods.summaries.scene import VIEWS, Goal, Networks, Step, compared, members
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.names import find_class
from xai_widgets.progress import Progress
from xai_widgets.show.gallery import Gallery
from xai_widgets.show.images import SMALL
from xai_widgets.study import Study
from xai_widgets.widgets.frame.app import App, Focus
from xai_widgets.widgets.frame.task import TaskState
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.summaries.controls import SummaryControls
from xai_widgets.widgets.summaries.lines import Cell, Line, lines, summary_at
from xai_widgets.widgets.summaries.measures import meanings
from xai_widgets.widgets.summaries.page import summaries_page
from xai_widgets.widgets.summaries.tiles import (
    member_cards,
    member_line,
    member_tiles,
    members_line,
    summary_cards,
    waiting_cards,
)
from xai_widgets.widgets.summaries.words import numbers_line, sentence
from xai_widgets.widgets.views.bars import PredictionBars
from xai_widgets.widgets.views.cards import Card, Cards
from xai_widgets.widgets.views.elements import PictureGrid


class SummaryBrowser(App):
    """The summaries of a class as rows; the members of the chosen row; and the chosen member in detail.

    A class that was not looked at yet is looked at in the background: at a few pictures first, then at all.

    Parameters
    ----------
    source
        A `VisualSummaries`, or a study: then its own is used, or a new one is made.
    other
        The same of another network, to be shown side by side.
    class_index
        The class to begin with, by number or name.

    Attributes
    ----------
    summaries
        The explainer; what is found and named in the widget is found and named there, and can be saved from there.
    shown
        What is on display of each network, or None where there is nothing.
    comparison
        Which summaries both networks have, or None.

    Examples
    --------
    >>> xw.SummaryBrowser(xw.demo())  # doctest: +SKIP
    """

    follows: ClassVar[Mapping[str, str]] = {"class_index": "class"}

    def __init__(
        self, source: Study | VisualSummaries, *, other: Study | VisualSummaries | None = None,
        class_index: int | str = 0,
    ) -> None:  # fmt: skip
        self.summaries = _explainer(source)
        self.study = self.summaries.study
        self.networks = Networks(self.summaries, None if other is None else _explainer(other))
        self.shown: list[ClassSummaries | None] = [None] * len(self.networks)
        self.comparison: Comparison | None = None
        self._incomparable = ""
        self._rows_of: list[Line] = []
        self._cell: Cell | None = None
        self._wish: Cell | None = None
        # Controls call from the kernel's threads, results come from another.
        self._lock = threading.RLock()
        names = self.study.class_names
        self.controls = SummaryControls(names, find_class(names, class_index))
        title = f"Summaries: {' beside '.join(self.networks.names)}"
        super().__init__(title, controls=self.controls.row, content=self._make_views())
        self._bind()
        self._refresh()

    # --- how it is built ---------------------------------------------------------------------------------------

    def _make_views(self) -> list[ipywidgets.Widget]:
        pixelated, both = max(self.study.shape[1:]) < SMALL, len(self.networks) > 1
        self.rows = Cards(tile=112 if both else 128, pixelated=pixelated, across=len(self.networks), label="Summaries")
        self.rows.headings = self.networks.names if both else []
        self.members = Cards(tile=96, pixelated=pixelated, across=0, label="Members")
        self.detail = PictureGrid(tile=128, pixelated=pixelated, selected=-1)
        self.bars = PredictionBars()
        self._members_line, self._detail_line = ipywidgets.HTML(), ipywidgets.HTML()
        for view, most in ((self.rows, _ROWS_HIGH[both]), (self.members, _MEMBERS_HIGH)):
            view.layout.max_height, view.layout.overflow = most, "auto"
        below = ipywidgets.HBox([self.detail, self.bars.widget], layout=_SIDE_BY_SIDE)
        meaning = ipywidgets.HTML(meanings())
        above = ipywidgets.HBox([self.controls.name, self._members_line], layout=_ONE_LINE)
        chosen = [above, self.members, self._detail_line, below]
        self._chosen = ipywidgets.VBox(chosen, layout={"grid_gap": "10px"})
        return [self.rows, meaning, self._chosen]

    def _bind(self) -> None:
        controls = self.controls
        for name, owner, attribute in (
            ("class", controls.classes, "value"),
            ("errors", controls.errors, "value"),
            ("sort", controls.sort, "value"),
            ("least", controls.least, "value"),
            ("unsound", controls.unsound, "value"),
            ("row", self, "row"),
            ("member", self.members, "selected"),
        ):
            self.state.bind(name, owner, attribute)
        for control in (controls.classes, controls.errors):
            control.observe(self.guarded(lambda _: self._change_class()), "value")
        for control in (controls.sort, controls.least, controls.unsound):
            control.observe(self.guarded(lambda _: self._show_rows()), "value")
        controls.name.observe(self.guarded(lambda _: self._rename()), "value")
        controls.find.on_click(self.guarded(lambda _: self._refresh()))
        self.rows.observe(self.guarded(lambda _: self._take_row()), "selected")
        self.members.observe(self.guarded(lambda _: self._show_detail()), "selected")

    # --- what is chosen ----------------------------------------------------------------------------------------

    @property
    def focus(self) -> Focus:
        """The class."""
        return Focus(class_index=self.controls.classes.value)

    @property
    def shared_controls(self) -> list[ipywidgets.Widget]:
        """What a `Workbench` has at its top, too."""
        return [self.controls.classes]

    @property
    def row(self) -> list[int] | None:
        """The chosen summary, by its network (0 or 1) and place in `ClassSummaries.summaries`; None if there is none.

        Set it to choose another one; if it is not there yet, it is chosen once it is.
        """
        return None if self._cell is None else list(self._cell)

    @row.setter
    def row(self, row: Sequence[int] | None) -> None:
        with self._lock:
            self._wish = None if row is None else Cell(*row)
            self._show_rows()

    def _change_class(self) -> None:
        with self._lock:
            self._cell = self._wish = None
            self.members.selected = 0
            self._refresh()

    def _take_row(self) -> None:
        with self._lock:
            cells = [cell for line in self._rows_of for cell in line.cells]
            chosen = cells[self.rows.selected] if 0 <= self.rows.selected < len(cells) else None
            if chosen is not None and chosen != self._cell:
                self._cell = self._wish = chosen
                self._show_members(first=True)

    def _rename(self) -> None:
        """Name the chosen summary, in the artifact too."""
        with self._lock:
            found, cell = self._found(), self._cell
            if found is None or cell is None or self.controls.name.value.strip() == found.summaries[cell.summary].name:
                return
            own = self.networks.own(cell.network, self.controls.goal)
            each = self.networks.each[cell.network].summaries
            if own is not None and own in each.found:
                name = self.controls.name.value
                self.shown[cell.network] = each.rename(own.class_index, cell.summary, name, errors=own.errors)
                self.keep(each)
            self._show_rows()

    def _found(self) -> ClassSummaries | None:
        """What the chosen row is of."""
        return None if self._cell is None else self.shown[self._cell.network]

    # --- finding -----------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Show what is known of the chosen class, and look for the rest."""
        with self._lock:
            self._show()
            self._search()

    def _search(self) -> None:
        goal = self.controls.goal
        step = self.networks.next_step(goal)
        if step is None:
            # Perhaps another class is being looked at, which nobody waits for any more.
            self.cancel()
            return

        def work(progress: Progress) -> None:
            self.networks.search(step, goal, progress)
            self.keep(self.networks.each[step.network].summaries)

        self.run(work, lambda _: self._arrived(goal), self._task_name(step))

    def _task_name(self, step: Step) -> str:
        where = f" in {self.networks.each[step.network].name}" if len(self.networks) > 1 else ""
        return f"{'First look' if step.early else 'All pictures'}{where}"

    def _arrived(self, goal: Goal) -> None:
        """Show what one search has brought, and go on with the next."""
        with self._lock:
            if goal != self.controls.goal:
                return
            self._show()
            if self.networks.next_step(goal) is not None:
                self._search()

    def _on_state(self, state: TaskState) -> None:
        super()._on_state(state)
        with self._lock:
            self._offer_search(running=state == "running")

    def _offer_search(self, *, running: bool) -> None:
        left = self.networks.next_step(self.controls.goal) is not None
        begun = any(found is not None for found in self.shown)
        self.controls.offer_search(left=left and not running, begun=begun)
        self._write_lines(left=left, running=running)

    # --- what is shown -----------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Bring everything in line with what is known of the chosen class."""
        self.shown = self.networks.founds(self.controls.goal)
        self.comparison, self._incomparable = compared(self.shown)
        self._cell = None
        self._show_rows()
        # What is left is looked for at once.
        self._offer_search(running=True)

    def _write_lines(self, *, left: bool, running: bool) -> None:
        goal = self.controls.goal
        title, why = self.networks.title(goal), self.networks.reasons(goal)
        both = self._incomparable or (self.comparison.verdict() if self.comparison is not None else "")
        self.sentence = sentence(title, self.shown, why, both, left=left, running=running)
        self.numbers = numbers_line(self.shown, self.networks.names)

    def _show_rows(self) -> None:
        """Show the summaries that are let through; the chosen one stays chosen, if it is one of them."""
        with self._lock:
            filtered = self.controls.filter
            self._rows_of = lines(self.shown, self.comparison, filtered)
            cells = [cell for line in self._rows_of for cell in line.cells]
            there = [cell for cell in cells if cell is not None]
            self._cell = self._wish if self._wish in there else next(iter(there), None)
            names, nothing = self.networks.names, self.networks.reasons(self.controls.goal)
            with self.rows.hold_sync():
                self.rows.cards = self._waiting() or summary_cards(
                    self.shown, self._rows_of, filtered.measure, names, nothing
                )
                self.rows.selected = -1 if self._cell is None else cells.index(self._cell)
            self._show_members()

    def _waiting(self) -> list[Card]:
        """Grey cards while nothing is there that may come."""
        left = self.networks.next_step(self.controls.goal) is not None
        return waiting_cards(len(self.networks)) if left and not any(self.shown) else []

    def _show_members(self, *, first: bool = False) -> None:
        """Show all members of the chosen summary, and choose the first one, or leave the choice as it is."""
        found, cell = self._found(), self._cell
        self._show_name()
        with self._chosen.layout.hold_sync():
            for name, value in _HIDDEN.items():
                setattr(self._chosen.layout, name, value if cell is None else None)
        if found is None or cell is None:
            self._members_line.value, self.members.cards = "", []
        else:
            self._members_line.value = _line(members_line(found, cell.summary))
            with self.members.hold_sync():
                self.members.cards = member_cards(found, cell.summary)
                self.members.selected = 0 if first else min(max(self.members.selected, 0), len(self.members.cards) - 1)
        self._show_detail()

    def _show_name(self) -> None:
        """Show the name of the chosen summary; those of a first look are not kept, and so not named."""
        cell, own = self._cell, None
        if cell is not None:
            own = self.networks.own(cell.network, self.controls.goal)
        kept = cell is not None and own in self.networks.each[cell.network].summaries.found
        self.controls.show_name(summary_at(self.shown, cell).name if kept and cell is not None else None)

    def _show_detail(self) -> None:
        """Show the chosen member with and without what the classifier rests on."""
        with self._lock:
            found, cell = self._found(), self._cell
            if found is None or cell is None:
                self._detail_line.value, self.detail.rows = "", []
                self.bars.clear()
                return
            regions = found.summaries[cell.summary].members
            region = regions[min(max(self.members.selected, 0), len(regions) - 1)]
            study = self.networks.each[cell.network].summaries.study
            (member,) = members(found, study, [region])
            self._detail_line.value = _line(member_line(member))
            self.detail.columns = list(VIEWS)
            self.detail.rows = [{"label": "", "tiles": member_tiles(member)}]
            scores = {name: score for name, score in member.predictions.items() if name != "region removed"}
            self.bars.show(scores, study.class_names, "the chosen member")

    # --- taking it away ----------------------------------------------------------------------------------------

    def figure(self) -> Any:
        """The sound summaries as a matplotlib figure; of two networks, those of the chosen row's."""
        return self._required().figure()

    def gallery(self, index: int | None = None) -> Gallery:
        """The exemplars, or all members of one summary, as a static gallery, which survives in a saved notebook."""
        return self._required().gallery(index)

    def _required(self) -> ClassSummaries:
        found = self._found() or next((one for one in self.shown if one is not None), None)
        if found is None:
            raise NotFittedError(f"there is nothing to show: {self.sentence}")
        return found

    def make_page(self, progress: Progress) -> Page:
        """Render all classes that were looked at."""
        goal = [Goal(*key) for key in sorted(self.summaries.found)]
        if not goal:
            self._required()
            goal = [self.controls.goal]
        given = (self.title, self.networks, goal, self.controls.goal, self.rows.page_state())
        return summaries_page(*given, progress=progress)

    def close(self) -> None:
        """Stop a search that is running and close every widget inside."""
        super().close()
        self.task.wait()
        self.bars.close()


# --- pieces --------------------------------------------------------------------------------------------------------

_SIDE_BY_SIDE = {"flex_flow": "row wrap", "grid_gap": "12px 32px", "align_items": "flex-start"}
# Not "display: none", which bqplot takes for a size of zero.
_HIDDEN = {"visibility": "hidden", "height": "0px", "overflow": "hidden"}
_ONE_LINE = {"flex_flow": "row wrap", "grid_gap": "4px 20px", "align_items": "center"}
# Of three rows, or of two with words below, and of two lines of members: what is chosen there must stay in sight.
_ROWS_HIGH, _MEMBERS_HIGH = ("520px", "650px"), "330px"


def _explainer(source: Study | VisualSummaries) -> VisualSummaries:
    if isinstance(source, VisualSummaries):
        return source
    found: VisualSummaries = source.explainers.get("summaries") or VisualSummaries(source)
    return found


def _line(text: str) -> str:
    return f'<div class="xw xw-sentence">{html.escape(text)}</div>'

"""SummaryBrowser: the parts of its pictures that a classifier relies on for a class."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Self

import ipywidgets

from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.methods.summaries.scene import Goal, Networks, Step, beside, prepared
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.names import Target, find_class
from xai_widgets.progress import Progress
from xai_widgets.scores.hiding import Marks
from xai_widgets.show.images import SMALL
from xai_widgets.study import Study
from xai_widgets.widgets.frame.difference import Search
from xai_widgets.widgets.frame.explorer import Explorer
from xai_widgets.widgets.frame.fitting import explainer_of
from xai_widgets.widgets.frame.selection import Selection
from xai_widgets.widgets.frame.task import TaskState
from xai_widgets.widgets.pages.draft import Draft
from xai_widgets.widgets.summaries.chosen import ChosenSummary
from xai_widgets.widgets.summaries.controls import SummaryControls
from xai_widgets.widgets.summaries.difference import of_groups
from xai_widgets.widgets.summaries.lines import Cell, Line, lines
from xai_widgets.widgets.summaries.measures import meanings
from xai_widgets.widgets.summaries.page import summaries_draft
from xai_widgets.widgets.summaries.tiles import summary_cards, waiting_cards
from xai_widgets.widgets.summaries.words import judged, marks, numbers_line, only, sentence
from xai_widgets.widgets.views.cards import Cards
from xai_widgets.widgets.views.elements import Tile

if TYPE_CHECKING:
    from xai_widgets.show.gallery import Gallery


class SummaryBrowser(Explorer):
    """The summaries of a class as rows; the members of the chosen row; and the chosen member in detail.

    A class without summaries is searched in the background: a few pictures first, then all of them.

    Parameters
    ----------
    source
        A `VisualSummaries`, or a study: then its own is used, or a new one is made.
    other
        The same of another network, to be shown side by side.
    target
        The class to begin with, by number or name.
    selection
        What is looked at, if it is shared with other widgets.

    Attributes
    ----------
    scene
        Everything that is known of the chosen class.

    Examples
    --------
    >>> xw.SummaryBrowser(xw.demo())  # doctest: +SKIP
    """

    key = "summaries"
    label = "Summaries"
    question = "Which parts does the classifier rely on for this class?"
    reading = (
        "Each card is a kind of region that recurs in pictures of the class and that the classifier needs. It is about "
        "the class as a whole, not about the chosen picture."
    )
    follows = ("target",)
    #: Summaries that were found in the pictures of another study, to be compared.
    lent: VisualSummaries | None = None

    def __init__(
        self,
        source: Study | VisualSummaries,
        *,
        other: Study | VisualSummaries | None = None,
        target: Target = 0,
        selection: Selection | None = None,
    ) -> None:
        self._other, self._begin_with = other, target
        self._lines_shown: list[Line] = []
        self._cell: Cell | None = None
        self._goal_cell: Cell | None = None
        super().__init__(source, selection=selection)

    # --- what it is made of ------------------------------------------------------------------------------------

    def _check(self) -> None:
        self._first_class = find_class(self.study.class_names, self._begin_with)
        other = explainer_of(self._other, self.key) if isinstance(self._other, Study) else self._other
        self.networks = Networks(self.explainer, other)  # type: ignore[arg-type]  # of the same key
        self.scene = self.networks.scene(Goal(self._first_class, errors=False))

    def _heading(self) -> str:
        return f"Summaries: {' beside '.join(self.networks.names)}"

    def _make_controls(self) -> list[ipywidgets.Widget]:
        self.controls = SummaryControls(self.study.class_names, self._first_class)
        return self.controls.row

    def _make_views(self) -> list[ipywidgets.Widget]:
        pixelated, both = max(self.study.shape[1:]) < SMALL, len(self.networks) > 1
        self.rows = Cards(tile=112 if both else 128, pixelated=pixelated, across=len(self.networks), label="Summaries")
        self.rows.headings = self.networks.names if both else []
        self.rows.layout.max_height, self.rows.layout.overflow = _HIGH[both], "auto"
        self.chosen = ChosenSummary(self.controls.name, pixelated=pixelated)
        return [self.rows]

    def _make_more(self) -> list[ipywidgets.Widget]:
        return [ipywidgets.HTML(meanings()), self.chosen.widget]

    def _bind(self) -> None:
        controls = self.controls
        self.shared_controls = [controls.classes]
        choices = {"errors": controls.errors, "sort": controls.sort, "least": controls.least}
        self.bind("target", controls.classes)
        for name, control in (choices | {"rejected": controls.rejected}).items():
            self.bind(name, control)
        self.bind("row", self, "row")
        self.bind("member", self.chosen.members, "selected")
        for control in (controls.classes, controls.errors):
            control.observe(self.locked(self._change_goal), "value")
        for control in (controls.sort, controls.least, controls.rejected):
            control.observe(self.locked(self._show_rows), "value")
        controls.name.observe(self.locked(self._rename), "value")
        controls.find.on_click(self.locked(self._refresh))
        self.rows.observe(self.locked(self._take_row), "selected")
        self.chosen.members.observe(self.locked(self._show_detail), "selected")

    # --- what is chosen ----------------------------------------------------------------------------------------

    @property
    def target(self) -> int:
        """The class, by number; set it by number or name to choose another one."""
        target: int = self.controls.classes.value
        return target

    @target.setter
    def target(self, target: Target) -> None:
        self.controls.classes.value = find_class(self.study.class_names, target)

    @property
    def row(self) -> list[int] | None:
        """The chosen summary, by its network (0 or 1) and index in `ClassSummaries.summaries`; None if there is none.

        Set it to choose another one; one that is not found yet is chosen once it is.
        """
        return None if self._cell is None else list(self._cell)

    @row.setter
    def row(self, row: Sequence[int] | None) -> None:
        with self.lock:
            self._goal_cell = None if row is None else Cell(*row)
            self._show_rows()

    def _change_goal(self) -> None:
        self._cell = self._goal_cell = None
        self.chosen.members.selected = 0
        self._refresh()

    def _take_row(self) -> None:
        cells = self._cells()
        chosen = cells[self.rows.selected] if 0 <= self.rows.selected < len(cells) else None
        if chosen is not None and chosen != self._cell:
            self._cell = self._goal_cell = chosen
            self._show_members(first=True)

    def _cells(self) -> list[Cell | None]:
        return [cell for line in self._lines_shown for cell in line.cells]

    def _rename(self) -> None:
        """Name the chosen summary, in the explainer too."""
        cell, own, name = self._cell, self._kept_goal(), self.controls.name.value
        if cell is None or own is None or name.strip() == cell.of(self.scene).name:
            return
        summaries = self.networks.each[cell.network].summaries
        summaries.rename(own.class_index, cell.summary, name, errors=own.errors)
        self.keep(summaries)
        self.scene = self.networks.scene(self.controls.goal)
        self._show_rows()

    def _kept_goal(self) -> Goal | None:
        """The goal of the chosen row's network, if its summaries are kept; a first look is not."""
        cell = self._cell
        own = None if cell is None else self.networks.own(cell.network, self.controls.goal)
        return own if cell is not None and own in self.networks.each[cell.network].summaries.found else None

    # --- searching ---------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Show what is known of the chosen class, and search for the rest."""
        with self.lock:
            self._show()
            self._search()

    def _search(self) -> None:
        goal = self.controls.goal
        step = self.networks.next_step(goal)
        if step is None:
            # A search for another class may be running, which nobody waits for any more.
            self.cancel()
            return

        def work(progress: Progress) -> None:
            self.networks.search(step, goal, progress)
            summaries = self.networks.each[step.network].summaries
            if summaries.fitted:
                self.keep(summaries)

        self.run(work, lambda _: self._arrived(goal), self._task_name(step))

    def _task_name(self, step: Step) -> str:
        where = f" in {self.networks.names[step.network]}" if len(self.networks) > 1 else ""
        return f"{'First look' if step.early else 'All pictures'}{where}"

    def _arrived(self, goal: Goal) -> None:
        """Show the result of one search, and go on with the next."""
        with self.lock:
            if goal != self.controls.goal:
                return
            self._show()
            if self.networks.next_step(goal) is not None:
                self._search()

    def _on_state(self, state: TaskState) -> None:
        super()._on_state(state)
        with self.lock:
            self._offer_search(running=state == "running")

    def _offer_search(self, *, running: bool) -> None:
        goal = self.controls.goal
        left = self.networks.next_step(goal) is not None
        self.controls.offer_search(left=left and not running, begun=bool(self.scene.known))
        self.sentence = sentence(self.scene, left=left, running=running)
        self.judge(judged(self.scene), numbers_line(self.scene), only(self.scene))

    def _marks(self, shown: ClassSummaries) -> Marks:
        return marks(shown)

    # --- what is shown -----------------------------------------------------------------------------------------

    @property
    def explanation(self) -> ClassSummaries | None:
        """The summaries on display, or None; of two networks, those that the chosen row is one of."""
        known = self.scene.known if self._cell is None else [self._cell.found(self.scene)]
        return next(iter(known), None)

    def _show(self) -> None:
        """Show what is known of the chosen class."""
        self.scene = self.networks.scene(self.controls.goal)
        self._cell = None
        self._show_rows()
        # The search for the rest begins at once.
        self._offer_search(running=True)

    def _show_rows(self) -> None:
        """Show the summaries that pass the filter; the chosen one stays chosen, if it is one of them."""
        goal, filtered = self.controls.goal, self.controls.filter
        self._lines_shown = lines(self.scene, filtered)
        cells = self._cells()
        there = [cell for cell in cells if cell is not None]
        self._cell = self._goal_cell if self._goal_cell in there else next(iter(there), None)
        waiting = not self.scene.known and self.networks.next_step(goal) is not None
        cards = waiting_cards(len(self.networks)) if waiting else None
        with self.rows.hold_sync():
            self.rows.cards = cards or summary_cards(self.scene, self._lines_shown, filtered.measure)
            self.rows.selected = -1 if self._cell is None else cells.index(self._cell)
        self._show_members()

    def _show_members(self, *, first: bool = False) -> None:
        """Show all members of the chosen summary, and choose the first one, or leave the choice as it is."""
        cell, kept = self._cell, self._kept_goal() is not None
        self.controls.show_name(cell.of(self.scene).name if cell is not None and kept else None)
        if cell is None:
            self.chosen.clear()
            return
        self.chosen.show(cell.found(self.scene), cell.summary, first=first)
        self._show_detail()

    def _show_detail(self) -> None:
        cell = self._cell
        if cell is not None:
            self.chosen.show_detail(cell.found(self.scene), cell.summary, self.networks.study(cell.network))

    def thumbnails(self) -> list[Tile]:
        """The exemplar of each summary."""
        return [card["tiles"][0] for card in self.rows.cards if card.get("tiles")]

    # --- taking it away ----------------------------------------------------------------------------------------

    def gallery(self, index: int | None = None) -> Gallery:
        """The exemplars, or all members of one summary, as a static gallery, which survives in a saved notebook."""
        gallery: Gallery = self._required().gallery(index)
        return gallery

    def draft(self) -> Draft:
        """A page of all classes that were searched."""
        goals = [Goal(*key) for key in sorted(self.explainer.found)]
        if not goals:
            self._required()
            goals = [self.controls.goal]
        return summaries_draft(self.title, self.networks, goals, self.controls.goal, self.rows.page_state())

    @classmethod
    def beside(cls, study: Study, other: Study | None = None, *, selection: Selection | None = None) -> list[Self]:
        """One browser, of one study or of two side by side in the same pictures."""
        if other is None:
            return [cls(study, selection=selection)]
        first = beside(study, other)
        made = cls(first, other=other, selection=selection)
        made.lent = None if first is study.explainers.get(cls.key) else first
        return [made]

    def keep(self, explainer: Explainer) -> None:
        """As of all explorers; but what was found in the pictures of another study is no answer to keep."""
        if explainer is not self.lent:
            super().keep(explainer)

    def difference(self, other: Explorer, names: Sequence[str]) -> tuple[Hashable, Search]:  # noqa: ARG002 - has both
        """How to find the summary with the most evidence that only one of both has."""
        return of_groups(self.scene, names)

    @classmethod
    def prepared(cls, studies: Sequence[Study], *, seed: int = 0, progress: Progress) -> list[Self]:
        """One browser, with summaries of the first classes; those of two studies are of the same pictures."""
        first, *others = prepared(studies, seed, progress)
        return [cls(first, other=next(iter(others), None)).settled(progress)]


# --- pieces --------------------------------------------------------------------------------------------------------

# Three rows, or two with text below: what is chosen there must stay in sight.
_HIGH = "430px", "430px"

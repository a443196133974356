"""Workbench: one picture, one layer, one class, and a view of each method that follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from xai_widgets.names import closest
from xai_widgets.pool import EVERYTHING, invite
from xai_widgets.progress import Progress
from xai_widgets.show.images import SMALL
from xai_widgets.study import Study
from xai_widgets.widgets.frame.app import App
from xai_widgets.widgets.frame.beside import Beside
from xai_widgets.widgets.frame.difference import Difference
from xai_widgets.widgets.frame.explorer import Explorer
from xai_widgets.widgets.frame.selection import Selection
from xai_widgets.widgets.frame.threads import Quiet
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.views.add_picture import AddPicture
from xai_widgets.widgets.views.class_chooser import PREDICTED, ClassChooser
from xai_widgets.widgets.views.elements import Tabs
from xai_widgets.widgets.views.layer_picker import LayerPicker
from xai_widgets.widgets.views.picture_strip import PictureStrip
from xai_widgets.widgets.views.tools import classed, close_all
from xai_widgets.widgets.workbench.catalogue import VIEWS, first_layer, first_view
from xai_widgets.widgets.workbench.difference import DifferenceLine
from xai_widgets.widgets.workbench.experiment import ExperimentRow
from xai_widgets.widgets.workbench.from_map import picture_from_map
from xai_widgets.widgets.workbench.keep_page import KeepPage
from xai_widgets.widgets.workbench.own_picture import own_picture
from xai_widgets.widgets.workbench.page import workbench_page
from xai_widgets.widgets.workbench.predicted import Predictions, joint_name, short_names
from xai_widgets.widgets.workbench.same_pictures import on_the_same_pictures
from xai_widgets.widgets.workbench.saved import Saved
from xai_widgets.widgets.workbench.words import asked, described

FOLLOWED = ["picture", "layer", "target"]
"""What is chosen at the top and in the views alike."""


class Workbench(App):
    """A picture, a layer and a class are chosen at the top; the open view follows.

    A view is made when it is first opened. What is not fitted yet shows a button that fits it.

    Parameters
    ----------
    study
        The classifier and its pictures.
    other
        A second study, to be compared with it: on the second one's pictures, where these are others and both studies
        can answer them. One answer is above the other, and one set of controls acts on both.
    view
        The view to begin with, by the key of its method: "cladec", "summaries", "srae", "inversion" or "cae".
        Default: the first one; for photos without a fitted layer "inversion", which answers without a fit.

    Attributes
    ----------
    selection
        What all views look at; its class is never left open.
    studies
        The studies as they are looked at; the first one may be a copy with the pictures of the second.
    apps
        The explorers that were opened so far, by view: one for each study.

    Raises
    ------
    XaiWidgetsError
        If there is no such view.

    Examples
    --------
    >>> xw.Workbench(xw.demo())  # doctest: +SKIP
    >>> xw.Workbench(xw.demo(), xw.demo(cheat=True), view="srae")  # doctest: +SKIP
    """

    def __init__(self, study: Study, other: Study | None = None, *, view: str | None = None) -> None:
        first = list(VIEWS).index(first_view(study) if view is None else closest(view, VIEWS, "view"))
        self.study, self.other = study, other
        self.studies = [study] if other is None else [on_the_same_pictures(study, other), other]
        self.selection = Selection()
        self.apps: dict[str, list[Explorer]] = {}
        self._pairs: dict[str, Beside] = {}
        self._saved = Saved(self)
        self._layer: str | None = None  # the one that somebody chose
        self._predictions = Predictions(self.studies)
        self._names = short_names([each.name for each in self.studies])
        self.quiet = Quiet()
        title = joint_name([each.name for each in self.studies])
        super().__init__(title, controls=self._make_controls(), content=self._make_views(first))
        self.widget.add_class("xw-workbench")
        if other is not None:
            self.widget.add_class("xw-beside")
        self._bind()
        self._show_pictures()
        self._open()

    # --- how it is built ---------------------------------------------------------------------------------------

    def _make_controls(self) -> list[ipywidgets.Widget]:
        pool = self.studies[0].pool
        self.classes = ClassChooser(self.study.class_names, pool.labels.tolist())
        pixelated = max(self.study.shape[1:]) < SMALL
        self.strip = PictureStrip(pool, pixelated=pixelated)
        self.strip.show.value = EVERYTHING
        self.large = ipywidgets.ToggleButton(description="Large type", layout={"width": "7em"})
        self.large.tooltip = "To be read from the last row of a classroom"
        self.add_picture = AddPicture()
        self.experiment = ExperimentRow(self.studies, self._predictions, self._go_to, pixelated=pixelated)
        self.keep_page = KeepPage()
        experiment = [self.experiment.toggle] if self.experiment.possible else []
        return [self.strip.show, self.classes.widget, *experiment, self.large, self.keep_page]

    def _make_views(self, first: int) -> list[ipywidgets.Widget]:
        self.layers = LayerPicker(self.study, first_layer(self.study))
        self.layers.widget.add_class("xw-network")
        labels = [(each.label, each.question) for each in VIEWS.values()]
        self.tabs = Tabs(labels=labels, selected=first, about="Views")
        self._asked, self._described = ipywidgets.HTML(), ipywidgets.HTML()
        self._shown = classed(ipywidgets.VBox(), "xw-shown")
        tabs = classed(ipywidgets.HBox([self.tabs, self._described]), "xw-tabs-line")
        pictures = classed(ipywidgets.HBox([self.strip.cards, self.add_picture]), "xw-pictures")
        self.difference = DifferenceLine(self._names, self._see, self.show_error)
        above = [pictures, self.experiment.widget, tabs, self._asked, self.difference.widget]
        return [*above, self.layers.widget, self._shown]

    def _frame(
        self,
        controls: Sequence[ipywidgets.Widget],
        content: Sequence[ipywidgets.Widget],
        more: Sequence[ipywidgets.Widget],
    ) -> list[ipywidgets.Widget]:
        head = classed(ipywidgets.HBox([self._heading_line(), *controls]), "xw-head-line")
        # Long work is that of the views, which show it themselves; but for pages.
        return [*self._unseen, self._progress.widget, head, *content[:-1], self._lines["error"], content[-1], *more]

    def _bind(self) -> None:
        self.bind("views", self._saved, "views")
        self.bind("large", self.large)
        self.bind("class", self.classes)
        self.bind("show", self.strip.show)
        self.bind("layer", self.layers)
        self.bind("view", self, "view")
        self.bind("picture", self._saved, "picture")  # the last one, so that its message stays
        self.tabs.observe(self._by_hand(self._open), "selected")
        self.classes.observe(self._by_hand(self._choose), "value")
        self.layers.on_change(self._by_hand(self._choose_layer))
        self.strip.cards.observe(self._by_hand(self._take_picture), "selected")
        self.strip.show.observe(self._by_hand(self._first_picture), "value")
        self.add_picture.on_file(lambda name, content: self._by_hand(lambda: self._add(name, content))())
        self.experiment.bind(self._by_hand)
        self.keep_page.on_click(self._by_hand(self._save_page))
        self.difference.button.on_click(self._by_hand(self.difference.go_there))
        self.large.observe(self._by_hand(self._size), "value")
        self.selection.observe(self._heard, names=FOLLOWED)

    def _by_hand(self, callback: Callable[[], object]) -> Callable[..., None]:
        """Wrap a callback of a control, which waits while another thread of the kernel shows what was chosen before."""
        held = self.locked(callback)

        def heard(*_: object) -> None:
            if not self.quiet:
                held()

        return heard

    # --- what is chosen ----------------------------------------------------------------------------------------

    @property
    def view(self) -> str:
        """Key of the open view; set it to open another one."""
        return list(VIEWS)[self.tabs.selected]

    @view.setter
    def view(self, key: str) -> None:
        self.tabs.selected = list(VIEWS).index(closest(key, VIEWS, "view"))

    @property
    def picture(self) -> int | None:
        """The chosen picture, as an index in ``study.test``; set it to choose another one of those in the strip."""
        return self.strip.picture

    @picture.setter
    def picture(self, picture: int | None) -> None:
        with self.quiet:
            self.strip.choose(picture, self._target())
            self.strip.refresh(self._target())
        self._choose()

    def _target(self) -> int:
        """The chosen class, or the one that the classifier predicts for the chosen picture."""
        if self.classes.value != PREDICTED or self.picture is None:
            return max(int(self.classes.value), 0)
        return self._predictions.of(self.picture)[0]

    def _go_to(self, picture: int) -> None:
        self.picture = picture

    def _see(self, found: Difference) -> None:
        """Go where two studies differ most."""
        self.apps[self.view][0].state = found.state
        if found.picture is not None:
            predicted = self._predictions.of(found.picture)[0]
            if found.target is not None and not self.classes.disabled:
                with self.quiet:
                    self.classes.value = PREDICTED if found.target == predicted else found.target
            self._go_to(found.picture)

    def _add(self, name: str, content: bytes | None) -> None:
        """Take your own picture, and choose it."""
        self._go_to(invite([study.pool for study in self.studies], own_picture(self.study, name, content)))

    def _choose_layer(self) -> None:
        self._layer = self.layers.value
        self._choose()

    def _layer_of(self, key: str) -> str | None:
        """The layer that a view follows; None for one that begins with all layers, while nobody has chosen one."""
        return self._layer if VIEWS[key].shows_layers else self.layers.value

    def _take_picture(self) -> None:
        if self.strip.take():
            self._choose()

    def _first_picture(self) -> None:
        with self.quiet:
            self.strip.rewind()
        self._show_pictures()

    def _show_pictures(self) -> None:
        with self.quiet:
            self.strip.refresh(self._target())
        self._choose()

    def _choose(self) -> None:
        """Let the open view look at what is chosen at the top."""
        if self.quiet:
            return
        with self.quiet:
            chosen = {"layer": self._layer_of(self.view), "target": self._target(), "picture": self.picture}
            for name, value in chosen.items():
                setattr(self.selection, name, value)
        self._describe()

    def _heard(self, change: Any) -> None:
        """Show at the top what was chosen in the open view, and let everything else follow."""
        if self.quiet or (change["name"] == "target" and change["new"] is None):  # an overview of all classes
            return
        with self.quiet:
            if change["name"] == "layer":
                self._layer = change["new"]
                self.layers.value = self._layer or self.layers.value
            elif change["name"] == "target":
                self.classes.value = change["new"]
            elif change["name"] == "picture":
                picture = change["new"]
                if picture is None:
                    picture = picture_from_map(self.apps.get("cae", []), self.studies)
                self.strip.choose(picture, self._target())
            self.strip.refresh(self._target())
        self._choose()

    # --- what is shown -----------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Show the chosen view, and make it if it was never shown; views that are not open do nothing."""
        key = self.view
        self._make_missing(key)
        opened = self.apps[key]
        with self.quiet:
            for app in (app for apps in self.apps.values() for app in apps):
                app.selection = Selection()
            self.selection.layer = self._layer_of(key)
            for app in opened:
                app.selection = self.selection
        self._shown.children = [self._pairs.get(key, opened[0]).widget]
        self._choose()

    def _make_missing(self, *keys: str) -> None:
        """Make the views that were not opened yet."""
        for key in keys:
            if key not in self.apps:
                self.apps[key] = self._make(key)

    def _make(self, key: str) -> list[Explorer]:
        chosen = Selection(**{**self.selection.trait_values(), "layer": self._layer_of(key)})
        apps = VIEWS[key].beside(*self.studies, selection=chosen)
        for app in apps:
            for control in app.shared_controls:
                control.layout.display = "none"
            app.watch(self._show_status)
        self._saved.restore(key, apps)
        if len(apps) > 1:
            self._pairs[key] = Beside(self._names, apps)
        return list(apps)

    def _show_status(self) -> None:
        """Show of each layer whether it is fitted for the open view, and where two studies differ most there."""
        apps = self.apps.get(self.view, [])
        self.layers.status = next((app.layer_status for app in apps), {})
        if apps and self.other is not None:
            self.difference.look_at(apps)

    def _describe(self) -> None:
        """Say what the open view answers, what one is looking at, and what the view cannot follow."""
        view = VIEWS[self.view]
        self.experiment.look_at(self.picture)
        self.sentence = self._predictions.sentence(self.picture)
        self._described.value = described(self.sentence)
        self._asked.value = asked(view, self.apps.get(self.view, []), self.study.remarks)
        # What the open view does not look at, or shows itself, is not there, or cannot be set.
        self.layers.widget.layout.display = None if "layer" in view.follows and not view.shows_layers else "none"
        self.classes.disabled = "target" not in view.follows
        self._show_status()

    def _size(self) -> None:
        """Large type, and pictures and charts that go with it."""
        (self.widget.add_class if self.large.value else self.widget.remove_class)("xw-large")

    # --- taking it away ----------------------------------------------------------------------------------------

    def make_page(self, progress: Progress) -> Page:
        """Prepare a page with all views in tabs; those that were not opened yet are made for it."""
        self._make_missing(*VIEWS)
        return workbench_page(self.title, self.studies, self.apps, progress=progress)

    def _save_page(self) -> None:
        """Write the page into the working folder, in the background."""
        self._make_missing(*VIEWS)
        self.keep_page.save(self)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing runs in the open view, and say whether that is so."""
        there = super().wait(timeout) and all(app.wait(timeout) for app in self.apps.get(self.view, []))
        return there and self.difference.task.wait(timeout)

    def close(self) -> None:
        """Close every widget inside, and stop what is running but fits, which go on."""
        for pair in self._pairs.values():
            pair.close()
        for app in [app for apps in self.apps.values() for app in apps]:
            app.close()
        self.selection.unobserve(self._heard, names=FOLLOWED)
        self.difference.close()
        self.layers.close()
        super().close()
        close_all(self.experiment.toggle)  # in no row where no experiment is possible

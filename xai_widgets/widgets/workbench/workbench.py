"""Workbench: one picture, one layer, one class, and five views that follow."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import ipywidgets

from xai_widgets.progress import Progress
from xai_widgets.show.images import SMALL
from xai_widgets.study import Study
from xai_widgets.widgets.frame.app import App, Focus
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.views.cards import Cards
from xai_widgets.widgets.views.elements import PictureGrid, Tabs
from xai_widgets.widgets.views.layer_picker import LayerPicker
from xai_widgets.widgets.views.picture_strip import PictureStrip
from xai_widgets.widgets.workbench.catalogue import VIEWS, first_layer, make_beside, view
from xai_widgets.widgets.workbench.page import workbench_page

SAID = -1
"""In place of a class: what the classifier says of the picture."""

LARGER = 1.5
"""Pictures grow by so much where type is large."""


class Workbench(App):
    """A picture, a layer and a class are chosen at the top; the view below follows, and so does every other one.

    A view is made when it is first opened. What is not fitted yet shows a button that fits it.

    Parameters
    ----------
    study
        The classifier and its pictures.
    other
        A second study, of the same pictures and classes, to be shown beside it.
    view
        The view to begin with: "cladec", "summaries", "concepts", "inversion" or "manifold".

    Attributes
    ----------
    apps
        The widgets that were opened so far, by the name of their view: one for each study.

    Raises
    ------
    XaiWidgetsError
        If there is no such view.

    Examples
    --------
    >>> xw.Workbench(xw.demo())  # doctest: +SKIP
    >>> xw.Workbench(xw.demo(), xw.demo(cheat=True), view="concepts")  # doctest: +SKIP
    """

    def __init__(self, study: Study, other: Study | None = None, *, view: str = "cladec") -> None:
        self.study, self.other = study, other
        self.apps: dict[str, list[App]] = {}
        self._kept: dict[str, list[Mapping[str, Any]]] = {}
        self._known: dict[App, Focus] = {}
        # Asked several times at each change; the answer of a large network takes a while.
        self._said: dict[int, int] = {}
        self._busy = False
        first = _place(view)
        names = " beside ".join(each.name for each in (study, other) if each is not None)
        super().__init__(f"Workbench: {names}", controls=self._make_controls(), content=self._make_views(first))
        self.widget.add_class("xw-workbench")
        if other is not None:
            self.widget.add_class("xw-beside")
        # Long work is that of the views, which show it themselves.
        self._progress.widget.layout.display = "none"
        self._bind()
        self.strip.refresh(0)
        self._open()

    # --- how it is built ---------------------------------------------------------------------------------------

    def _make_controls(self) -> list[ipywidgets.Widget]:
        names = [("what it says", SAID), *((name, k) for k, name in enumerate(self.study.class_names))]
        self.classes = ipywidgets.Dropdown(options=names, description="Class", layout={"width": "18em"})
        self.strip = PictureStrip(self.study.pool, pixelated=max(self.study.shape[1:]) < SMALL)
        self.strip.show.value = self.strip.show.options[-1]
        self.large = ipywidgets.ToggleButton(description="Large type", layout={"width": "8em"})
        self.large.tooltip = "To be read from the last row of a classroom"
        return [self.classes, self.strip.show, self.strip.page, self.large]

    def _make_views(self, first: int) -> list[ipywidgets.Widget]:
        self.layers = LayerPicker(self.study, first_layer(self.study))
        self.tabs = Tabs(labels=[(each.label, each.question) for each in VIEWS], selected=first, about="Views")
        self._reading = ipywidgets.HTML()
        self._shown = ipywidgets.HBox(layout=_SIDE_BY_SIDE)
        return [self.strip.cards, self.layers.widget, self.tabs, self._reading, self._shown]

    def _bind(self) -> None:
        for name, owner, attribute in (
            ("views", self, "kept"),
            ("large", self.large, "value"),
            ("class", self.classes, "value"),
            ("show", self.strip.show, "value"),
            ("page", self.strip.page, "value"),
            ("layer", self.layers, "value"),
            ("picture", self, "picture"),
            ("view", self, "view"),
        ):
            self.state.bind(name, owner, attribute)
        self.tabs.observe(self.guarded(lambda _: self._open()), "selected")
        self.classes.observe(self.guarded(lambda _: self._choose()), "value")
        self.layers.on_change(self.guarded(lambda _: self._choose()))
        self.strip.cards.observe(self.guarded(lambda _: self._take_picture()), "selected")
        self.strip.show.observe(self.guarded(lambda _: self._first_page()), "value")
        self.strip.page.observe(self.guarded(lambda _: self._turn_page()), "value")
        self.large.observe(self.guarded(lambda _: self._size()), "value")

    # --- what is chosen ----------------------------------------------------------------------------------------

    @property
    def view(self) -> str:
        """Name of the open view; set it to open another one."""
        return VIEWS[self.tabs.selected].name

    @view.setter
    def view(self, name: str) -> None:
        self.tabs.selected = _place(name)

    @property
    def picture(self) -> int | None:
        """The chosen picture, as a place in ``study.test``; set it to choose another one of those in the strip."""
        return self.strip.picture

    @picture.setter
    def picture(self, picture: int | None) -> None:
        with self._quiet():
            self.strip.choose(picture, self._class())
            self.strip.refresh(self._class())
        self._choose()

    @property
    def focus(self) -> Focus:
        """What every view looks at; the class is never left open."""
        return Focus(self.picture, self.layers.value, self._class())

    @property
    def kept(self) -> dict[str, list[Mapping[str, Any]]]:
        """What is chosen in each view that was opened; set it to choose the same, at once or when a view is opened."""
        return {**self._kept, **{name: [app.state.to_dict() for app in apps] for name, apps in self.apps.items()}}

    @kept.setter
    def kept(self, kept: Mapping[str, list[Mapping[str, Any]]]) -> None:
        for name in kept:
            view(name)
        self._kept = dict(kept)
        with self._quiet():
            for name, apps in self.apps.items():
                self._restore(name, apps)

    def _class(self) -> int:
        """The chosen class, or what the classifier says of the chosen picture."""
        place = self.strip.chosen
        if self.classes.value != SAID or place is None:
            return max(int(self.classes.value), 0)
        if place not in self._said:
            self._said[place] = int(self.study.predict(self.strip.pool.pictures[place][None]).argmax())
        return self._said[place]

    def _take_picture(self) -> None:
        if not self._busy and self.strip.take():
            self._choose()

    def _first_page(self) -> None:
        if not self._busy:
            with self._quiet():
                self.strip.rewind()
            self._turn_page()

    def _turn_page(self) -> None:
        if not self._busy:
            with self._quiet():
                self.strip.refresh(self._class())
            self._choose()

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """While something is shown, nobody has chosen it."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    # --- what is shown -----------------------------------------------------------------------------------------

    def _choose(self) -> None:
        """Let the open view look at what is chosen; the other ones do when they are opened."""
        if self._busy:
            return
        focus, problems = self.focus, []
        with self._quiet():
            for app in self.apps.get(self.view, []):
                problems += app.follow(focus)
                self._known[app] = app.focus
        self._say(focus, problems)
        self._show_status()

    def _show_status(self) -> None:
        """Say of each layer whether it is fitted for the open view."""
        self.layers.status = next((app.layer_status for app in self.apps.get(self.view, [])), {})

    def _open(self) -> None:
        """Show the chosen view, and make it if it was never shown."""
        name = self.view
        if name not in self.apps:
            self.apps[name] = self._make(name)
        self._shown.children = [app.widget for app in self.apps[name]]
        self._choose()

    def _make(self, name: str) -> list[App]:
        apps = make_beside(name, self.study, self.other)
        for app in apps:
            for control in app.shared_controls:
                control.layout.display = "none"
            app.widget.layout.flex = "1 1 0"
            app.state.on_change(partial(self._heard, app))
            app.watch(self._show_status)
            _enlarge(app.widget, LARGER if self.large.value else 1)
        with self._quiet():
            self._restore(name, apps)
        return apps

    def _restore(self, name: str, apps: list[App]) -> None:
        for app, values in zip(apps, self._kept.pop(name, []), strict=False):
            app.state.from_dict(values)

    def _heard(self, app: App) -> None:
        """Choose for all what was chosen in the open view."""
        if self._busy or app not in self.apps.get(self.view, []):
            return
        before, now = self._known.get(app, Focus()), app.focus
        self._known[app] = now
        changed = {name for name in app.follows if getattr(now, name) not in (None, getattr(before, name))}
        if not changed:
            return
        with self._quiet():
            if "layer" in changed:
                self.layers.value = now.layer or self.layers.value
            if "class_index" in changed:
                self.classes.value = now.class_index
            if "picture" in changed:
                self.strip.choose(now.picture, self._class())
            self.strip.refresh(self._class())
        self._choose()
        self.state.announce()

    def _say(self, focus: Focus, problems: list[str]) -> None:
        """Say in plain words what one is looking at."""
        chosen, names = VIEWS[self.tabs.selected], self.study.class_names
        if self.strip.chosen is None or focus.class_index is None:
            self.sentence = "No picture of this kind among the unseen ones."
        else:
            truth = self.strip.pool.name(self.strip.chosen)
            self.sentence = (
                f"Picture {focus.picture}, truly {truth}, through layer {focus.layer}, asked about "
                f"{names[focus.class_index]}{' (what it says)' if self.classes.value == SAID else ''}."
            )
        lines = [f"<b>{html.escape(chosen.question)}</b> {html.escape(chosen.reading)}"]
        lines += [f"{html.escape(problem[0].upper() + problem[1:])}." for problem in problems]
        self._reading.value = f'<div class="xw xw-sentence">{" ".join(lines)}</div>'

    def _size(self) -> None:
        """Large type, and pictures that go with it."""
        (self.widget.add_class if self.large.value else self.widget.remove_class)("xw-large")
        for part in (self.strip.cards, *(app.widget for apps in self.apps.values() for app in apps)):
            _enlarge(part, LARGER if self.large.value else 1 / LARGER)

    # --- taking it away ----------------------------------------------------------------------------------------

    def _page(self, progress: Progress) -> Page:
        """Render all views in tabs; those that were not opened yet are made for it."""
        for each in VIEWS:
            if each.name not in self.apps:
                self.apps[each.name] = self._make(each.name)
        studies = [each for each in (self.study, self.other) if each is not None]
        return workbench_page(self.title, studies, self.apps, progress=progress)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing runs in the open view, and say whether that is so."""
        return all(app.wait(timeout) for app in self.apps.get(self.view, []))

    def close(self) -> None:
        """Stop what is running and close every widget inside."""
        for app in [app for apps in self.apps.values() for app in apps]:
            app.close()
        self.layers.close()
        super().close()


_SIDE_BY_SIDE = {"grid_gap": "24px", "align_items": "flex-start"}


def _enlarge(widget: ipywidgets.Widget, factor: float) -> None:
    """Give all pictures in a widget another size."""
    if isinstance(widget, (Cards, PictureGrid)):
        widget.tile = round(widget.tile * factor)
    for inner in getattr(widget, "children", ()):
        _enlarge(inner, factor)


def _place(name: str) -> int:
    return VIEWS.index(view(name))

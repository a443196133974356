"""ConceptExplorer: a decision as the sum of a few x-features that people can name."""

from __future__ import annotations

import tempfile
import threading
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import ipywidgets

from xai_widgets.errors import NotFittedError, XaiWidgetsError
from xai_widgets.methods.srae.explanation import SRAEExplanation
from xai_widgets.methods.srae.scene import Choice, Scene, find_exemplars, make_scene, offered_layers, srae_of
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.names import find_class
from xai_widgets.progress import Progress
from xai_widgets.show.gallery import Gallery
from xai_widgets.show.images import SMALL
from xai_widgets.study import Study
from xai_widgets.widgets.frame.app import App, Focus
from xai_widgets.widgets.frame.forecast import Forecasts
from xai_widgets.widgets.frame.task import TaskState
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.srae.controls import ConceptControls
from xai_widgets.widgets.srae.page import concepts_page
from xai_widgets.widgets.srae.views import ConceptViews
from xai_widgets.widgets.views.picture_strip import PictureStrip


class ConceptExplorer(App):
    """The score of a class for a picture as a sum; where each x-feature is, what it stands for, and what it does.

    Parameters
    ----------
    source
        An `SRAE`, fitted or not, or a study: then its own is used, or a new one is made.
    layer
        The layer to begin with; default that of the SRAE. Other layers get an SRAE like the first one.
    class_index
        The class to begin with, by number or name.

    Attributes
    ----------
    sraes
        What explains each layer that was looked at; x-features are fitted and named there, and saved from there.
    shown
        The explanation on display, or None.

    Examples
    --------
    >>> xw.ConceptExplorer(xw.demo())  # doctest: +SKIP
    """

    follows: ClassVar[Mapping[str, str]] = {"layer": "layer", "class_index": "class", "picture": "picture"}

    def __init__(self, source: Study | SRAE, layer: str | None = None, *, class_index: int | str = 0) -> None:
        first = source if isinstance(source, SRAE) else _of_study(source, layer)
        self.study = first.study
        self._first = first
        self.sraes: dict[str, SRAE] = {first.settings.layer: first}
        self.scene: Scene | None = None
        self._other: int | None = None
        self._feature: int | None = None
        self._asked: Choice | None = None
        self._fitting = False
        # Controls call from the kernel's threads, results come from another.
        self._lock = threading.RLock()
        begin = self.study.layer(layer).name if layer is not None else first.settings.layer
        names = self.study.class_names
        chosen = find_class(names, class_index)
        pixelated = max(self.study.shape[1:]) < SMALL
        self.strip = PictureStrip(self.study.pool, pixelated=pixelated)
        layers = offered_layers(self.study, (begin, first.settings.layer))
        self.controls = ConceptControls(names, chosen, layers, begin, self.strip)
        self._resume = tempfile.TemporaryDirectory(prefix="srae-", ignore_cleanup_errors=True)
        self.views = ConceptViews(self.strip.cards, self.controls.name, self.controls.turn, pixelated=pixelated)
        super().__init__(f"Concepts: {self.study.name}", controls=self.controls.row, content=self.views.content)
        self._forecasts = Forecasts(self.task)
        self._bind()
        self._refresh()

    # --- how it is built ---------------------------------------------------------------------------------------

    def _bind(self) -> None:
        controls = self.controls
        for name, owner, attribute in (
            ("layer", controls.layer, "value"),
            ("class", controls.classes, "value"),
            ("show", self.strip.show, "value"),
            ("page", self.strip.page, "value"),
            ("other", self, "other"),
            ("picture", self, "picture"),
            ("feature", self, "feature"),
            ("turn", controls.turn, "value"),
        ):
            self.state.bind(name, owner, attribute)
        for control in (controls.classes, controls.layer):
            control.observe(self.guarded(lambda _: self._change_class()), "value")
        self.strip.show.observe(self.guarded(lambda _: self._first_page()), "value")
        self.strip.page.observe(self.guarded(lambda _: self._refresh()), "value")
        controls.compare.observe(self.guarded(lambda _: self._keep()), "value")
        controls.fit.on_click(self.guarded(lambda _: self._fit()))
        controls.name.observe(self.guarded(lambda _: self._rename()), "value")
        controls.turn.observe(self.guarded(lambda _: self._show_turn()), "value")
        self.strip.cards.observe(self.guarded(lambda _: self._take_picture()), "selected")
        self.views.features.observe(self.guarded(lambda _: self._take_feature()), "selected")

    # --- what is chosen ----------------------------------------------------------------------------------------

    @property
    def srae(self) -> SRAE:
        """What explains the chosen layer, fitted or not."""
        layer = self.controls.layer.value
        if layer not in self.sraes:
            self.sraes[layer] = srae_of(self._first, layer)
        return self.sraes[layer]

    @property
    def focus(self) -> Focus:
        """The chosen picture, layer and class."""
        return Focus(self.picture, self.controls.layer.value, self.controls.classes.value)

    @property
    def layer_status(self) -> Mapping[str, str]:
        """Whether there are x-features of each layer."""
        fitted = {layer for layer, srae in self.sraes.items() if srae.fitted}
        status = {layer: "ready" if layer in fitted else "to fit" for layer in self.controls.layer.options}
        return status | ({self.controls.layer.value: "fitting"} if self._fitting else {})

    @property
    def shared_controls(self) -> list[ipywidgets.Widget]:
        """What a `Workbench` has at its top, too."""
        return [self.controls.classes, self.controls.layer, self.strip.show, self.strip.page, self.strip.cards]

    @property
    def shown(self) -> SRAEExplanation | None:
        """What is on display."""
        return None if self.scene is None else self.scene.explanation

    @property
    def picture(self) -> int | None:
        """The chosen picture, as a place in ``study.test``; None if there is none.

        Set it to choose another one of those that can be chosen from.
        """
        return self.strip.picture

    @picture.setter
    def picture(self, place: int | None) -> None:
        with self._lock:
            self.strip.choose(place, self.controls.classes.value)
            self._refresh()
        self.state.announce()

    @property
    def other(self) -> int | None:
        """The picture that is compared with, as `picture`."""
        return None if self._other is None else self.strip.pool.indices[self._other]

    @other.setter
    def other(self, place: int | None) -> None:
        with self._lock:
            self._other = self.strip.pool.index_of(place)
            self.controls.compare.value = self._other is not None
            self._refresh()

    @property
    def feature(self) -> int | None:
        """Number of the chosen x-feature, from 0; None for the one that contributes most."""
        return self._feature

    @feature.setter
    def feature(self, feature: int | None) -> None:
        if feature is not None and not 0 <= feature < self.srae.settings.features:
            raise XaiWidgetsError(f"x-features are 0 to {self.srae.settings.features - 1}, and there is no {feature}")
        with self._lock:
            self._feature = feature
            self._refresh()

    def _change_class(self) -> None:
        with self._lock:
            if not self.controls.offering:
                self._feature = None
                self._first_page()

    def _first_page(self) -> None:
        with self._lock:
            self.strip.rewind()
            self._refresh()

    def _take_picture(self) -> None:
        with self._lock:
            if self.strip.take():
                self._refresh()

    def _take_feature(self) -> None:
        with self._lock:
            if self.scene is None or not 0 <= self.views.features.selected < len(self.views.features.cards):
                return
            chosen = self.scene.explanation.order(0)[self.views.features.selected]
            if chosen != self.scene.feature:
                self._feature = chosen
                self._refresh()

    def _keep(self) -> None:
        """Keep the chosen picture for comparison, or let go of the one that is kept."""
        with self._lock:
            if self.controls.compare.value != (self._other is not None):
                self._other = self.strip.chosen if self.controls.compare.value else None
                self._refresh()

    def _rename(self) -> None:
        with self._lock:
            scene, name = self.scene, self.controls.name.value.strip()
            if scene is not None and name != _own_name(scene):
                self.srae.rename(scene.choice.target, scene.feature, name)
                self.keep(self.srae)
                self._display(scene)

    # --- what is shown -----------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Bring everything in line with what is chosen; what has to be computed is shown later."""
        with self._lock:
            if self.srae.fitted:
                self.controls.offer_classes(self.srae.classes)
            self.strip.refresh(self.controls.classes.value, self._other)
            choice = self._choice()
            if self.srae.fitted and choice is not None:
                self._explain(choice)
            else:
                self._show_nothing()
                self._forecast()

    def _choice(self) -> Choice | None:
        if self.strip.chosen is None:
            return None
        controls = self.controls
        return Choice(controls.layer.value, controls.classes.value, self.strip.chosen, self._other, self._feature)

    def _explain(self, choice: Choice) -> None:
        srae, before, pool = self.srae, self.scene, self.study.pool
        # Whoever turns to a fitted layer wants no other one to be fitted.
        self._fitting = False

        def work(progress: Progress) -> Scene:
            return make_scene(srae, pool, choice, before, progress)

        self.run(work, lambda scene: self._show(choice, scene), "Explaining")

    def _show(self, asked: Choice, scene: Scene) -> None:
        """Show what was computed, unless something else is chosen by now, and look for exemplars."""
        with self._lock:
            if asked != self._choice():
                return
            self._asked = asked
            self._display(scene)
            if scene.exemplars is None:
                srae, of, feature = self.srae, asked.target, scene.feature
                self.run(
                    lambda _: replace(scene, exemplars=find_exemplars(srae, of, [feature])[0]),
                    lambda complete: self._show(asked, complete),
                    "Looking for its pictures",
                )

    def _display(self, scene: Scene) -> None:
        """Show a scene, with the names of now."""
        self.scene = scene.renamed(self.srae.names(scene.choice.target))
        self.sentence, self.numbers = self.scene.explanation.sentence(0), self.scene.explanation.verdict()
        self.controls.name.value = _own_name(self.scene)
        self.views.show(self.scene, self.controls.stop)
        self._enable()

    def _show_turn(self) -> None:
        with self._lock:
            if self.scene is not None:
                self.views.show_turn(self.scene, self.controls.stop)

    def _show_nothing(self) -> None:
        self.scene = self._asked = None
        self.sentence = self._why_nothing()
        self.numbers = self.controls.name.value = ""
        self.views.clear()
        self._enable()

    def _why_nothing(self) -> str:
        name = self.study.class_names[self.controls.classes.value]
        if self._fitting:
            return f"The x-features of {self.controls.layer.value} are being fitted, of all classes at once."
        if not self.srae.fitted:
            layer = self.controls.layer.value
            return f"{layer} has no x-features yet: press “Fit x-features”{self._forecasts.said(layer)}."
        if self.strip.chosen is None:
            return f"No picture of this kind ({name}, {self.strip.show.value}) among the unseen ones."
        return "This was not explained to the end: choose another picture, class or layer to go on."

    def _forecast(self) -> None:
        """Find out what a fit would take."""

        def say() -> None:
            with self._lock:
                if self.scene is None:
                    self.sentence = self._why_nothing()

        if not (self.srae.fitted or self._fitting):
            self._forecasts.ask(self.controls.layer.value, self.srae, say)

    def _enable(self) -> None:
        shown = self.scene is not None
        self.controls.enable(fitted=self.srae.fitted, fitting=self._fitting, shown=shown)

    # --- fitting -----------------------------------------------------------------------------------------------

    def _fit(self) -> None:
        with self._lock:
            srae, folder = self.srae, self._resume.name
            self._fitting = True
            self._show_nothing()

        def work(progress: Progress) -> None:
            with warnings.catch_warnings():
                # The line of numbers says the same.
                warnings.simplefilter("ignore", UserWarning)
                self.keep(srae.fit(progress=progress, checkpoint=folder))

        self.run(work, lambda _: self._fitted(), f"Fitting x-features of {srae.settings.layer}")

    def _fitted(self) -> None:
        self._fitting = False
        self._refresh()

    def _on_state(self, state: TaskState) -> None:
        super()._on_state(state)
        with self._lock:
            if state in ("cancelled", "failed"):
                self._fitting = False
                # Nothing is left on display that is not of what is chosen.
                if self._asked is None or self._asked != self._choice():
                    self._show_nothing()

    # --- taking it away ----------------------------------------------------------------------------------------

    def figure(self) -> Any:
        """The chosen picture and its maps as a matplotlib figure."""
        return self._required().figure()

    def gallery(self) -> Gallery:
        """The chosen picture and its maps as a static gallery, which survives in a saved notebook."""
        return self._required().gallery()

    def _required(self) -> SRAEExplanation:
        if self.shown is None:
            raise NotFittedError(f"there is nothing to show: {self.sentence}")
        return self.shown

    def make_page(self, progress: Progress) -> Page:
        """Render all explained classes of the chosen layer, with some pictures of each,."""
        self._required()
        chosen, pixelated = self.controls.classes.value, self.views.large.pixelated
        return concepts_page(self.title, self.srae, self.study.pool, chosen, pixelated=pixelated, progress=progress)

    def close(self) -> None:
        """Stop a fit that is running and close every widget inside."""
        super().close()
        self.task.wait()
        self.views.close()
        self._resume.cleanup()


# --- pieces --------------------------------------------------------------------------------------------------------


def _of_study(study: Study, layer: str | None) -> SRAE:
    found: SRAE = study.explainers.get("srae") or SRAE(study, layer)
    return found


def _own_name(scene: Scene) -> str:
    """The name that somebody gave the x-feature; one that only counts stands for none."""
    name = scene.explanation.names[scene.feature]
    return "" if name == f"x-feature {scene.feature + 1}" else name

"""ConceptExplorer: the score of a class as the sum of a few x-features that people can name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import ipywidgets

from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.methods.srae.explanation import SRAEExplanation
from xai_widgets.methods.srae.scene import Choice, Scene, SraeOfLayer, find_exemplars, make_scene, offered_layers
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.names import Target, find_class
from xai_widgets.scores.hiding import Marks
from xai_widgets.show.images import SMALL
from xai_widgets.study import Study
from xai_widgets.widgets.frame import fits
from xai_widgets.widgets.frame.explorer import Explorer
from xai_widgets.widgets.frame.selection import Selection
from xai_widgets.widgets.frame.task import TaskState
from xai_widgets.widgets.pages.draft import Draft
from xai_widgets.widgets.srae.controls import ConceptControls
from xai_widgets.widgets.srae.measures import judged, marks
from xai_widgets.widgets.srae.page import concepts_draft
from xai_widgets.widgets.srae.views import ConceptViews
from xai_widgets.widgets.views.elements import Tile
from xai_widgets.widgets.views.picture_strip import PictureStrip


class ConceptExplorer(Explorer):
    """The score of a class for a picture as a sum; where each x-feature is, what it stands for, and what it does.

    Parameters
    ----------
    source
        An `SRAE`, fitted or not, or a study: then its own is used, or a new one is made.
    layer
        The layer to begin with; default that of the SRAE. Other layers get an SRAE like the first one.
    target
        The class to begin with, by number or name; default the first one that is explained.
    selection
        What is looked at, if it is shared with other widgets.

    Attributes
    ----------
    sraes
        The SRAE of each layer that was looked at; x-features are fitted, named and saved there.
    scene
        Everything on display, or None.

    Examples
    --------
    >>> xw.ConceptExplorer(xw.demo())  # doctest: +SKIP
    """

    key = "srae"
    label = "Concepts"
    question = "Which few concepts make up the score of this class?"
    reading = (
        "The staircase leads from the bias to the score of the class for the chosen picture, one step for each "
        "x-feature of the layer. Each x-feature has a map in the picture, pictures in which it is strong, and a slider "
        "that turns it."
    )
    follows = ("layer", "target", "picture")

    def __init__(
        self,
        source: Study | SRAE,
        layer: str | None = None,
        *,
        target: Target | None = None,
        selection: Selection | None = None,
    ) -> None:
        self._begin_with = (layer, target)
        self.scene: Scene | None = None
        self._other: int | None = None
        self._feature: int | None = None
        self._on_display: Choice | None = None
        super().__init__(source, selection=selection)

    def _check(self) -> None:
        layer, target = self._begin_with
        self.sraes = SraeOfLayer(self.explainer)
        self._first_layer = self.explainer.settings.layer if layer is None else self.study.layer(layer).name
        self._first_target = 0 if target is None else find_class(self.study.class_names, target)
        if target is not None and self.sraes[self._first_layer].fitted:
            self.sraes[self._first_layer].names(target)  # raises for a class that is not explained

    def _make_controls(self) -> list[ipywidgets.Widget]:
        self.strip = PictureStrip(self.study.pool, pixelated=max(self.study.shape[1:]) < SMALL)
        layers = offered_layers(self.study, (self._first_layer, self.explainer.settings.layer))
        names = self.study.class_names
        self.controls = ConceptControls(names, self._first_target, layers, self._first_layer, self.strip)
        self.fit.description = "Fit x-features"
        return [self.fitting, *self.controls.row]

    def _make_views(self) -> list[ipywidgets.Widget]:
        pixelated = self.strip.cards.pixelated
        self.views = ConceptViews(self.strip.cards, self.controls.name, self.controls.turn, pixelated=pixelated)
        return self.views.content

    def _make_more(self) -> list[ipywidgets.Widget]:
        return self.views.more

    def _bind(self) -> None:
        controls, strip = self.controls, self.strip
        self.shared_controls = [controls.classes, controls.layer, strip.show, strip.cards]
        self.mirrored = [controls.compare, controls.turn]
        named = {"layer": controls.layer, "target": controls.classes, "show": strip.show}
        for name, control in (named | {"turn": controls.turn}).items():
            self.bind(name, control)
        for name in ("other", "picture", "feature"):
            self.bind(name, self, name)
        for control in (controls.classes, controls.layer):
            control.observe(self.locked(self._change_class), "value")
        strip.show.observe(self.locked(self._first_picture), "value")
        controls.compare.observe(self.locked(self._compare), "value")
        controls.name.observe(self.locked(self._rename), "value")
        controls.turn.observe(self.locked(self._show_turn), "value")
        strip.cards.observe(self.locked(self._take_picture), "selected")
        self.views.features.observe(self.locked(self._take_feature), "selected")

    # --- what is chosen ----------------------------------------------------------------------------------------

    @property
    def srae(self) -> SRAE:
        """The SRAE of the chosen layer, fitted or not."""
        return self.sraes[self.layer]

    @property
    def layer(self) -> str:
        """The chosen layer; set it to choose another one."""
        return str(self.controls.layer.value)

    @layer.setter
    def layer(self, layer: str) -> None:
        self.controls.layer.value = layer

    @property
    def target(self) -> int:
        """Number of the chosen class; set it to choose another one, by number or name."""
        return int(self.controls.classes.value)

    @target.setter
    def target(self, target: Target) -> None:
        self.controls.classes.value = find_class(self.study.class_names, target)

    @property
    def picture(self) -> int | None:
        """The chosen picture, as an index in ``study.test``, or None; set it to choose another one of the pool."""
        return self.strip.picture

    @picture.setter
    def picture(self, picture: int | None) -> None:
        with self.lock:
            self.strip.choose(picture, self.target)
            self._refresh()
        self.announce()

    @property
    def other(self) -> int | None:
        """The picture that is compared with, as `picture`."""
        return None if self._other is None else self.strip.pool.indices[self._other]

    @other.setter
    def other(self, picture: int | None) -> None:
        with self.lock:
            self._other = self.strip.pool.index_of(picture)
            self.controls.compare.value = self._other is not None
            self._refresh()

    @property
    def feature(self) -> int | None:
        """Number of the chosen x-feature, from 0; None for the one that contributes most."""
        return self._feature

    @feature.setter
    def feature(self, feature: int | None) -> None:
        if feature is not None:
            self.srae.require_feature(feature)
        with self.lock:
            self._feature = feature
            self._refresh()

    @property
    def layer_status(self) -> Mapping[str, str]:
        """Whether there are x-features of each layer."""
        status = dict.fromkeys(self.controls.layer.options, "to fit")
        status |= {layer: "ready" for layer, srae in self.sraes.items() if srae.fitted}
        under_way = [fit.explainer for fit in fits.running(self.study, self.key)]
        return status | {layer: "fitting" for layer, srae in self.sraes.items() if srae in under_way}

    def _change_class(self) -> None:
        if not self.controls.offering:
            self._feature = None
            self._first_picture()

    def _first_picture(self) -> None:
        self.strip.rewind()
        self._refresh()

    def _take_picture(self) -> None:
        if self.strip.take():
            self._refresh()

    def _take_feature(self) -> None:
        if self.scene is None or not 0 <= self.views.features.selected < len(self.views.features.cards):
            return
        chosen = self.scene.explanation.order(0)[self.views.features.selected]
        if chosen != self.scene.feature:
            self._feature = chosen
            self._refresh()

    def _compare(self) -> None:
        """Keep the chosen picture for comparison, or stop comparing."""
        if self.controls.compare.value != (self._other is not None):
            self._other = self.strip.chosen if self.controls.compare.value else None
            self._refresh()

    def _rename(self) -> None:
        scene, name = self.scene, self.controls.name.value.strip()
        if scene is not None and name != scene.own_name:
            self.srae.rename(scene.choice.target, scene.feature, name)
            self.keep(self.srae)
            self._display(scene)

    # --- what is shown -----------------------------------------------------------------------------------------

    @property
    def explanation(self) -> SRAEExplanation | None:
        """The explanation on display, or None."""
        return None if self.scene is None else self.scene.explanation

    def _refresh(self) -> None:
        """Bring everything in line with what is chosen; what has to be computed is shown later."""
        with self.lock:
            if self.srae.fitted:
                self.controls.offer_classes(self.srae.classes)
            self.strip.refresh(self.target, self._other)
            choice = self._choice()
            if self.srae.fitted and choice is not None:
                self._explain(choice)
            else:
                self._show_nothing()
                self.follow_fit()

    def _choice(self) -> Choice | None:
        if self.strip.chosen is None:
            return None
        return Choice(self.layer, self.target, self.strip.chosen, self._other, self._feature)

    def _explain(self, choice: Choice) -> None:
        srae, before, pool = self.srae, self.scene, self.strip.pool
        self.run(
            lambda progress: make_scene(srae, pool, choice, before, progress),
            lambda scene: self._show(choice, scene),
            "Explaining",
        )

    def _show(self, choice: Choice, scene: Scene) -> None:
        """Show a scene, unless something else is chosen by now, and look for exemplars."""
        with self.lock:
            if choice != self._choice():
                return
            self._on_display = choice
            self._display(scene)
            if scene.exemplars is None:
                srae = self.srae
                self.run(
                    lambda _: replace(scene, exemplars=find_exemplars(srae, choice.target, scene.feature)),
                    lambda complete: self._show(choice, complete),
                    "Looking for its pictures",
                )

    def _display(self, scene: Scene) -> None:
        """Show a scene, with the present names."""
        self.scene = scene.renamed(self.srae.names(scene.choice.target))
        self.sentence = self.scene.explanation.sentence(0)
        self.judge(judged(scene.explanation), self.scene.explanation.verdict(), scene.explanation)
        self.controls.name.value = self.scene.own_name
        self.views.show(self.scene, self.controls.stop)
        self._enable()

    def _marks(self, shown: SRAEExplanation) -> Marks:
        return marks(shown)

    def _show_turn(self) -> None:
        if self.scene is not None:
            self.views.show_turn(self.scene, self.controls.stop)

    def _show_nothing(self) -> None:
        self.scene = self._on_display = None
        self.sentence, self.controls.name.value = self._why_nothing(), ""
        self.judge(None)
        self.views.clear()
        self._enable()

    def _why_nothing(self) -> str:
        if self.is_fitting():
            return f"The x-features of {self.layer} are being fitted, for all classes at once."
        if not self.srae.fitted:
            said = f"{self.layer} has no x-features yet: press “Fit x-features”{self.estimate_text()}."
            return f"{said} {self.srae.shortage()}".rstrip()
        if self.strip.chosen is None:
            name = self.study.class_names[self.target]
            return f"No picture of this kind ({name}, {self.strip.show.value}) among the held-out ones."
        return "The explanation was not completed: choose another picture, class or layer to go on."

    def _enable(self) -> None:
        fitting = self.is_fitting()
        self.controls.enable(fitting=fitting, shown=self.scene is not None)
        self.offer_fit(needed=not self.srae.fitted)

    def thumbnails(self) -> list[Tile]:
        """The maps of the x-features."""
        return [card["tiles"][0] for card in self.views.features.cards]

    def _to_fit(self) -> tuple[SRAE, None]:
        return self.srae, None

    def _own(self, other: Explainer) -> Explainer:
        return self.sraes[other.settings.layer] if isinstance(other, SRAE) else other

    def _take(self, other: Explainer) -> None:
        if isinstance(other, SRAE):
            self.sraes[other.settings.layer] = other

    def _show_fits(self) -> None:
        with self.lock:
            (self._enable if self.srae.fitted else self._show_nothing)()

    def _on_state(self, state: TaskState) -> None:
        super()._on_state(state)
        with self.lock:
            old = self._on_display is None or self._on_display != self._choice()
            if state in ("cancelled", "failed") and old:
                self._show_nothing()

    def draft(self) -> Draft:
        """A page of all explained classes of the chosen layer, with the first pictures and the chosen one."""
        self._required()
        chosen = self.strip.chosen or 0
        return concepts_draft(
            self.title, self.srae, self.strip.pool, self.target, chosen, pixelated=self.strip.cards.pixelated
        )

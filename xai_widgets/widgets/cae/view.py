"""What ManifoldExplorer draws: the map, the pictures beside it, and the way below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets

from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.methods.cae.scene import Decoded, Point, Scene
from xai_widgets.names import class_name
from xai_widgets.pictures import load
from xai_widgets.probabilities import SOFTMAX
from xai_widgets.show.images import SMALL
from xai_widgets.study import Study
from xai_widgets.widgets.cae.controls import NOBODY
from xai_widgets.widgets.cae.path import PathView
from xai_widgets.widgets.cae.target import Exemplars, offered
from xai_widgets.widgets.views.atlas import AtlasView
from xai_widgets.widgets.views.cards import Card, Cards
from xai_widgets.widgets.views.drawing import thumbnail
from xai_widgets.widgets.views.manifold_map import ManifoldMap
from xai_widgets.widgets.views.tools import close_all

CHIP = 36
"""Pixels of the side of a picture of a class to be chosen."""


class ManifoldView:
    """A scene, or None while there is nothing, and a point on it; its parts are `map`, `atlas` and `path`."""

    def __init__(self, study: Study) -> None:
        self.names = study.class_names
        self.scene: Scene | None = None
        self.map = ManifoldMap(self.names)
        adding = study.scores is SOFTMAX
        self.atlas = AtlasView(names=list(self.names), colours=self.map.colours, adding=adding)
        self.path = PathView(pixelated=max(study.shape[1:]) < SMALL)
        self.chips = Cards(tile=CHIP, across=-1, pixelated=max(study.shape[1:]) < SMALL, label="Lead the picture to")
        self.chips.add_class("xw-chips")
        self._exemplars, self._offered = Exemplars(self.names), list[int]()
        self.map.link_to(self.atlas)
        dragged = ipywidgets.HBox([self.map.widget, self.atlas])
        dragged.add_class("xw-dragged")
        self.widgets = [self.chips, dragged]

    def show(self, scene: Scene, truth: str, end: Decoded, point: Point) -> None:
        """Show a scene of a picture of that true class, with the exact picture at the end of the path."""
        new = scene is not self.scene
        # In one message, or there would be a moment at which the pictures of one map are shown on another.
        with self.atlas.hold_sync():
            if new:
                self._show_pictures(scene, truth)
            self.atlas.x, self.atlas.y = point
            self.show_exact(end)
        if new:
            self._show_map(scene, point)
            self.scene = scene
            self._offer(scene)

    @property
    def chip(self) -> int | None:
        """The class of the chosen chip, or NOBODY, if it is another one than that on the map."""
        place = self.chips.selected
        if self.scene is None or not 0 <= place < len(self._offered):
            return None
        chosen = self._offered[place]
        return None if chosen == (NOBODY if self.scene.target is None else self.scene.target) else chosen

    def thumbnail(self, point: int) -> str:
        """The picture of a point on the map, as the source of an image."""
        if self.scene is None:
            return ""
        cae = self.scene.cae
        index = int(cae.code_indices[self.scene.indices[point]])
        return thumbnail(load(cae.study.train, [index])[0][0])

    def _offer(self, scene: Scene) -> None:
        """Offer the classes that the picture can be led to."""
        self._offered = offered(scene.probabilities, scene.target)
        with self.chips.hold_sync():
            self.chips.cards = self.cards_of(scene.cae, self._offered)
            self.chips.selected = self._offered.index(NOBODY if scene.target is None else scene.target)

    def cards_of(self, cae: CAE, classes: Sequence[int]) -> list[Card]:
        """Classes as cards to choose."""
        return [self._exemplars.chip(cae, k) for k in classes]

    def _show_pictures(self, scene: Scene, truth: str) -> None:
        predicted, chance = class_name(self.names, scene.source), float(scene.probabilities.max())
        self.atlas.show_original(
            scene.encoded.pictures[0],
            f"Original{f' · true class: {truth}' if truth else ''} · predicted: {predicted}, {chance:.0%}",
            source=scene.source,
            target=NOBODY if scene.target is None else scene.target,
        )
        self.atlas.show_atlas(list(scene.atlas.pictures), scene.atlas.probabilities.numpy(), scene.box)

    def _show_map(self, scene: Scene, point: Point) -> None:
        side, classes = scene.atlas.side, scene.cae.code_classes[scene.indices].numpy()
        self.map.show(scene.points.numpy(), classes, scene.box, scene.plane.labels, point)
        self.map.paint(scene.atlas.probabilities.reshape(side, side, -1).numpy(), scene.fog.numpy())
        self.map.picture_at(scene.home)
        self.atlas.colours = self.map.colours

    def show_exact(self, decoded: Decoded) -> None:
        """Show the exact picture at a point."""
        chance, winner = decoded.probabilities.max(0)
        where = "" if decoded.on_data else ", far from real pictures"
        text = f"Counterfactual: {self.names[int(winner)]} {float(chance):.0%}{where}"
        self.atlas.show_exact(*decoded.point, decoded.picture, decoded.probabilities.numpy(), text)

    def show_way(self, scene: Scene, explanation: Counterfactual | None) -> None:
        """Show the way to the target, or none."""
        if explanation is None:
            self.path.clear()
        else:
            self.path.show(explanation)
            self.map.path(scene.plane.project(explanation.strip.z).numpy())

    def close(self) -> None:
        """Close every widget inside; what is shown afterwards reaches no browser, only `page_state`."""
        for widget in (*self.widgets, self.path.widget):
            close_all(widget)
        self.map.close()

    def page_state(self) -> dict[str, Any]:
        """What `manifold_page` needs to draw the same."""
        return {"atlas": self.atlas.page_state(), "strip": self.path.tiles, **self.map.page_state()}

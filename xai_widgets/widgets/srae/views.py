"""The views of ConceptExplorer: the sum, the x-features, the exemplars of one, and its curve."""

from __future__ import annotations

import ipywidgets
from markupsafe import Markup

from xai_widgets.methods.srae.scene import Scene
from xai_widgets.widgets.srae import tiles
from xai_widgets.widgets.srae.measures import measures
from xai_widgets.widgets.srae.turn import TurnCurve
from xai_widgets.widgets.views.cards import Cards
from xai_widgets.widgets.views.elements import PictureGrid
from xai_widgets.widgets.views.layouts import SIDE_BY_SIDE, set_visible
from xai_widgets.widgets.views.score_bar import ScoreBar


class ConceptViews:
    """All views, as in `content` and `more`; `name` and `dial` are the controls of the chosen x-feature.

    Pictures and x-features (`features`) are cards to choose from; `exemplars` show what the chosen x-feature stands
    for.
    """

    def __init__(
        self, pictures: ipywidgets.Widget, name: ipywidgets.Widget, dial: ipywidgets.Widget, *, pixelated: bool
    ) -> None:
        self.features = Cards(tile=80, pixelated=pixelated, across=-1, label="X-features")
        self.features.add_class("xw-features")
        self.large = PictureGrid(tile=200, pixelated=pixelated, selected=-1, columns=[""])
        self.exemplars = PictureGrid(tile=72, pixelated=pixelated, selected=-1, columns=tiles.exemplar_columns())
        self.bar, self.curve = ScoreBar(), TurnCurve()
        names = ("compared", "features", "exemplars", "turn")
        self._lines = {name: ipywidgets.HTML() for name in names}
        self._measures = ipywidgets.HTML()
        summed = ipywidgets.HBox([self.large, self.bar.widget], layout=SIDE_BY_SIDE)
        stands_for = ipywidgets.VBox([name, self._lines["exemplars"], self.exemplars], layout=_LEFT)
        does = ipywidgets.VBox([dial, self._lines["turn"], self.curve.widget], layout=_RIGHT)
        chosen = ipywidgets.HBox([stands_for, does], layout=SIDE_BY_SIDE)
        self._explained = ipywidgets.VBox([summed, self.features], layout={"grid_gap": "6px"})
        further = [self._lines["compared"], self._lines["features"], chosen, self._measures]
        self._further = ipywidgets.VBox(further, layout={"grid_gap": "10px"})
        self.content, self.more = [pictures, self._explained], [self._further]

    def line(self, name: str) -> str:
        """One of the lines between the pictures, as HTML: "compared", "features", "exemplars" or "turn"."""
        text: str = self._lines[name].value
        return text

    def show(self, scene: Scene, stop: int) -> None:
        """Show a scene, its x-feature turned to a stop."""
        self._measures.value = measures(scene.explanation.report)
        self._show_sum(scene)
        self._say("features", tiles.features_line(scene.explanation))
        with self.features.hold_sync():
            self.features.cards = tiles.feature_cards(scene.explanation)
            self.features.selected = scene.explanation.order(0).index(scene.feature)
        self._say("exemplars", tiles.exemplars_line(scene.explanation, scene.feature))
        found = scene.exemplars
        self.exemplars.rows = tiles.waiting_rows() if found is None else tiles.exemplar_rows(found, scene.feature)
        self.show_turn(scene, stop)
        for part in (self._explained, self._further):
            set_visible(part, visible=True)

    def _show_sum(self, scene: Scene) -> None:
        found, other = scene.explanation, scene.other
        below = [] if other is None else other.steps(order=found.order(0))
        self.large.rows = [
            tiles.large_row(found, 0, "chosen"),
            *([] if other is None else [tiles.large_row(other, 0, "kept")]),
        ]
        self.bar.show(found.steps(), f"{found.score_name} of {found.class_name}", chosen=scene.feature, other=below)
        self._say("compared", "" if other is None else f"Chosen minus kept: {found.compare(0, other, 0).sentence()}")

    def show_turn(self, scene: Scene, stop: int) -> None:
        """Show what follows at a stop."""
        found = scene.explanation
        self._say("turn", scene.turned.sentence(stop, found.names[scene.feature], found.score_name))
        self.curve.show(scene.turned, stop, found.score_name)

    def clear(self) -> None:
        """Show nothing but the pictures to choose from."""
        for name in self._lines:
            self._say(name, "")
        self.large.rows, self.features.cards, self.exemplars.rows = [], [], []
        self.bar.clear()
        self.curve.clear()
        self._measures.value = ""
        for part in (self._explained, self._further):
            set_visible(part, visible=False)

    def _say(self, name: str, text: str) -> None:
        line = self._lines[name]
        line.value = Markup('<div class="xw xw-sentence">{}</div>').format(text) if text else ""
        line.layout.display = None if text else "none"


_LEFT, _RIGHT = {"width": "716px", "max_width": "100%"}, {"width": "336px"}

"""InversionExplorer: where in a picture a classifier finds its evidence for a class, and how that was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Self

import ipywidgets
from markupsafe import Markup, escape
from torch import Tensor

from xai_widgets.methods.inversion.basis import map_sides
from xai_widgets.methods.inversion.explanation import InversionExplanation
from xai_widgets.methods.inversion.inversion import PICTURES, GuidedFeatureInversion
from xai_widgets.methods.inversion.scene import (
    NOTHING,
    PREDICTED,
    TOGETHER,
    Choice,
    Scene,
    film_of,
    layers_of,
    make_scene,
)
from xai_widgets.names import Target, find_class
from xai_widgets.pool import Pool
from xai_widgets.progress import Progress
from xai_widgets.scores.hiding import Marks
from xai_widgets.show.images import SMALL
from xai_widgets.study import Study
from xai_widgets.widgets.frame.explorer import Explorer
from xai_widgets.widgets.frame.selection import Selection
from xai_widgets.widgets.frame.task import TaskState
from xai_widgets.widgets.inversion import tiles
from xai_widgets.widgets.inversion.controls import InversionControls
from xai_widgets.widgets.inversion.page import inversion_draft
from xai_widgets.widgets.pages.draft import Draft
from xai_widgets.widgets.views.bars import PredictionBars
from xai_widgets.widgets.views.cards import Cards
from xai_widgets.widgets.views.drawing import each_once, exactly
from xai_widgets.widgets.views.elements import NetworkStrip, PictureGrid, Tile
from xai_widgets.widgets.views.layer_picker import strip_layer
from xai_widgets.widgets.views.layouts import SIDE_BY_SIDE
from xai_widgets.widgets.views.picture_strip import TILE, picture_cards, thumbnails_of
from xai_widgets.widgets.views.stage import Stage
from xai_widgets.widgets.views.tools import classed

KEPT_SCENES = 8
"""So many results are remembered, so that going back takes no time; of large pictures each takes megabytes."""

GLIMPSE_SECONDS = 0.25
"""A search shows a mask every so many seconds; a shorter one shows its result only."""


class InversionExplorer(Explorer):
    """What is kept and removed of a picture for one class, or for two side by side; and the search as a film.

    Parameters
    ----------
    source
        A `GuidedFeatureInversion`, or a study: then its own is used, or a new one is made.
    pictures
        Your own pictures to choose from, ``(N, C, H, W)`` in [0, 1]; default: unseen ones of the study.
    selection
        What is looked at, if it is shared with other widgets.

    Raises
    ------
    PictureError
        If your own pictures do not fit the model.

    Examples
    --------
    >>> xw.InversionExplorer(xw.demo())  # doctest: +SKIP
    """

    key = "inversion"
    label = "Evidence"
    question = "Where in this picture is the evidence for this class?"
    reading = (
        "Kept alone, the class should survive; removed, it should vanish. The probabilities below the pictures say "
        "whether that is so. The mask is made of the layer's own channels."
    )
    follows: tuple[str, ...] = ("layer", "target", "second", "picture")
    shows_layers = True

    def __init__(
        self,
        source: Study | GuidedFeatureInversion,
        *,
        pictures: Tensor | None = None,
        selection: Selection | None = None,
    ) -> None:
        self._own_pictures = pictures
        self.scene: Scene | None = None
        self._scenes: dict[Choice, Scene] = {}
        super().__init__(source, selection=selection)

    # --- how it is built ---------------------------------------------------------------------------------------

    def _check(self) -> None:
        own = self._own_pictures
        self._pool = Pool.unseen(self.study, PICTURES) if own is None else Pool.of(self.study, own)
        if self._pool.own:  # of which no other widget knows
            self.follows = ("layer", "target", "second")

    def _make_controls(self) -> list[ipywidgets.Widget]:
        blocks = [layer.name for layer in self.study.blocks() if map_sides(self.study, layer.name) is not None]
        frames = len(film_of(self.explainer.settings.explain_steps))
        self.controls = InversionControls(self.study.class_names, layers_of(self.explainer, blocks), frames)
        return self.controls.row

    def _make_views(self) -> list[ipywidgets.Widget]:
        pixelated = max(self._pool.picture(0).shape[1:]) < SMALL
        layers = [name for name in self.controls.layer.options if name != TOGETHER]
        self.strip = NetworkStrip(layers=[strip_layer(self.study.layer(name)) for name in layers])
        self.strip.add_class("xw-network-strip")
        network = classed(ipywidgets.VBox([self.strip, self.controls.layer]), "xw-network")
        self.cards = Cards(tile=TILE, pixelated=pixelated, across=-1, label="Pictures", selected=0)
        self.cards.cards = picture_cards(self._pool, range(len(self._pool)), thumbnails_of(self._pool))
        self.stage = Stage(pixelated=pixelated, side=300)
        return [network, self.cards, self.stage]

    def _make_more(self) -> list[ipywidgets.Widget]:
        self.grid = PictureGrid(tile=128, pixelated=self.stage.pixelated, columns=tiles.COLUMNS)
        self.bars = PredictionBars()
        self._stop_line, self._words = ipywidgets.HTML(), ipywidgets.HTML(layout={"flex": "1 1 20em"})
        film = ipywidgets.HBox(self.controls.film, layout={"flex_flow": "row wrap", "grid_gap": "4px 12px"})
        below = ipywidgets.HBox([self.bars.widget, self._words], layout=SIDE_BY_SIDE)
        return [film, self._stop_line, self.grid, below]

    def _bind(self) -> None:
        controls = self.controls
        self.shared_controls = [controls.first, self.cards]
        self.mirrored = [controls.second, controls.layer, self.strip, *controls.film]
        searching = {"target": controls.first, "second": controls.second, "layer": controls.layer}
        showing = {"step": controls.step, "area": controls.area}
        self.bind("picture", self, "picture")
        for name, control in (searching | showing).items():
            self.bind(name, control)
        self.bind("row", self.grid, "selected")
        for control in searching.values():
            control.observe(self.locked(self._change), "value")
        for control in showing.values():
            control.observe(self.locked(self._show_stop), "value")
        self.cards.observe(self.locked(self._change), "selected")
        self.strip.observe(self.locked(self._take_layer), "value")
        self.grid.observe(self.locked(self._show_bars), "selected")

    # --- what is chosen ----------------------------------------------------------------------------------------

    @property
    def explanation(self) -> InversionExplanation | None:
        """The masks on display, or None while they are searched for."""
        return None if self.scene is None else self.scene.explanation

    @property
    def picture(self) -> int:
        """Index of the chosen picture in ``study.test``, or among your own pictures.

        Set it to choose another one; any picture in ``study.test`` can be chosen.
        """
        return self._pool.indices[self._choice().picture]

    @picture.setter
    def picture(self, index: int) -> None:
        if index not in self._pool.indices:
            self._pool = self._pool.with_picture(index)
            self.cards.cards = picture_cards(self._pool, range(len(self._pool)), thumbnails_of(self._pool))
        self.cards.selected = self._pool.indices.index(index)

    @property
    def layer(self) -> str | None:
        """The layer whose channels make the masks; None for all layers of the search together."""
        layer: str = self.controls.layer.value
        return None if layer == TOGETHER else layer

    @layer.setter
    def layer(self, layer: str | None) -> None:
        self.controls.layer.value = TOGETHER if layer is None else layer

    @property
    def target(self) -> int | None:
        """The class that is explained; None for the predicted class. Set it by number or name."""
        first: int = self.controls.first.value
        return None if first == PREDICTED else first

    @target.setter
    def target(self, target: Target | None) -> None:
        self.controls.first.value = PREDICTED if target is None else find_class(self.study.class_names, target)

    @property
    def second(self) -> int | None:
        """The class beside it; None for no class and for the runner-up. Set it by number or name."""
        second: int = self.controls.second.value
        return second if second >= 0 else None

    @second.setter
    def second(self, second: Target | None) -> None:
        self.controls.second.value = NOTHING if second is None else find_class(self.study.class_names, second)

    def _choice(self) -> Choice:
        controls, selected = self.controls, self.cards.selected
        picture = min(max(selected, 0), len(self._pool) - 1)
        return Choice(picture, controls.first.value, controls.second.value, controls.layer.value)

    def _take_layer(self) -> None:
        if self.strip.value:
            self.controls.layer.value = self.strip.value

    def _change(self) -> None:
        self.controls.rewind()
        self._refresh()

    # --- what is shown -----------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Show the result for what is chosen, or search for it."""
        with self.lock:
            choice = self._choice()
            self.strip.value = choice.layer if choice.layer != TOGETHER else ""
            known = self._scenes.get(choice)
            if known is not None:
                self.cancel()  # a search for something else, which nobody waits for any more
                self._show(known)
            elif self.scene is None or self.scene.choice != choice:
                self._show_nothing("The search for the evidence in this picture is running.")
                self._search(choice)

    def _search(self, choice: Choice) -> None:
        inversion, pool = self.explainer, self._pool

        def work(progress: Progress) -> Scene:
            return make_scene(inversion, pool, choice, progress, self._glimpse(choice))

        self.run(work, self._arrived, "Searching for the evidence")

    def _glimpse(self, choice: Choice) -> Callable[[Tensor], None]:
        """Return a function that shows some of the masks of a search."""
        picture, shown, draw = self._pool.picture(choice.picture), time.monotonic(), each_once(exactly)

        def show(masks: Tensor) -> None:
            nonlocal shown
            if time.monotonic() - shown < GLIMPSE_SECONDS:
                return
            with self.lock:
                if self.scene is None and choice == self._choice():
                    self.stage.frames = [tiles.waiting(picture, masks[0], draw)]
                    self.grid.rows = tiles.glimpses(picture, masks, draw)
            shown = time.monotonic()

        return show

    def _arrived(self, scene: Scene) -> None:
        with self.lock:
            self._scenes[scene.choice] = scene
            for oldest in list(self._scenes)[:-KEPT_SCENES]:
                del self._scenes[oldest]
            if scene.choice == self._choice():
                self._show(scene)

    def _show(self, scene: Scene) -> None:
        self.scene = scene
        self.sentence = tiles.sentence(scene)
        self.judge(tiles.judged(scene), tiles.numbers(scene), scene.explanation)
        self._words.value = Markup().join(map(_line, tiles.words(scene)))
        self.controls.enable(shown=True)
        self._show_stop()

    def _marks(self, shown: InversionExplanation) -> Marks:
        return tiles.marks(shown)

    def _show_stop(self) -> None:
        """Show a step of the search, or a part of the mask."""
        if self.scene is not None:
            stop = self.controls.stop
            self._stop_line.value = _line(tiles.stop_line(self.scene, stop))
            self.stage.frames = [tiles.large(self.scene, stop)]
            self.grid.rows = tiles.rows(self.scene, stop)
            self._show_bars()

    def _show_bars(self) -> None:
        """Show the probabilities of the chosen row."""
        if self.scene is not None:
            row = min(max(self.grid.selected, 0), len(self.scene.classes) - 1)
            kept, removed = self.scene.blends.of(self.controls.stop)[row]
            versions = {"picture": self.scene.ends[row, 0], "kept": kept, "removed": removed}
            self.bars.show(versions, self.study.class_names, str(escape(f"the row of {self.scene.name(row)}")))

    def _show_nothing(self, why: str) -> None:
        self.scene = None
        self.sentence = why
        self.judge(None)
        self._stop_line.value, self._words.value = _line(""), ""
        picture = self._pool.picture(self._choice().picture)
        self.stage.frames, self.grid.rows = [tiles.waiting(picture)], [tiles.waiting_row(picture)]
        self.bars.clear()
        self.controls.enable(shown=False)

    def _on_state(self, state: TaskState) -> None:
        super()._on_state(state)
        with self.lock:
            if state in ("cancelled", "failed") and self.scene is None:
                self._show_nothing("The search was stopped: choose another picture, class or layer to go on.")

    # --- taking it away ----------------------------------------------------------------------------------------

    def thumbnails(self) -> list[Tile]:
        """The first row."""
        first: list[Tile] = self.grid.rows[0]["tiles"]
        return first

    def draft(self) -> Draft:
        """A page of the first pictures and the chosen one, each with two classes."""
        self._required()
        page = (self.title, self.explainer, self._pool, self._choice(), self._scenes)
        return inversion_draft(*page, pixelated=self.grid.pixelated)

    @classmethod
    def prepared(cls, studies: Sequence[Study], *, seed: int = 0, progress: Progress) -> list[Self]:
        """Explorers that have searched."""
        made = [study.explainers.get(cls.key) or GuidedFeatureInversion(study, seed=seed) for study in studies]
        return [cls(inversion).settled(progress) for inversion in made]

    def close(self) -> None:
        """Stop what is running and close every widget inside."""
        super().close()
        self.controls.close()


# --- pieces --------------------------------------------------------------------------------------------------------


def _line(text: str) -> Markup:
    return Markup('<div class="xw xw-sentence" style="min-height: 1.4em">{}</div>').format(text)

"""InversionExplorer: where in a picture a classifier finds its evidence for a class, and how that was found."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import ipywidgets
from torch import Tensor

from xai_widgets.errors import NotFittedError
from xai_widgets.methods.inversion.basis import map_sides
from xai_widgets.methods.inversion.explanation import InversionExplanation
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.scene import (
    PREDICTED,
    TOGETHER,
    Choice,
    Scene,
    film_of,
    layers_of,
    make_scene,
)
from xai_widgets.pool import Pool
from xai_widgets.progress import Progress
from xai_widgets.show.gallery import Gallery
from xai_widgets.show.images import SMALL
from xai_widgets.study import Study
from xai_widgets.widgets.frame.app import App, Focus
from xai_widgets.widgets.frame.task import TaskState
from xai_widgets.widgets.inversion.controls import InversionControls
from xai_widgets.widgets.inversion.page import inversion_page
from xai_widgets.widgets.inversion.tiles import (
    COLUMNS,
    glimpses,
    picture_cards,
    rows,
    sentence,
    stop_line,
    verdict,
    waiting_row,
    words,
)
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.views.bars import PredictionBars
from xai_widgets.widgets.views.cards import Card, Cards
from xai_widgets.widgets.views.drawing import exactly
from xai_widgets.widgets.views.elements import NetworkStrip, PictureGrid, StripLayer

KEPT_SCENES = 8
"""So many answers are remembered, so that going back takes no time; of large pictures each takes megabytes."""

POOL = 24
"""So many unseen pictures can be chosen from."""

GLIMPSE_SECONDS = 0.25
"""So often a mask is shown while it is looked for; a search that takes less shows its end at once."""


class InversionExplorer(App):
    """What is kept and what is removed of a picture for one class, or for two side by side; and the search as a film.

    Parameters
    ----------
    source
        A `GuidedFeatureInversion`, or a study: then its own is used, or a new one is made.
    pictures
        Those to choose from, ``(N, C, H, W)`` in [0, 1]; default: unseen ones of the study.

    Attributes
    ----------
    inversion
        What searches.
    shown
        What was found for what is chosen, or None while it is not there.

    Raises
    ------
    PictureError
        If pictures are given that are none for the study.

    Examples
    --------
    >>> xw.InversionExplorer(xw.demo())  # doctest: +SKIP
    """

    follows: ClassVar[Mapping[str, str]] = {"layer": "layer", "class_index": "class", "picture": "picture"}

    def __init__(self, source: Study | GuidedFeatureInversion, *, pictures: Tensor | None = None) -> None:
        self.inversion = source if isinstance(source, GuidedFeatureInversion) else _of_study(source)
        self.study = self.inversion.study
        self.scene: Scene | None = None
        self._pool = Pool.unseen(self.study, POOL) if pictures is None else Pool.of(self.study, pictures)
        self._scenes: dict[Choice, Scene] = {}
        # Controls call from the kernel's threads, results come from another.
        self._lock = threading.RLock()
        blocks = [layer for layer in self.study.blocks() if map_sides(self.study, layer.name) is not None]
        layers = layers_of(self.inversion, [layer.name for layer in blocks])
        frames = len(film_of(self.inversion.settings.explain_steps))
        self.controls = InversionControls(self.study.class_names, layers, frames)
        content = self._make_views([name for name in layers if name in {layer.name for layer in self.study.layers()}])
        super().__init__(f"Evidence: {self.study.name}", controls=self.controls.row, content=content)
        self._bind()
        self._refresh()

    # --- how it is built ---------------------------------------------------------------------------------------

    def _make_views(self, layers: list[str]) -> list[ipywidgets.Widget]:
        pixelated = max(self._pool.pictures.shape[2:]) < SMALL
        self.strip = NetworkStrip(layers=[_drawn(self.study, name) for name in layers])
        self.cards = Cards(tile=72, pixelated=pixelated, across=0, label="Pictures", selected=0)
        self.cards.cards = self._cards()
        self.cards.layout.max_height, self.cards.layout.overflow = "260px", "auto"
        self.grid = PictureGrid(tile=128, pixelated=pixelated, columns=COLUMNS)
        self.bars = PredictionBars()
        self._stop_line, self._words = ipywidgets.HTML(), ipywidgets.HTML(layout={"flex": "1 1 20em"})
        film = ipywidgets.HBox(self.controls.film, layout={"flex_flow": "row wrap", "grid_gap": "4px 12px"})
        below = ipywidgets.HBox([self.bars.widget, self._words], layout=_SIDE_BY_SIDE)
        return [self.strip, self.cards, film, self._stop_line, self.grid, below]

    def _cards(self) -> list[Card]:
        return picture_cards(self._pool, lambda place: exactly(self._pool.pictures[place]))

    def _bind(self) -> None:
        controls = self.controls
        for name, owner, attribute in (
            ("picture", self, "picture"),
            ("class", controls.first, "value"),
            ("beside", controls.second, "value"),
            ("layer", controls.layer, "value"),
            ("step", controls.step, "value"),
            ("area", controls.area, "value"),
            ("row", self.grid, "selected"),
        ):
            self.state.bind(name, owner, attribute)
        for control in (controls.first, controls.second, controls.layer):
            control.observe(self.guarded(lambda _: self._change()), "value")
        self.cards.observe(self.guarded(lambda _: self._change()), "selected")
        self.strip.observe(self.guarded(lambda _: self._take_layer()), "value")
        for control in (controls.step, controls.area):
            control.observe(self.guarded(lambda _: self._show_stop()), "value")
        self.grid.observe(self.guarded(lambda _: self._show_bars()), "selected")

    # --- what is chosen ----------------------------------------------------------------------------------------

    @property
    def focus(self) -> Focus:
        """The chosen picture, layer and class; no layer where several serve together, no class unless one is named."""
        layer, first = self.controls.layer.value, self.controls.first.value
        return Focus(self.picture, None if layer == TOGETHER else layer, None if first == PREDICTED else first)

    @property
    def shared_controls(self) -> list[ipywidgets.Widget]:
        """What a `Workbench` has at its top, too."""
        return [self.controls.first, self.controls.layer, self.strip, self.cards]

    @property
    def shown(self) -> InversionExplanation | None:
        """What was found."""
        return None if self.scene is None else self.scene.explanation

    @property
    def picture(self) -> int:
        """The chosen picture, as a place in ``study.test``, or in the pictures that were given.

        Set it to choose another one; of those in ``study.test``, any one.
        """
        return self._pool.indices[self._choice().picture]

    @picture.setter
    def picture(self, place: int) -> None:
        if place not in self._pool.indices:
            self._pool = self._pool.with_picture(place)
            self.cards.cards = self._cards()
        self.cards.selected = self._pool.indices.index(place)

    def _choice(self) -> Choice:
        controls, place = self.controls, self.cards.selected
        picture = min(max(place, 0), len(self._pool.indices) - 1)
        return Choice(picture, controls.first.value, controls.second.value, controls.layer.value)

    def _take_layer(self) -> None:
        if self.strip.value:
            self.controls.layer.value = self.strip.value

    def _change(self) -> None:
        with self._lock:
            self.controls.rewind()
            self._refresh()

    # --- what is shown -----------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Show what is known of what is chosen, or look for it."""
        with self._lock:
            choice = self._choice()
            drawn = {layer["name"] for layer in self.strip.layers}
            self.strip.value = choice.layer if choice.layer in drawn else ""
            known = self._scenes.get(choice)
            if known is not None:
                # Perhaps something else is being looked for, which nobody waits for any more.
                self.cancel()
                self._show(known)
            elif self.scene is None or self.scene.choice != choice:
                self._show_nothing("The classifier is being asked what it needs of this picture.")
                self._search(choice)

    def _search(self, choice: Choice) -> None:
        inversion, pool = self.inversion, self._pool

        def work(progress: Progress) -> Scene:
            return make_scene(inversion, pool, choice, progress, self._glimpse(choice))

        self.run(work, self._arrived, "Looking for the evidence")

    def _glimpse(self, choice: Choice) -> Callable[[Tensor], None]:
        """Return what shows masks while they are looked for, now and then."""
        picture, shown = self._pool.pictures[choice.picture], time.monotonic()

        def show(masks: Tensor) -> None:
            nonlocal shown
            if time.monotonic() - shown < GLIMPSE_SECONDS:
                return
            with self._lock:
                if self.scene is None and choice == self._choice():
                    self.grid.rows = glimpses(picture, masks)
            shown = time.monotonic()

        return show

    def _arrived(self, scene: Scene) -> None:
        with self._lock:
            self._scenes[scene.choice] = scene
            for oldest in list(self._scenes)[:-KEPT_SCENES]:
                del self._scenes[oldest]
            if scene.choice == self._choice():
                self._show(scene)

    def _show(self, scene: Scene) -> None:
        self.scene = scene
        self.sentence, self.numbers = sentence(scene), verdict(scene)
        self._words.value = "".join(_line(text) for text in words(scene))
        self.controls.enable(shown=True)
        self._show_stop()

    def _show_stop(self) -> None:
        """Show a step of the search, or a part of the mask."""
        with self._lock:
            if self.scene is not None:
                stop = self.controls.stop
                self._stop_line.value = _line(stop_line(self.scene, stop))
                self.grid.rows = rows(self.scene, stop)
                self._show_bars()

    def _show_bars(self) -> None:
        """Show what the classifier says of the chosen row."""
        with self._lock:
            if self.scene is not None:
                row = min(max(self.grid.selected, 0), len(self.scene.classes) - 1)
                kept, removed = self.scene.blends[self.controls.stop, row]
                said = {"picture": self.scene.ends[row, 0], "kept": kept, "removed": removed}
                of = html.escape(f"the row of {self.scene.name(row)}")
                self.bars.show(said, self.study.class_names, of)

    def _show_nothing(self, why: str) -> None:
        self.scene = None
        self.sentence, self.numbers = why, ""
        self._stop_line.value, self._words.value = _line(""), ""
        self.grid.rows = [waiting_row(self._pool.pictures[self._choice().picture])]
        self.bars.clear()
        self.controls.enable(shown=False)

    def _on_state(self, state: TaskState) -> None:
        super()._on_state(state)
        with self._lock:
            if state in ("cancelled", "failed") and self.scene is None:
                self._show_nothing("This was not searched to the end: choose another picture, class or layer to go on.")

    # --- taking it away ----------------------------------------------------------------------------------------

    def figure(self) -> Any:
        """What was found for the chosen picture as a matplotlib figure."""
        return self._required().explanation.figure()

    def gallery(self) -> Gallery:
        """The chosen picture with the masks' outlines as a static gallery, which survives in a saved notebook."""
        return self._required().explanation.gallery()

    def _required(self) -> Scene:
        if self.scene is None:
            raise NotFittedError(f"there is nothing to show: {self.sentence}")
        return self.scene

    def make_page(self, progress: Progress) -> Page:
        """Render the chosen picture and some more, each with two classes,."""
        given = (self.title, self.inversion, self._pool, self._required().choice, self._scenes)
        return inversion_page(*given, pixelated=self.grid.pixelated, progress=progress)

    def close(self) -> None:
        """Stop a search that is running and close every widget inside."""
        super().close()
        self.task.wait()
        self.bars.close()
        self.controls.close()


# --- pieces --------------------------------------------------------------------------------------------------------

_SIDE_BY_SIDE = {"flex_flow": "row wrap", "grid_gap": "12px 28px", "align_items": "flex-start"}


def _of_study(study: Study) -> GuidedFeatureInversion:
    found: GuidedFeatureInversion = study.explainers.get("inversion") or GuidedFeatureInversion(study)
    return found


def _drawn(study: Study, name: str) -> StripLayer:
    layer = study.layer(name)
    shape = list(layer.form)
    return {"name": name, "kind": layer.kind, "shape": shape, "parameters": layer.parameters, "status": ""}


def _line(text: str) -> str:
    return f'<div class="xw xw-sentence" style="min-height: 1.4em">{html.escape(text)}</div>'

"""The row of experiments: a drawn bird is drawn anew with one thing changed, and the classifier answers at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets
from markupsafe import Markup

from xai_widgets.data.alterations import RING, TRAITS, Altered, Option, scene_of
from xai_widgets.pool import Guest, invite
from xai_widgets.study import Study
from xai_widgets.widgets.views.cards import Card, Cards
from xai_widgets.widgets.views.drawing import thumbnail
from xai_widgets.widgets.workbench.predicted import Predictions

TITLE = "experiment"
TILE = 64
"""Pixels of the side of a picture."""

NOTHING_YET = "Change one thing: does the prediction change?"
NOT_DRAWN = "How this picture was made is not known: choose a drawn one in the line above."


class ExperimentRow:
    """What can be changed of the chosen picture, as buttons, and the ways it can be, as pictures.

    Parameters
    ----------
    studies
        One or two; an experiment becomes a picture of both.
    predictions
        Of these studies.
    choose
        Called with the index of the picture that is to be chosen.
    pixelated
        Whether pixels stay sharp squares.

    Attributes
    ----------
    toggle
        Opens the row, which is closed at first.
    widget
        The row.
    changed
        What was predicted before the last change, and what is now.
    scene
        How the chosen picture is drawn; None if that is not known.
    """

    def __init__(
        self, studies: Sequence[Study], predictions: Predictions, choose: Callable[[int], object], *, pixelated: bool
    ) -> None:
        self._studies, self._predictions, self._choose = studies, predictions, choose
        self._before: dict[int, int] = {}
        self._index: int | None = None
        self.scene: Altered | None = None
        self.toggle = ipywidgets.ToggleButton(description="Experiment", layout={"width": "7em"})
        self.toggle.tooltip = "Change one thing of the picture, and see what the classifier makes of it"
        self.trait = ipywidgets.ToggleButtons(options=TRAITS, value=self._first_trait(), style={"button_width": "auto"})
        self.undo = ipywidgets.Button(
            description="Undo", icon="undo", tooltip="Take the last change back", layout={"width": "6em"}
        )
        self.cards = Cards(tile=TILE, pixelated=pixelated, across=-1)
        self.changed = ipywidgets.HTML()
        self.widget = self._framed()

    def _framed(self) -> ipywidgets.Widget:
        head = ipywidgets.HBox([self.trait, self.undo, self.changed])
        framed = ipywidgets.VBox([head, self.cards])
        framed.add_class("xw-experiment")
        framed.layout.display = "none"
        return framed

    @property
    def possible(self) -> bool:
        """Whether a study knows how its pictures were made."""
        return bool(self._scenes(0))

    def _scenes(self, index: int) -> list[Altered]:
        """How a picture of each study is drawn, where that is known."""
        known = [study for study in self._studies if index < len(study.test)]
        return [scene for study in known if (scene := scene_of(study.test, index)) is not None]

    def _first_trait(self) -> str:
        """The ring, where there are rings."""
        return RING if any(scene.cue is not None for scene in self._scenes(0)) else TRAITS[0]

    def bind(self, guarded: Callable[[Callable[..., object]], Callable[..., None]]) -> None:
        """Follow the controls; `guarded` shows what they raise."""
        self.toggle.observe(guarded(lambda _: self._open()), "value")
        self.trait.observe(guarded(lambda _: self._show()), "value")
        self.cards.observe(guarded(lambda _: self._take()), "selected")
        self.undo.on_click(guarded(lambda _: self._step_back()))

    # --- what is chosen ----------------------------------------------------------------------------------------

    def look_at(self, index: int | None) -> None:
        """Start from another picture, by its index."""
        if index == self._index:
            return
        self._index = index
        self.scene = None if index is None else self._scene_at(index)
        self._show()

    def _scene_at(self, index: int) -> Altered | None:
        """Of two studies the one with rings: the other one's pictures lack what can be exchanged."""
        guest = self._studies[0].guests.get(index)
        if guest is not None:
            return guest.scene if isinstance(guest.scene, Altered) else None
        scenes = sorted(self._scenes(index), key=lambda scene: scene.cue is None)
        return next(iter(scenes), None)

    @property
    def options(self) -> tuple[Option, ...]:
        """What the chosen trait can be."""
        return () if self.scene is None else self.scene.choices()[self.trait.value]

    def _take(self) -> None:
        """Draw the picture anew with the card that was clicked."""
        place = self.cards.selected
        if self.scene is None or self._index is None or not 0 <= place < len(self.options):
            return
        value = self.options[place].value
        if value != self.scene.value(self.trait.value):
            self._make(self.scene.with_(self.trait.value, value), self._index)

    def _make(self, scene: Altered, before: int) -> None:
        guest = Guest(TITLE, scene.label, scene.draw, scene=scene)
        index = invite([study.pool for study in self._studies], guest)
        self._before[index] = before
        self._go_to(index)

    def _step_back(self) -> None:
        if self._index in self._before:
            self._go_to(self._before[self._index])

    def _go_to(self, index: int) -> None:
        """Choose a picture; of all experiments the line of pictures has this one only."""
        for study in self._studies:
            for known, guest in study.guests.items():
                guest.offered = guest.title != TITLE or known == index
        self._choose(index)

    # --- what is shown -----------------------------------------------------------------------------------------

    def _open(self) -> None:
        self.widget.layout.display = None if self.toggle.value else "none"
        self._show()

    def _show(self) -> None:
        """Show the ways the trait can be, each drawn with all else as it is; nothing is drawn while it is closed."""
        if not self.toggle.value:
            return
        self.changed.value = _SAID.format(self._said())
        self.undo.disabled = self._index not in self._before
        trait = self.trait.value
        with self.cards.hold_sync():
            self.cards.label = f"Change the {trait}"
            self.cards.cards = [_card(self.scene.with_(trait, one.value), one) for one in self.options if self.scene]
            self.cards.selected = -1 if self.scene is None else self._place_of(self.scene.value(trait))

    def _said(self) -> str:
        if self.scene is None or self._index is None:
            return NOT_DRAWN
        before = self._before.get(self._index)
        return NOTHING_YET if before is None else self._predictions.change(before, self._index)

    def _place_of(self, value: int | None) -> int:
        """Where a value is among the options; nowhere for a ring that no species of the set has."""
        values = [option.value for option in self.options]
        return values.index(value) if value in values else -1


_SAID = Markup('<div class="xw" role="status">{}</div>')


def _card(scene: Altered, option: Option) -> Card:
    picture, _ = scene.draw()
    return {"tiles": [{"src": thumbnail(picture), "alt": "", "caption": ""}], "lines": [option.name]}

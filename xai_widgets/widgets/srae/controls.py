"""The controls of ConceptExplorer: which class, layer and pictures; and of the chosen x-feature, name and dial."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets

from xai_widgets.methods.srae.turning import MOST, STEP, STOPS
from xai_widgets.widgets.views.picture_strip import PictureStrip
from xai_widgets.widgets.views.tools import fit_description


class ConceptControls:
    """A `row` of controls, and two for the chosen x-feature, which are placed beside its exemplars.

    While the classes to choose from are being changed (`offering`), a change of the chosen one means nothing.
    """

    def __init__(
        self, names: Sequence[str], target: int, layers: Sequence[str], layer: str, strip: PictureStrip
    ) -> None:
        self._names = tuple(names)
        self.offering = False
        classes = [(name, k) for k, name in enumerate(names)]
        self.classes = ipywidgets.Dropdown(options=classes, value=target, description="Class")
        self.layer = ipywidgets.Dropdown(options=list(layers), value=layer, description="Layer")
        self.compare = ipywidgets.ToggleButton(description="Compare with this one")
        self.compare.tooltip = "Keep this picture, and show the next one that is chosen beside it"
        self.layer.tooltip = "Each layer has x-features of its own, which are fitted once"
        self.row = [self.classes, self.layer, strip.show, self.compare]
        self.name = ipywidgets.Text(description="Name", placeholder="what is it?", continuous_update=False)
        self.turn = ipywidgets.FloatSlider(1.0, min=0.0, max=MOST, step=STEP, readout_format=".2f")
        self.turn.description = "Strength ×"
        self.name.tooltip = "Kept and saved with the x-features"
        self.turn.tooltip = "0 removes the x-feature, 1 leaves it as it is, 2 doubles it"
        widths = {self.classes: 16, self.layer: 12, self.compare: 13, self.name: 20, self.turn: 24}
        for control, width in widths.items():
            control.layout.width = f"{width}em"
            fit_description(control)

    @property
    def stop(self) -> int:
        """The index of the slider's value in `STOPS`."""
        stop: int = round(self.turn.value / STEP)
        return min(max(stop, 0), len(STOPS) - 1)

    def offer_classes(self, classes: Sequence[int]) -> None:
        """Let these classes be chosen; the chosen one stays chosen if it is among them."""
        options = [(self._names[k], k) for k in sorted(classes)]
        if list(self.classes.options) != options:
            chosen = self.classes.value if self.classes.value in classes else options[0][1]
            # In between, ipywidgets chooses a class by itself.
            self.offering = True
            self.classes.options = options
            self.classes.value = chosen
            self.offering = False

    def enable(self, *, fitting: bool, shown: bool) -> None:
        """Enable the controls that do something now; a fit must not be left by accident."""
        for control in (self.classes, self.layer):
            control.disabled = fitting
        for control in (self.compare, self.turn, self.name):
            control.disabled = not shown
        self.compare.description = "Stop comparing" if self.compare.value else "Compare with this one"

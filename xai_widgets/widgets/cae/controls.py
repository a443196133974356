"""The controls of ManifoldExplorer: which picture, which target, and how far."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets

from xai_widgets.methods.cae.scene import Choice

NOBODY, RUNNER_UP = -1, -2
"""In place of a target: none, and the map is an overview; the second most probable class of the picture."""

OVERVIEW = "all classes"


class ManifoldControls:
    """A `row` of six controls; the dial of the confidence also shows what was obtained without it."""

    def __init__(self, names: Sequence[str], pictures: int, picture: int) -> None:
        options = [("runner-up", RUNNER_UP), (OVERVIEW, NOBODY), *((name, k) for k, name in enumerate(names))]
        self.picture = ipywidgets.BoundedIntText(picture, min=0, max=pictures - 1, description="Picture")
        self.target = ipywidgets.Dropdown(options=options, value=RUNNER_UP, description="Target")
        self.confidence = ipywidgets.FloatSlider(
            value=0.95, min=0.05, max=0.99, step=0.01, readout_format=".0%", description="Confidence",
            continuous_update=False,
        )  # fmt: skip
        self.border = ipywidgets.Button(description="To the border", tooltip="Where both classes are equally probable")
        self.typical = ipywidgets.Button(description="To a typical one", tooltip="To the centre of the target class")
        self.back = ipywidgets.Button(description="Back", tooltip="The point goes back to the picture")
        widths = {
            self.picture: 9, self.target: 16, self.confidence: 23, self.border: 9, self.typical: 10, self.back: 6,
        }  # fmt: skip
        for control, width in widths.items():
            control.layout.width = f"{width}em"
        self.row = list(widths)
        self._set = self.confidence.value

    def show_picture(self, picture: int) -> None:
        """Choose a picture, which may have come later."""
        self.picture.max = max(self.picture.max, picture)
        self.picture.value = picture

    def choice(self, from_map: int) -> Choice:
        """What is chosen; `from_map` is the index of a picture from the map, or -1."""
        target = None if self.target.value == NOBODY else self.target.value
        unseen = from_map < 0
        return Choice(unseen, self.picture.value if unseen else from_map, target)

    def enable(self, *, fitted: bool, led: bool) -> None:
        """Let those be used that do something: while there is a fitted model, while a picture has a target."""
        for control in (self.picture, self.target, self.back):
            control.disabled = not fitted
        for control in (self.confidence, self.border, self.typical):
            control.disabled = not led

    def set_dial(self, confidence: float) -> None:
        """Show a confidence without leading the picture there."""
        self._set = round(min(max(confidence, self.confidence.min), self.confidence.max), 2)
        self.confidence.value = self._set

    @property
    def turned(self) -> bool:
        """Whether somebody has turned the dial since it was set."""
        return bool(self.confidence.value != self._set)

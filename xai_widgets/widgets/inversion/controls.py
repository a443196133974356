"""The controls of InversionExplorer: which classes, which layer, which step of the search, how much of the mask."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets

from xai_widgets.methods.inversion.scene import NOTHING, PREDICTED, RUNNER_UP, SHARES
from xai_widgets.widgets.views.tools import close_all, fit_description

INTERVAL = 200
"""Milliseconds from frame to frame."""


class InversionControls:
    """Controls of the search in one `row`, its `layer`, and those of the `film`: its steps, and parts of its mask."""

    def __init__(self, names: Sequence[str], layers: Sequence[str], frames: int) -> None:
        numbered = [(name, k) for k, name in enumerate(names)]
        self.first = ipywidgets.Dropdown(options=[("predicted class", PREDICTED), *numbered], description="Class")
        second = [("none", NOTHING), ("runner-up", RUNNER_UP), *numbered]
        self.second = ipywidgets.Dropdown(options=second, description="Compare with")
        self.layer = ipywidgets.Dropdown(options=list(layers), description="Layer")
        self._last = frames - 1
        self.play = ipywidgets.Play(value=self._last, min=0, max=self._last, interval=INTERVAL, show_repeat=False)
        self.step = ipywidgets.IntSlider(value=self._last, min=0, max=self._last, description="Step", readout=False)
        self.area = ipywidgets.IntSlider(
            value=100, min=SHARES[-1], max=100, step=10, description="Only the strongest, %", readout_format="d"
        )
        self.layer.tooltip = "Whose channels the mask is made of"
        self.play.tooltip = "Watch how the mask was found"
        self.step.tooltip = "A step of the search; the last one is the result"
        self.area.tooltip = "How little of the mask is enough?"
        widths = {self.first: 16, self.second: 18, self.layer: 13, self.play: 8, self.step: 16, self.area: 24}
        for control, width in widths.items():
            control.layout.width = f"{width}em"
            fit_description(control)
        self.row, self.film = [self.first, self.second], [self.play, self.step, self.area]
        # In the browser, so that the film runs at its own pace.
        self._link = ipywidgets.jslink((self.play, "value"), (self.step, "value"))
        self.step.observe(lambda _: self._go_to_step(), "value")
        self.area.observe(lambda _: self._go_to_end(), "value")

    @property
    def stop(self) -> int:
        """The number of the chosen mask in `Scene.stops`."""
        stop: int = self.step.value if self.area.value == 100 else self._last + SHARES.index(self.area.value)
        return stop

    def rewind(self) -> None:
        """Go to the whole final mask."""
        self.step.value, self.area.value = self._last, 100

    def enable(self, *, shown: bool) -> None:
        """Enable the controls of the film if there is one."""
        for control in (self.play, self.step, self.area):
            control.disabled = not shown

    def close(self) -> None:
        """Close the link between the film's player and its slider."""
        close_all(self._link)

    def _go_to_step(self) -> None:
        if self.step.value < self._last:
            self.area.value = 100

    def _go_to_end(self) -> None:
        if self.area.value < 100:
            self.step.value = self._last

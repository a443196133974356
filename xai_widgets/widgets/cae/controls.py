"""The controls of ManifoldExplorer: which picture is led to which class, and how far."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.names import find_class

NOBODY = -1
"""The target's value while no class is chosen."""

OVERVIEW = "all classes"


class ManifoldControls:
    """A row of seven controls; the dial of the confidence also shows what was obtained without it.

    Parameters
    ----------
    names
        The classes.
    pictures
        How many pictures there are to choose from.
    picture, target
        What is chosen first.

    Attributes
    ----------
    row
        All controls, in order.

    Raises
    ------
    XaiWidgetsError
        If there is no such picture or class.
    """

    def __init__(self, names: Sequence[str], pictures: int, picture: int, target: int | str | None) -> None:
        if not 0 <= picture < pictures:
            raise XaiWidgetsError(f"picture is {picture}; there are unseen pictures 0 to {pictures - 1}")
        first = NOBODY if target is None else find_class(names, target)
        options = [(OVERVIEW, NOBODY), *((name, k) for k, name in enumerate(names))]
        self.picture = ipywidgets.BoundedIntText(picture, min=0, max=pictures - 1, description="Picture")
        self.target = ipywidgets.Dropdown(options=options, value=first, description="Target")
        self.confidence = ipywidgets.FloatSlider(
            value=0.95, min=0.05, max=0.99, step=0.01, readout_format=".0%", description="Confidence",
            continuous_update=False,
        )  # fmt: skip
        self.border = ipywidgets.Button(description="To the border", tooltip="Where both classes are equally probable")
        self.typical = ipywidgets.Button(description="To a typical one", tooltip="To the centre of the target class")
        self.back = ipywidgets.Button(description="Back", tooltip="The point goes back to the picture")
        self.fit = ipywidgets.Button(description="Fit", button_style="primary")
        widths = {
            self.picture: 9, self.target: 16, self.confidence: 23, self.border: 9, self.typical: 10, self.back: 6,
        }  # fmt: skip
        for control, width in widths.items():
            control.layout.width = f"{width}em"
        self.row = [*widths, self.fit]
        self._set = self.confidence.value

    def enable(self, *, fitted: bool, led: bool) -> None:
        """Let those be used that do something: while there is a fitted model, while a picture is led to a class."""
        for control in (self.picture, self.target, self.back):
            control.disabled = not fitted
        for control in (self.confidence, self.border, self.typical):
            control.disabled = not led
        self.fit.layout.display = "none" if fitted else None

    def set_dial(self, confidence: float) -> None:
        """Show a confidence that nobody has to be led to."""
        self._set = round(min(max(confidence, self.confidence.min), self.confidence.max), 2)
        self.confidence.value = self._set

    @property
    def turned(self) -> bool:
        """Whether the dial stands elsewhere than it was set."""
        return bool(self.confidence.value != self._set)

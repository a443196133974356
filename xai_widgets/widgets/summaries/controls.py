"""The controls of SummaryBrowser: which class, which of its summaries, in which order, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets

from xai_widgets.methods.summaries.scene import Goal
from xai_widgets.methods.summaries.summary import LONGEST_NAME
from xai_widgets.widgets.summaries.lines import Filter
from xai_widgets.widgets.summaries.measures import MEASURES
from xai_widgets.widgets.views.tools import fit_description


class SummaryControls:
    """A row of controls, and one for the name of the chosen summary, which stands beside its members.

    Parameters
    ----------
    names
        The classes.
    class_index
        The one that is chosen first.

    Attributes
    ----------
    row
        All controls but the name, in order.
    """

    def __init__(self, names: Sequence[str], class_index: int) -> None:
        options = [(name, number) for number, name in enumerate(names)]
        self.classes = ipywidgets.Dropdown(options=options, value=class_index, description="Class")
        self.errors = ipywidgets.Checkbox(description="Wrongly called so", indent=False)
        self.sort = ipywidgets.Dropdown(options=list(MEASURES), description="Sort by")
        self.least = ipywidgets.FloatSlider(
            value=0.0, min=0.0, max=1.0, step=0.05, readout_format=".2f", description="Least stability",
            continuous_update=False,
        )  # fmt: skip
        self.unsound = ipywidgets.Checkbox(description="Also those not kept", indent=False)
        self.name = ipywidgets.Text(description="Name", placeholder="what is it?", continuous_update=False)
        self.find = ipywidgets.Button(description="Find the rest", button_style="primary")
        self.errors.tooltip = "Pictures of other classes that the classifier calls this one"
        self.unsound.tooltip = "Groups of regions that are not to be believed, with the reason"
        self.name.tooltip = f"At most {LONGEST_NAME} letters; kept with the summaries"
        widths = {
            self.classes: "14em", self.errors: "max-content", self.sort: "11em", self.least: "20em",
            self.unsound: "max-content", self.find: "9em",
        }  # fmt: skip
        for control, width in widths.items():
            control.layout.width = width
        self.name.layout.width = "18em"
        fit_description(self.name)
        self.row = list(widths)

    @property
    def goal(self) -> Goal:
        """Whose summaries are chosen."""
        return Goal(self.classes.value, self.errors.value)

    @property
    def filter(self) -> Filter:
        """Which of them are shown, and in which order."""
        return Filter(self.sort.value, self.least.value, self.unsound.value)

    def offer_search(self, *, left: bool, begun: bool) -> None:
        """Show the button while something is left to be found that nobody looks for."""
        self.find.layout.display = None if left else "none"
        self.find.description = "Find the rest" if begun else "Find summaries"

    def show_name(self, name: str | None) -> None:
        """Show the name of the chosen summary; without one that can be named there is nothing to write."""
        self.name.disabled = name is None
        self.name.value = name or ""

"""The controls of SummaryBrowser: which class, which of its summaries, in which order, and their names."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets

from xai_widgets.methods.summaries.scene import Goal
from xai_widgets.methods.summaries.summary import LONGEST_NAME
from xai_widgets.widgets.summaries.lines import Filter
from xai_widgets.widgets.summaries.measures import MEASURES
from xai_widgets.widgets.views.tools import fit_description


class SummaryControls:
    """A `row` of controls, and one for the name of the chosen summary, which is beside its members."""

    def __init__(self, names: Sequence[str], class_index: int) -> None:
        options = [(name, number) for number, name in enumerate(names)]
        self.classes = ipywidgets.Dropdown(options=options, value=class_index, description="Class")
        self.errors = ipywidgets.Checkbox(description="Show false positives", indent=False)
        self.sort = ipywidgets.Dropdown(options=list(MEASURES), description="Sort by")
        self.least = ipywidgets.FloatSlider(
            value=0.0, min=0.0, max=1.0, step=0.05, readout_format=".2f", description="Least stability",
            continuous_update=False,
        )  # fmt: skip
        self.rejected = ipywidgets.Checkbox(description="Show rejected groups", indent=False)
        self.name = ipywidgets.Text(description="Name", placeholder="what is it?", continuous_update=False)
        self.find = ipywidgets.Button(description="Find the rest", button_style="primary")
        self.errors.tooltip = "Pictures of other classes that are mistaken for this class"
        self.rejected.tooltip = "Groups of regions that cannot be trusted, with the reason"
        self.name.tooltip = f"At most {LONGEST_NAME} letters; kept with the summaries"
        widths = {
            self.classes: "14em", self.errors: "max-content", self.sort: "11em", self.least: "20em",
            self.rejected: "max-content", self.find: "9em", self.name: "18em",
        }  # fmt: skip
        for control, width in widths.items():
            control.layout.width = width
        fit_description(self.name)
        self.row = [control for control in widths if control is not self.name]

    @property
    def goal(self) -> Goal:
        """Which pictures are summarised."""
        return Goal(self.classes.value, self.errors.value)

    @property
    def filter(self) -> Filter:
        """Which summaries are shown, and in which order."""
        return Filter(self.sort.value, self.least.value, self.rejected.value)

    def offer_search(self, *, left: bool, begun: bool) -> None:
        """Show the button while there is something left to search for and no search runs."""
        self.find.layout.display = None if left else "none"
        self.find.description = "Find the rest" if begun else "Find summaries"

    def show_name(self, name: str | None) -> None:
        """Show the name of the chosen summary; None if there is none that can be named."""
        self.name.disabled = name is None
        self.name.value = name or ""

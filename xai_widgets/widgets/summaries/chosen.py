"""The chosen summary: its name, all its members, and one of them in detail."""

from __future__ import annotations

import ipywidgets
from markupsafe import Markup

from xai_widgets.methods.summaries.scene import VIEWS, members
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.study import Study
from xai_widgets.widgets.summaries.tiles import member_cards, member_line, member_tiles, members_line
from xai_widgets.widgets.views.bars import PredictionBars
from xai_widgets.widgets.views.cards import Cards
from xai_widgets.widgets.views.elements import PictureGrid
from xai_widgets.widgets.views.layouts import SIDE_BY_SIDE, set_visible

BARS = ("picture", "evidence kept", "evidence removed")
"""The views whose predictions are drawn."""


class ChosenSummary:
    """Cards of the members, below the control for the name; the chosen one's pictures and predictions below them."""

    def __init__(self, name: ipywidgets.Text, *, pixelated: bool) -> None:
        self.members = Cards(tile=96, pixelated=pixelated, across=0, label="Members")
        self.members.layout.max_height, self.members.layout.overflow = _HIGH, "auto"
        self.detail = PictureGrid(tile=128, pixelated=pixelated, selected=-1)
        self.bars = PredictionBars()
        self.members_line, self.detail_line = ipywidgets.HTML(), ipywidgets.HTML()
        above = ipywidgets.HBox([name, self.members_line], layout=_ONE_LINE)
        below = ipywidgets.HBox([self.detail, self.bars.widget], layout=SIDE_BY_SIDE)
        self.widget = ipywidgets.VBox([above, self.members, self.detail_line, below], layout={"grid_gap": "10px"})

    def show(self, found: ClassSummaries, summary: int, *, first: bool) -> None:
        """Show all members of a summary, and choose the first one, or leave the choice as it is."""
        set_visible(self.widget, visible=True)
        self.members_line.value = _line(members_line(found, summary))
        cards = member_cards(found, summary)
        with self.members.hold_sync():
            self.members.cards = cards
            self.members.selected = 0 if first else min(max(self.members.selected, 0), len(cards) - 1)

    def show_detail(self, found: ClassSummaries, summary: int, study: Study) -> None:
        """Show the chosen member with and without its region, and with and without all evidence."""
        regions = found.summaries[summary].members
        (member,) = members(found, study, [regions[min(max(self.members.selected, 0), len(regions) - 1)]])
        self.detail_line.value = _line(member_line(member))
        self.detail.columns = list(VIEWS)
        self.detail.rows = [{"label": "", "tiles": member_tiles(member)}]
        self.bars.show({view: member.predictions[view] for view in BARS}, study.class_names, "the chosen member")

    def clear(self) -> None:
        """Show nothing."""
        set_visible(self.widget, visible=False)
        self.members_line.value = self.detail_line.value = ""
        self.members.cards, self.detail.rows = [], []
        self.bars.clear()


_HIGH = "330px"
_ONE_LINE = {"flex_flow": "row wrap", "grid_gap": "4px 20px", "align_items": "center"}


def _line(text: str) -> str:
    return Markup('<div class="xw xw-sentence">{}</div>').format(text)

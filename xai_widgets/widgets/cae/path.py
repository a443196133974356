"""The way of a picture to another class: film strip, saliency maps, and the classifier's opinion as a curve."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets

from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.widgets.cae.page import Frame
from xai_widgets.widgets.cae.tiles import SALIENCY, film_tiles, saliency_tiles
from xai_widgets.widgets.views.curve import ProbabilityCurve
from xai_widgets.widgets.views.elements import PictureGrid
from xai_widgets.widgets.views.tools import close_all

# Not "display: none", which bqplot takes for a size of zero.
_HIDDEN = {"visibility": "hidden", "height": "0px", "overflow": "hidden"}
_VISIBLE: dict[str, str | None] = dict.fromkeys(_HIDDEN)
SIDE_BY_SIDE = {"flex_flow": "row wrap", "grid_gap": "8px 28px", "align_items": "flex-start"}


class WayView:
    """A `Counterfactual` frame by frame; hidden while there is none.

    Parameters
    ----------
    pixelated
        Whether pixels stay sharp squares.

    Attributes
    ----------
    widget
        The ipywidgets container.
    """

    def __init__(self, *, pixelated: bool) -> None:
        self.film, self.saliency = (PictureGrid(tile=tile, pixelated=pixelated, selected=-1) for tile in (112, 128))
        self.saliency.columns = list(SALIENCY)
        self.curve = ProbabilityCurve()
        below = ipywidgets.HBox([self.saliency, self.curve.widget], layout=SIDE_BY_SIDE)
        self.widget = ipywidgets.VBox([self.film, below], layout={"grid_gap": "10px", **_HIDDEN})

    def show(self, shown: Counterfactual) -> None:
        """Show another way."""
        strip = shown.strip
        self.film.columns, tiles = film_tiles(shown)
        self.film.rows = [{"label": "", "tiles": tiles}]
        self.saliency.rows = [{"label": "", "tiles": saliency_tiles(shown)}]
        self.curve.show(
            strip.raw_shares.numpy(), strip.raw_curve.numpy(),
            strip.shares.numpy(), strip.probabilities[:, shown.target].numpy(), shown.name(shown.target),
        )  # fmt: skip
        self._lay_out(_VISIBLE)

    def clear(self) -> None:
        """Show no way."""
        self._lay_out(_HIDDEN)
        self.film.rows, self.saliency.rows = [], []
        self.curve.clear()

    def _lay_out(self, style: Mapping[str, str | None]) -> None:
        with self.widget.layout.hold_sync():
            for name, value in style.items():
                setattr(self.widget.layout, name, value)

    @property
    def frames(self) -> list[Frame]:
        """What is on the film strip, for a page of its own."""
        return [Frame(tile["src"], tile["caption"], tile["alt"]) for row in self.film.rows for tile in row["tiles"]]

    def close(self) -> None:
        """Close every widget inside."""
        close_all(self.widget)
        self.curve.close()

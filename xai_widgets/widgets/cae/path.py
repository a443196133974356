"""The way of a picture to another class: film strip, saliency maps, and the classifier's opinion as a curve."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets

from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.widgets.cae.tiles import SALIENCY, film_tiles, saliency_tiles
from xai_widgets.widgets.views.curve import ProbabilityCurve
from xai_widgets.widgets.views.elements import PictureGrid, Tile
from xai_widgets.widgets.views.tools import close_all

# Not "display: none", which bqplot takes for a size of zero.
_HIDDEN = {"visibility": "hidden", "height": "0px", "overflow": "hidden"}
_VISIBLE: dict[str, str | None] = dict.fromkeys(_HIDDEN)
SIDE_BY_SIDE = {"flex_flow": "row wrap", "grid_gap": "8px 28px", "align_items": "flex-start"}


class PathView:
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

    def show(self, explanation: Counterfactual) -> None:
        """Show another way."""
        strip, target = explanation.strip, explanation.target
        self.film.columns, tiles = film_tiles(explanation)
        self.film.rows = [{"label": "", "tiles": tiles}]
        self.saliency.rows = [{"label": "", "tiles": saliency_tiles(explanation)}]
        self.curve.show(
            strip.raw_shares.numpy(), strip.raw_curve.numpy(),
            strip.shares.numpy(), strip.probabilities[:, target].numpy(), explanation.name(target),
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
    def tiles(self) -> list[Tile]:
        """The frames of the film strip."""
        return [tile for row in self.film.rows for tile in row["tiles"]]

    def close(self) -> None:
        """Close every widget inside."""
        close_all(self.widget)
        self.curve.close()

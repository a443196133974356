"""The way of a picture to another class: film strip, saliency maps, and the classifier's opinion as a curve."""

from __future__ import annotations

import ipywidgets

from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.widgets.cae.tiles import SALIENCY, film_tiles, saliency_tiles
from xai_widgets.widgets.views.curve import ProbabilityCurve
from xai_widgets.widgets.views.elements import PictureGrid, Tile
from xai_widgets.widgets.views.layouts import HIDDEN, SIDE_BY_SIDE, set_visible


class PathView:
    """A `Counterfactual` frame by frame, in `widget`; hidden while there is none."""

    def __init__(self, *, pixelated: bool) -> None:
        self.film, self.saliency = (PictureGrid(tile=tile, pixelated=pixelated, selected=-1) for tile in (112, 128))
        self.saliency.columns = list(SALIENCY)
        self.curve = ProbabilityCurve()
        below = ipywidgets.HBox([self.saliency, self.curve.widget], layout=SIDE_BY_SIDE)
        self.widget = ipywidgets.VBox([self.film, below], layout={"grid_gap": "10px", **HIDDEN})

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
        set_visible(self.widget, visible=True)

    def clear(self) -> None:
        """Show no way."""
        set_visible(self.widget, visible=False)
        self.film.rows, self.saliency.rows = [], []
        self.curve.clear()

    @property
    def tiles(self) -> list[Tile]:
        """The frames of the film strip."""
        return [tile for row in self.film.rows for tile in row["tiles"]]

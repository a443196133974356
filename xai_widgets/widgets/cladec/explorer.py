"""ClaDecExplorer: what a layer still knows about pictures, beside what an auto-encoder would know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import ipywidgets

from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.cladec.explanation import ClaDecExplanation
from xai_widgets.methods.cladec.scene import chosen_units, mistakes, nearest
from xai_widgets.pool import NOT_KNOWN
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.widgets.cladec.page import LayerPage, layers_page
from xai_widgets.widgets.cladec.tiles import MAPS, map_tile, picture_tile, version_tiles
from xai_widgets.widgets.frame import fits
from xai_widgets.widgets.frame.explorer import Explorer
from xai_widgets.widgets.frame.selection import Selection
from xai_widgets.widgets.frame.task import TaskState
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.views.bars import PredictionBars
from xai_widgets.widgets.views.elements import PictureGrid, Row, Tile
from xai_widgets.widgets.views.layer_picker import LayerPicker
from xai_widgets.widgets.views.layouts import SIDE_BY_SIDE

EVERYTHING, MISTAKES, NEAREST = "all classes", "mistakes", "nearest picture"
LAST_COLUMNS = (*MAPS, NEAREST)


class ClaDecExplorer(Explorer):
    """Original, ClaDec, auto-encoder and their difference for some held-out pictures, layer by layer.

    Parameters
    ----------
    source
        A `ClaDec`, fitted or not, or a study: then its fitted ClaDec is used, or a new one is made.
    layer
        The layer to begin with; default a fitted one.
    rows
        Pictures per page.
    selection
        What is looked at, if it is shared with other widgets.

    Examples
    --------
    >>> xw.ClaDecExplorer(xw.demo())  # doctest: +SKIP
    """

    key = "cladec"
    label = "Layer"
    question = "What does this layer still know about the picture, and what has it thrown away?"
    reading = (
        "Each row is a picture; beside it the same picture, decoded from the layer alone, and by an auto-encoder, free "
        "to choose what it keeps. Only what is lost in the first and kept in the second was thrown away by the "
        "classifier. The class plays no part here."
    )
    follows = ("layer", "picture")
    #: The explanation on display, or None while the chosen layer is not fitted.
    explanation: ClaDecExplanation | None = None

    def __init__(
        self, source: Study | ClaDec, layer: str | None = None, *, rows: int = 4, selection: Selection | None = None
    ) -> None:
        self._begin_with = layer
        self._rows = max(rows, 1)
        self._indices: list[int] = []
        super().__init__(source, selection=selection)

    # --- what is chosen ----------------------------------------------------------------------------------------

    def _heading(self) -> str:
        return f"ClaDec: {self.study.name}"

    def _check(self) -> None:
        if self._begin_with is not None:
            self.study.layer(self._begin_with)

    def _first_layer(self) -> str:
        fitted, requested = self.explainer.layers, self.explainer.requested_layers
        return str(next((layer for layer in (*requested, *fitted) if layer in fitted), requested[0]))

    def _make_controls(self) -> list[ipywidgets.Widget]:
        kinds = [(name, i) for i, name in enumerate((EVERYTHING, MISTAKES, *self.study.class_names))]
        options = kinds if self.study.pool.labelled else [(NOT_KNOWN, 0)]
        self.show = ipywidgets.Dropdown(options=options, description="Show")
        fixed = self.explainer.settings.paper
        dial = self.explainer.alphas
        lone = len(dial) == 1
        self.alpha = ipywidgets.SelectionSlider(options=dial, value=dial[0], description="Alpha", disabled=lone)
        self.alpha.tooltip = "0: the likeliest picture; towards 1: a picture that the classifier reads alike"
        self.units = ipywidgets.Text(value="all", description="Units", disabled=fixed, continuous_update=False)
        self.units.tooltip = "all, or numbers such as 0-7, 12, or top 8: the units that change the pictures most"
        self.map = ipywidgets.Dropdown(options=LAST_COLUMNS, description="Last column")
        self.pager = ipywidgets.BoundedIntText(value=1, min=1, max=1, description="Page")
        widths = {self.show: 13, self.alpha: 16, self.units: 9, self.map: 15, self.pager: 7}
        for control, width in widths.items():
            control.layout.width = f"{width}em"
        self.fit.description = "Fit this layer"
        return [*widths, self.fitting]

    def _make_views(self) -> list[ipywidgets.Widget]:
        self.picker = LayerPicker(self.study, self._begin_with or self._first_layer())
        self.grid = PictureGrid(tile=_tile(self.study), pixelated=min(self.study.shape[1:]) < 64)
        self.bars = PredictionBars()
        return [self.picker.widget, ipywidgets.HBox([self.grid, self.bars.widget], layout=SIDE_BY_SIDE)]

    def _bind(self) -> None:
        controls = {"show": self.show, "alpha": self.alpha, "units": self.units, "map": self.map, "page": self.pager}
        self.shared_controls = [self.picker.widget, self.show, self.pager]
        self.bind("layer", self.picker)
        for name, control in controls.items():
            self.bind(name, control)
        self.bind("selected", self.grid, "selected")
        self.bind("picture", self, "picture")
        refresh = self.guarded(lambda _: self._refresh())
        self.picker.on_change(refresh)
        for control in (self.alpha, self.units, self.map, self.pager):
            control.observe(refresh, "value")
        self.show.observe(self.guarded(lambda _: self._first_page()), "value")
        self.grid.observe(self.guarded(lambda _: self._show_bars()), "selected")

    @property
    def layer(self) -> str:
        """The chosen layer; set it to choose another one."""
        return self.picker.value

    @layer.setter
    def layer(self, layer: str) -> None:
        self.picker.value = layer

    @property
    def layer_status(self) -> Mapping[str, str]:
        """Whether each layer is fitted."""
        status = {layer.name: "to fit" for layer in self.study.layers()}
        status |= dict.fromkeys(self.explainer.layers, "ready")
        under_way = fits.running(self.study, self.key)
        return status | {str(fit.layer): "fitting" for fit in under_way if fit.explainer is self.explainer}

    @property
    def picture(self) -> int | None:
        """The chosen row's picture, as an index in ``study.test``; None if there is none.

        Set it to turn to the page with another one of those that can be chosen from.
        """
        return self.study.pool.indices[self._indices[self._row]] if self._indices else None

    @picture.setter
    def picture(self, picture: int | None) -> None:
        goal = self.study.pool.index_of(picture)
        if goal is None:
            return
        if goal not in self._listed():
            self.show.value = 0
        at = self._listed().index(goal)
        self.pager.value = 1 + at // self._rows
        self.grid.selected = at % self._rows

    @property
    def _row(self) -> int:
        return min(max(self.grid.selected, 0), len(self._indices) - 1)

    def _listed(self) -> list[int]:
        """Pictures of the pool that the filter lets through."""
        labels = self.study.pool.labels
        if self.show.value == 0:
            return list(range(len(labels)))
        if self.show.value == 1:
            return self._mistakes
        return [i for i, label in enumerate(labels.tolist()) if label == self.show.value - 2]

    @cached_property
    def _mistakes(self) -> list[int]:
        return mistakes(self.study)

    def _first_page(self) -> None:
        if self.pager.value == 1:
            self._refresh()
        self.pager.value = 1

    def _chosen_units(self, layer: str) -> list[int] | None:
        # Numbers are units of the chosen layer; of the others, on an exported page, all are shown.
        if self.explainer.settings.paper or (layer != self.layer and "top" not in self.units.value):
            return None
        return chosen_units(self.explainer, layer, self.units.value)

    # --- what is shown -----------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Bring pictures, bars and lines of text in line with what is chosen."""
        listed = self._listed()
        self.pager.max = max(-(-len(listed) // self._rows), 1)
        begin = (self.pager.value - 1) * self._rows
        self._indices = listed[begin : begin + self._rows]
        self._show_status()
        if not self._indices:
            self._show_nothing()
        elif self.layer in self.explainer.layers:
            self._show_explanation()
        else:
            self._show_unfitted()

    def _show_status(self) -> None:
        """Show of each layer whether it is fitted, and let none be fitted twice."""
        self.picker.status = self.layer_status
        status = self.picker.status[self.layer]
        self.offer_fit(needed=status != "ready", running=status == "fitting")

    def _on_state(self, state: TaskState) -> None:
        super()._on_state(state)
        self._show_status()

    def _show_fits(self) -> None:
        (self._show_status if self.explanation is not None else self._refresh)()

    def _show_explanation(self) -> None:
        self.explanation = found = self._explain(self.layer)
        self.sentence, self.numbers = found.report.sentence(), found.verdict()
        self.grid.columns = self._columns(found.layer, found.reference is not None, found.units)
        self.grid.rows = self._grid_rows(found)
        self._show_bars()

    def _explain(self, layer: str) -> ClaDecExplanation:
        alpha = None if self.explainer.settings.paper else self.alpha.value
        pictures = self.study.pool.pictures[self._indices]
        found: ClaDecExplanation = self.explainer.explain(pictures, layer, alpha=alpha, units=self._chosen_units(layer))
        return found

    def _show_unfitted(self) -> None:
        self.explanation, self.numbers = None, ""
        self.sentence = f"{self.layer} is not fitted yet: press “Fit this layer”{self.estimate_text()}."
        self.sentence = f"{self.sentence} {self.explainer.enough(self.layer)}".rstrip()
        if self.is_fitting():
            self.sentence = f"{self.layer} is being fitted."
            self.follow_fit()
        self.grid.columns = self._columns(self.layer, self.explainer.settings.reference is not None)
        pool, blank = self.study.pool, [_EMPTY] * (len(self.grid.columns) - 1)
        self.grid.rows = [
            {"label": pool.title(i), "tiles": [picture_tile(pool.pictures[i], "", pool.title(i)), *blank]}
            for i in self._indices
        ]
        self.bars.clear()

    def _show_nothing(self) -> None:
        self.explanation, self.sentence, self.numbers = None, "No held-out picture is of this kind.", ""
        self.grid.rows = []
        self.bars.clear()

    def _show_bars(self) -> None:
        if self.explanation is not None:
            predictions = {name: table[self._row] for name, table in self.explanation.predictions.items()}
            self.bars.show(predictions, self.explanation.class_names)

    def _columns(self, layer: str, reference: bool, units: Sequence[int] | None = None) -> list[str]:
        some = "" if units is None else f", {len(units)} units"
        last = {"difference": "difference of the two"}.get(self.map.value, self.map.value)
        return ["original", f"ClaDec of {layer}{some}", *(["auto-encoder"] if reference else []), last]

    def _grid_rows(self, found: ClaDecExplanation) -> list[Row]:
        last, name = self._last_column(found), self.study.pool.title
        return [{"label": name(i), "tiles": [*version_tiles(found, n), last[n]]} for n, i in enumerate(self._indices)]

    def _last_column(self, found: ClaDecExplanation) -> list[Tile]:
        if self.map.value != NEAREST:
            return [map_tile(found, n, self.map.value) for n in range(len(found.original))]
        return [
            picture_tile(picture, name, f"nearest training picture in this layer{f': {name}' if name else ''}")
            for picture, name in nearest(self.explainer, found)
        ]

    def thumbnails(self) -> list[Tile]:
        """The first row."""
        tiles: list[Tile] = self.grid.rows[0]["tiles"] if self.grid.rows else []
        return tiles

    # --- fitting -----------------------------------------------------------------------------------------------

    def _to_fit(self) -> tuple[ClaDec, str]:
        return self.explainer, self.layer

    # --- taking it away ----------------------------------------------------------------------------------------

    def make_page(self, progress: Progress) -> Page:
        """Prepare a page of the pictures on display, for every fitted layer."""
        self._required()
        progress.start(f"Writing {self.title}", len(self.explainer.layers))
        pages = {}
        for layer in self.explainer.layers:
            pages[layer] = self._page(layer)
            progress.advance()
        return layers_page(
            title=self.title,
            sentence="Choose a layer: what does it still know about each picture?",
            strip=self.picker.strip_state(),
            pages=pages,
            tile=self.grid.tile,
            pixelated=self.grid.pixelated,
        )

    def _page(self, layer: str) -> LayerPage:
        found = self._explain(layer)
        return LayerPage(
            columns=self._columns(found.layer, found.reference is not None, found.units),
            rows=self._grid_rows(found),
            numbers=found.verdict(),
            sentence=found.report.sentence(),
        )


# --- pieces --------------------------------------------------------------------------------------------------------

_EMPTY: Tile = {"src": "", "alt": "not fitted yet", "caption": ""}


def _tile(study: Study) -> int:
    """Side of a tile: large enough to see, whole multiples of small pictures."""
    side = max(study.shape[1:])
    return side * max(round(128 / side), 1) if side < 128 else 160

"""ClaDecExplorer: what a layer still knows about pictures, beside what an auto-encoder would know."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import ipywidgets

from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.cladec.explanation import ClaDecExplanation
from xai_widgets.methods.cladec.scene import chosen_units
from xai_widgets.pool import EVERYTHING, NOT_KNOWN
from xai_widgets.progress import Progress
from xai_widgets.scores.hiding import Marks
from xai_widgets.show.images import SMALL
from xai_widgets.study import Study
from xai_widgets.widgets.cladec import tiles
from xai_widgets.widgets.cladec.difference import of_drawings
from xai_widgets.widgets.cladec.frames import LayerFrames, marks, unfitted, verdict
from xai_widgets.widgets.cladec.kinds import MISTAKES, listed
from xai_widgets.widgets.cladec.page import LayerPage, layer_page, layers_draft
from xai_widgets.widgets.frame import fits
from xai_widgets.widgets.frame.difference import Search
from xai_widgets.widgets.frame.explorer import Explorer
from xai_widgets.widgets.frame.selection import Selection
from xai_widgets.widgets.frame.task import TaskState
from xai_widgets.widgets.pages.draft import Draft
from xai_widgets.widgets.pages.pictures import picture_line, written
from xai_widgets.widgets.views.bars import PredictionBars
from xai_widgets.widgets.views.elements import PictureGrid, Row, Tile
from xai_widgets.widgets.views.layer_picker import LayerPicker
from xai_widgets.widgets.views.layouts import HIDDEN, SIDE_BY_SIDE, set_visible
from xai_widgets.widgets.views.stage import Frame, Stage
from xai_widgets.widgets.views.tools import close_all


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
        "The picture is drawn again from one layer alone, and beside it by an auto-encoder, free to choose what it "
        "keeps. The classifier threw away only what the layer loses and the auto-encoder keeps."
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
        fixed, dial = self.explainer.settings.paper, self.explainer.alphas
        self.alpha = ipywidgets.SelectionSlider(options=dial, description="Alpha", disabled=len(dial) == 1)
        self.alpha.tooltip = "0: the likeliest picture; towards 1: a picture that the classifier reads alike"
        self.units = ipywidgets.Text(value="all", description="Units", disabled=fixed, continuous_update=False)
        self.units.tooltip = "all, or numbers such as 0-7, 12, or top 8: the units that change the pictures most"
        self.map = ipywidgets.Dropdown(options=tiles.LAST_COLUMNS, description="Last column")
        self.pager = ipywidgets.BoundedIntText(value=1, min=1, max=1, description="Page")
        self.more = ipywidgets.ToggleButton(description="More pictures", layout={"width": "10em"})
        widths = {self.show: 13, self.alpha: 16, self.units: 9, self.map: 15, self.pager: 7}
        for control, width in widths.items():
            control.layout.width = f"{width}em"
        self.fit.description = "Fit this layer"
        return [self.fitting, self.alpha, self.units, self.more, self.show, self.pager, self.map]

    def _make_views(self) -> list[ipywidgets.Widget]:
        self.picker = LayerPicker(self.study, self._begin_with or self._first_layer())
        self.stage = Stage(pixelated=max(self.study.shape[1:]) < SMALL, label="Layer")
        self._drawn = LayerFrames(self._explain)
        self._link = ipywidgets.jsdlink((self.picker.strip, "hovered"), (self.stage, "hovered"))
        return [self.picker.widget, self.stage]

    def _make_more(self) -> list[ipywidgets.Widget]:
        self.grid = PictureGrid(tile=tiles.tile_side(self.study), pixelated=min(self.study.shape[1:]) < 64)
        self.bars = PredictionBars()
        self._several = ipywidgets.HBox([self.grid, self.bars.widget], layout={**SIDE_BY_SIDE, **HIDDEN})
        return [self._several]

    def _bind(self) -> None:
        controls = {name: getattr(self, name) for name in ("show", "alpha", "units", "map")}
        controls |= {"page": self.pager, "more": self.more}
        self.shared_controls, self.mirrored = [self.picker.widget], list(controls.values())
        self.bind("layer", self.picker)
        for name, control in controls.items():
            self.bind(name, control)
        self.bind("selected", self.grid, "selected")
        self.bind("picture", self, "picture")
        refresh = self.guarded(lambda _: self._refresh())
        self.picker.on_change(refresh)
        self.stage.observe(self.guarded(lambda _: self._take_layer()), "value")
        self.more.observe(self.guarded(lambda _: self._show_several()), "value")
        for control in (self.alpha, self.units, self.map, self.pager):
            control.observe(refresh, "value")
        self.show.observe(self.guarded(lambda _: self._first_page()), "value")
        self.grid.observe(self.guarded(lambda _: self._show_row()), "selected")
        self._show_several()

    def _take_layer(self) -> None:
        if self.stage.value:
            self.picker.value = self.stage.value

    def _show_several(self) -> None:
        """Show or hide the pictures of a page, and what decides which ones."""
        set_visible(self._several, visible=self.more.value)
        for control in (self.show, self.pager, self.map):
            control.layout.display = None if self.more.value else "none"

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
        if goal not in listed(self.study.pool, self.show.value):
            self.show.value = 0
        at = listed(self.study.pool, self.show.value).index(goal)
        self.pager.value = 1 + at // self._rows
        self.grid.selected = at % self._rows
        if self.picture != picture:  # the others have moved, since a guest came or went
            self._refresh()

    @property
    def _row(self) -> int:
        return min(max(self.grid.selected, 0), len(self._indices) - 1)

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
        there = listed(self.study.pool, self.show.value)
        self.pager.max = max(-(-len(there) // self._rows), 1)
        begin = (self.pager.value - 1) * self._rows
        self._indices = there[begin : begin + self._rows]
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
        self.explanation = found = self._explain(self.layer, self._indices)
        self.sentence = found.report.sentence()
        self.grid.columns = tiles.columns_of(found, self.map.value)
        self.grid.rows = self._grid_rows(found, self._indices)
        self._show_row()

    def _explain(self, layer: str, indices: Sequence[int]) -> ClaDecExplanation:
        alpha = None if self.explainer.settings.paper else self.alpha.value
        pictures = self.study.pool.batch(indices)
        found: ClaDecExplanation = self.explainer.explain(pictures, layer, alpha=alpha, units=self._chosen_units(layer))
        return found

    def _show_row(self) -> None:
        """Show the chosen picture, drawn from each layer."""
        if (found := self.explanation) is not None:
            self.judge(verdict(found), found.verdict(), (found, self._row))
        self._show_bars()
        if self._indices:
            self.stage.frames = self._frames(self._indices[self._row])
            self.stage.value = self.layer

    def _marks(self, shown: tuple[ClaDecExplanation, int]) -> Marks:
        return marks(*shown)

    def _frames(self, index: int) -> list[Frame]:
        """The chosen picture as each fitted layer has it, and as the chosen one will."""

        def settings(layer: str) -> tuple[object, ...]:
            return self.alpha.value, tuple(self._chosen_units(layer) or ())

        names = [layer.name for layer in self.study.layers()]
        frames = self._drawn.of(index, [name for name in names if name in self.explainer.layers], settings)
        if self.layer not in self.explainer.layers:
            frames.append(unfitted(self.layer, self.study.pool.picture(index), self.study.pool.title(index)))
        return sorted(frames, key=lambda frame: names.index(frame["name"]))

    def _show_unfitted(self) -> None:
        self.explanation = None
        self.judge(None)
        self.sentence = f"{self.layer} is not fitted yet: press “Fit this layer”{self.estimate_text()}."
        self.sentence = f"{self.sentence} {self.explainer.enough(self.layer)}".rstrip()
        if self.is_fitting():
            self.sentence = f"{self.layer} is being fitted."
            self.follow_fit()
        self.grid.columns = tiles.columns(
            self.layer, self.map.value, reference=self.explainer.settings.reference is not None
        )
        self.grid.rows = tiles.waiting_rows(self.study.pool, self._indices, len(self.grid.columns))
        self.bars.clear()
        self._show_row()

    def _show_nothing(self) -> None:
        self.explanation, self.sentence = None, "No held-out picture is of this kind."
        self.judge(None)
        self.grid.rows, self.stage.frames = [], []
        self.bars.clear()

    def _show_bars(self) -> None:
        if self.explanation is not None:
            predictions = {name: table[self._row] for name, table in self.explanation.predictions.items()}
            self.bars.show(predictions, self.explanation.class_names)

    def _grid_rows(self, found: ClaDecExplanation, indices: Sequence[int]) -> list[Row]:
        names = [self.study.pool.title(i) for i in indices]
        last = tiles.last_tiles(self.explainer, found, self.map.value)
        return [
            {"label": name, "tiles": [*tiles.version_tiles(found, row), tile]}
            for row, (name, tile) in enumerate(zip(names, last, strict=True))
        ]

    def difference(self, other: ClaDecExplorer, names: Sequence[str]) -> tuple[Hashable, Search]:  # type: ignore[override]
        """How to find the picture that is drawn from the chosen layer best in one study, and worst in the other."""
        both = (self.explainer, other.explainer)
        return of_drawings((self.study, other.study), both, self.layer, names)

    def thumbnails(self) -> list[Tile]:
        """The first row."""
        first: list[Tile] = self.grid.rows[0]["tiles"] if self.grid.rows else []
        return first

    # --- fitting -----------------------------------------------------------------------------------------------

    def _to_fit(self) -> tuple[ClaDec, str]:
        return self.explainer, self.layer

    def _fitted(self) -> None:
        self._drawn.clear()
        super()._fitted()

    def close(self) -> None:
        """Close every widget inside, and stop what is running; a fit goes on, to be found in the study."""
        super().close()
        close_all(self._link)

    # --- taking it away ----------------------------------------------------------------------------------------

    def draft(self) -> Draft:
        """A page of every fitted layer, with the first pictures and the chosen one."""
        self._required()
        pool, chosen = self.study.pool, self._indices[self._row]
        pictures = written(pool, chosen)

        def page_of(layer: str, progress: Progress) -> LayerPage:
            found = self._explain(layer, pictures)
            columns, rows = tiles.columns_of(found, self.map.value), self._grid_rows(found, pictures)
            return layer_page(found, columns, rows, self.study, progress)

        line = picture_line(pool, chosen, pixelated=self.grid.pixelated)
        strip, tile = self.picker.strip_state(), self.grid.tile
        return layers_draft(self.title, strip, line, self.explainer.layers, page_of, tile=tile)

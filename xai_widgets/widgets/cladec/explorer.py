"""ClaDecExplorer: what a layer still knows about pictures, beside what an auto-encoder would know."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import ipywidgets

from xai_widgets.errors import LayerError
from xai_widgets.methods.cladec.cladec import ALPHAS, ClaDec
from xai_widgets.methods.cladec.explanation import ClaDecExplanation
from xai_widgets.progress import Progress
from xai_widgets.show.gallery import Gallery
from xai_widgets.study import Study
from xai_widgets.widgets.cladec.page import LayerPage, layers_page
from xai_widgets.widgets.cladec.tiles import MAPS, map_tile, picture_tile, version_tiles
from xai_widgets.widgets.cladec.units import parse_units
from xai_widgets.widgets.frame.app import App, Focus
from xai_widgets.widgets.frame.forecast import Forecasts
from xai_widgets.widgets.frame.task import TaskState
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.views.bars import PredictionBars
from xai_widgets.widgets.views.elements import PictureGrid, Row, Tile
from xai_widgets.widgets.views.layer_picker import LayerPicker

EVERYTHING, MISTAKES, NEAREST = "all classes", "mistakes", "nearest picture"
LAST_COLUMNS = (*MAPS, NEAREST)


class ClaDecExplorer(App):
    """Original, ClaDec, auto-encoder and their difference for a page of unseen pictures, layer by layer.

    Parameters
    ----------
    source
        A `ClaDec`, fitted or not, or a study: then its fitted ClaDec is used, or a new one is made.
    layer
        The layer to begin with; default a fitted one.
    rows
        Pictures per page.

    Attributes
    ----------
    cladec
        The explainer; layers fitted in the widget are fitted there, and can be saved from there.
    shown
        The explanation that is on display, or None while the chosen layer is not fitted.

    Examples
    --------
    >>> xw.ClaDecExplorer(xw.demo())  # doctest: +SKIP
    """

    follows: ClassVar[Mapping[str, str]] = {"layer": "layer", "picture": "picture"}

    def __init__(self, source: Study | ClaDec, layer: str | None = None, *, rows: int = 4) -> None:
        self.cladec = source if isinstance(source, ClaDec) else _of_study(source)
        self.shown: ClaDecExplanation | None = None
        self._rows = max(rows, 1)
        self._fitting = ""
        pool = self.cladec.study.pool
        self._pictures, self._labels = pool.pictures, pool.labels
        self.picker = LayerPicker(self.cladec.study, layer or self._first_layer())
        self._resume = tempfile.TemporaryDirectory(prefix="cladec-", ignore_cleanup_errors=True)
        self.grid = PictureGrid(tile=_tile(self.cladec.study), pixelated=min(self.cladec.study.shape[1:]) < 64)
        self.bars = PredictionBars()
        self._make_controls()
        super().__init__(
            f"ClaDec: {self.cladec.study.name}",
            controls=self._controls,
            content=[self.picker.widget, ipywidgets.HBox([self.grid, self.bars.widget], layout=_SIDE_BY_SIDE)],
        )
        self._forecasts = Forecasts(self.task)
        self._bind()
        self._refresh()

    # --- what is chosen ----------------------------------------------------------------------------------------

    def _first_layer(self) -> str:
        fitted = self.cladec.layers
        return next(
            (layer for layer in (*self.cladec.requested_layers, *fitted) if layer in fitted),
            self.cladec.requested_layers[0],
        )

    def _make_controls(self) -> None:
        names = [EVERYTHING, MISTAKES, *self.cladec.study.class_names]
        self.show = ipywidgets.Dropdown(options=[(name, i) for i, name in enumerate(names)], description="Show")
        fixed = self.cladec.settings.paper
        dial = (self.cladec.settings.alpha,) if fixed else ALPHAS
        self.alpha = ipywidgets.SelectionSlider(options=dial, value=dial[0], description="Alpha", disabled=fixed)
        self.alpha.tooltip = "0: the likeliest picture; towards 1: a picture that the classifier reads alike"
        self.units = ipywidgets.Text(value="all", description="Units", disabled=fixed, continuous_update=False)
        self.units.tooltip = "all, or numbers such as 0-7, 12, or top 8: the units that change the pictures most"
        self.map = ipywidgets.Dropdown(options=LAST_COLUMNS, description="Last column")
        self.pager = ipywidgets.BoundedIntText(value=1, min=1, max=1, description="Page")
        self.fit = ipywidgets.Button(description="Fit this layer", button_style="primary")
        widths = {self.show: 13, self.alpha: 16, self.units: 9, self.map: 15, self.pager: 7, self.fit: 8}
        for control, width in widths.items():
            control.layout.width = f"{width}em"
        self._controls = [self.show, self.alpha, self.units, self.map, self.pager, self.fit]

    def _bind(self) -> None:
        for name, owner, attribute in (
            ("layer", self.picker, "value"),
            ("show", self.show, "value"),
            ("alpha", self.alpha, "value"),
            ("units", self.units, "value"),
            ("map", self.map, "value"),
            ("page", self.pager, "value"),
            ("selected", self.grid, "selected"),
            ("picture", self, "picture"),
        ):
            self.state.bind(name, owner, attribute)
        refresh = self.guarded(lambda _: self._refresh())
        self.picker.on_change(refresh)
        for control in (self.alpha, self.units, self.map, self.pager):
            control.observe(refresh, "value")
        self.show.observe(self.guarded(lambda _: self._first_page()), "value")
        self.grid.observe(self.guarded(lambda _: self._show_bars()), "selected")
        self.fit.on_click(self.guarded(lambda _: self._fit_layer()))

    @property
    def focus(self) -> Focus:
        """The chosen row's picture, and the layer."""
        return Focus(picture=self.picture, layer=self.picker.value)

    @property
    def layer_status(self) -> Mapping[str, str]:
        """Whether each layer is fitted."""
        status = {layer.name: "to fit" for layer in self.cladec.study.layers()}
        status |= dict.fromkeys(self.cladec.layers, "ready")
        if self.task.state == "running" and self._fitting:
            status[self._fitting] = "fitting"
        return status

    @property
    def shared_controls(self) -> list[ipywidgets.Widget]:
        """What a `Workbench` has at its top, too."""
        return [self.picker.widget, self.show, self.pager]

    @property
    def picture(self) -> int | None:
        """The chosen row's picture, as a place in ``study.test``; None if there is none.

        Set it to turn to the page with another one of those that can be chosen from.
        """
        row = min(max(self.grid.selected, 0), len(self._indices) - 1)
        return self.cladec.study.pool.indices[self._indices[row]] if self._indices else None

    @picture.setter
    def picture(self, picture: int | None) -> None:
        wanted = self.cladec.study.pool.index_of(picture)
        if wanted is None:
            return
        if wanted not in self._chosen():
            self.show.value = 0
        place = self._chosen().index(wanted)
        self.pager.value = 1 + place // self._rows
        self.grid.selected = place % self._rows

    def _chosen(self) -> list[int]:
        """Places in the pool that the filter lets through."""
        everything = range(len(self._pictures))
        if self.show.value == 0:
            return list(everything)
        if self.show.value == 1:
            return self._mistakes
        return [i for i in everything if int(self._labels[i]) == self.show.value - 2]

    @cached_property
    def _mistakes(self) -> list[int]:
        """Places of pictures that the classifier gets wrong; asked for at every change, and always the same."""
        wrong = self.cladec.study.predict(self._pictures).argmax(1) != self._labels
        places: list[int] = wrong.nonzero().flatten().tolist()
        return places

    def _first_page(self) -> None:
        if self.pager.value == 1:
            self._refresh()
        self.pager.value = 1

    def _units(self, layer: str) -> list[int] | None:
        # Numbers are units of the chosen layer; of the others, on an exported page, all are shown.
        if layer != self.picker.value and "top" not in self.units.value:
            return None
        count = self.cladec.units(layer)
        # Every unit is hidden in turn: the more units, the fewer pictures, so that it stays quick.
        pictures = self._pictures[: max(512 // count, 1)]
        return parse_units(self.units.value, lambda: self.cladec.rank_units(pictures, layer).tolist(), count)

    # --- what is shown -----------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Bring pictures, bars and lines of text in line with what is chosen."""
        chosen = self._chosen()
        self.pager.max = max(-(-len(chosen) // self._rows), 1)
        begin = (self.pager.value - 1) * self._rows
        self._indices = chosen[begin : begin + self._rows]
        self._show_status()
        fitted = self.picker.value in self.cladec.layers
        if not self._indices:
            self._show_nothing("No picture of this kind among the unseen ones.")
        elif fitted:
            self._show_explanation()
        else:
            self._show_unfitted()

    def _show_status(self) -> None:
        """Say of each layer whether it is fitted, and let none be fitted twice."""
        self.picker.status = self.layer_status
        self.fit.disabled = self.picker.status[self.picker.value] != "to fit"

    def _on_state(self, state: TaskState) -> None:
        super()._on_state(state)
        self._show_status()

    def _show_explanation(self) -> None:
        self.shown = self._explain(self.picker.value)
        self.sentence = self.shown.report.sentence()
        self.numbers = self.shown.verdict()
        self.grid.columns = self._columns(self.shown.layer, self.shown.reference is not None, self.shown.units)
        self.grid.rows = self._grid_rows(self.shown)
        self._show_bars()

    def _explain(self, layer: str) -> ClaDecExplanation:
        units = None if self.cladec.settings.paper else self._units(layer)
        alpha = None if self.cladec.settings.paper else self.alpha.value
        return self.cladec.explain(self._pictures[self._indices], layer, alpha=alpha, units=units)

    def _show_unfitted(self) -> None:
        self.shown = None
        self._say_unfitted()
        self._forecasts.ask(self.picker.value, self.cladec, self._say_unfitted, self.picker.value)
        self.numbers = ""
        originals = self._pictures[self._indices]
        self.grid.columns = self._columns(self.picker.value, self.cladec.settings.reference is not None)
        blank = [_EMPTY] * (len(self.grid.columns) - 1)
        self.grid.rows = [
            {"label": self._name(i), "tiles": [picture_tile(original, "", self._name(i)), *blank]}
            for i, original in zip(self._indices, originals, strict=True)
        ]
        self.bars.clear()

    def _say_unfitted(self) -> None:
        """Say what to do, unless that has been done, or there is nothing to do it for."""
        layer = self.picker.value
        if layer not in self.cladec.layers and self._indices:
            self.sentence = f"{layer} is not fitted yet: press “Fit this layer”{self._forecasts.said(layer)}."

    def _show_nothing(self, why: str) -> None:
        self.shown, self.sentence, self.numbers = None, why, ""
        self.grid.rows = []
        self.bars.clear()

    def _show_bars(self) -> None:
        if self.shown is None:
            return
        row = min(max(self.grid.selected, 0), len(self._indices) - 1)
        predictions = {name: table[row] for name, table in self.shown.predictions.items()}
        self.bars.show(predictions, self.shown.class_names)

    def _name(self, index: int) -> str:
        """The true class of a picture of the pool."""
        return self._class_name(int(self._labels[index]))

    def _class_name(self, label: int) -> str:
        names = self.cladec.study.class_names
        return names[label] if 0 <= label < len(names) else f"label {label}"

    def _columns(self, layer: str, reference: bool, units: Sequence[int] | None = None) -> list[str]:
        some = "" if units is None else f", {len(units)} units"
        last = {"difference": "difference of the two"}.get(self.map.value, self.map.value)
        return ["original", f"ClaDec of {layer}{some}", *(["auto-encoder"] if reference else []), last]

    def _grid_rows(self, shown: ClaDecExplanation) -> list[Row]:
        last = self._last_column(shown)
        return [
            {"label": self._name(i), "tiles": [*version_tiles(shown, n), last[n]]} for n, i in enumerate(self._indices)
        ]

    def _last_column(self, shown: ClaDecExplanation) -> list[Tile]:
        if self.map.value == NEAREST:
            return self._nearest(shown)
        return [map_tile(shown, n, self.map.value) for n in range(len(shown.original))]

    def _nearest(self, shown: ClaDecExplanation) -> list[Tile]:
        study = self.cladec.study
        places = self.cladec.neighbours(shown.original, shown.layer, count=1)[:, 0].tolist()
        pictures, labels = study.load(study.train, places)
        names = [self._class_name(label) for label in labels.tolist()]
        return [
            picture_tile(picture, name, f"nearest training picture in this layer: {name}")
            for picture, name in zip(pictures, names, strict=True)
        ]

    # --- fitting -----------------------------------------------------------------------------------------------

    def _fit_layer(self) -> None:
        layer = self._fitting = self.picker.value

        def work(progress: Progress) -> None:
            self.keep(self.cladec.fit(layer, progress=progress, checkpoint=self._resume.name))

        self.run(work, lambda _: self._refresh(), f"Fitting {layer}")

    # --- taking it away ----------------------------------------------------------------------------------------

    def figure(self) -> Any:
        """What is on display as a matplotlib figure."""
        return self._required().figure()

    def gallery(self) -> Gallery:
        """What is on display as a static gallery, which survives in a saved notebook."""
        return self._required().gallery()

    def _required(self) -> ClaDecExplanation:
        if self.shown is None:
            raise LayerError(f"there is nothing to show: {self.sentence}")
        return self.shown

    def _page(self, progress: Progress) -> Page:
        """Render the pictures on display, for every fitted layer,."""
        self._required()
        return layers_page(
            title=self.title,
            sentence="Choose a layer: what does it still know about each picture?",
            strip=self.picker.strip_state(),
            pages=self._pages(progress),
            tile=self.grid.tile,
            pixelated=self.grid.pixelated,
        )

    def _pages(self, progress: Progress) -> dict[str, LayerPage]:
        pages: dict[str, LayerPage] = {}
        progress.start(f"Writing {self.title}", len(self.cladec.layers))
        for layer in self.cladec.layers:
            shown = self._explain(layer)
            pages[layer] = LayerPage(
                columns=self._columns(layer, shown.reference is not None, shown.units),
                rows=self._grid_rows(shown),
                numbers=shown.verdict(),
                sentence=shown.report.sentence(),
            )
            progress.advance()
        return pages

    def close(self) -> None:
        """Stop a fit that is running and close every widget inside."""
        super().close()
        self.task.wait()
        self.bars.close()
        self._resume.cleanup()


# --- pieces --------------------------------------------------------------------------------------------------------

_SIDE_BY_SIDE = {"flex_flow": "row wrap", "grid_gap": "12px 32px", "align_items": "flex-start"}
_EMPTY: Tile = {"src": "", "alt": "not fitted yet", "caption": ""}


def _of_study(study: Study) -> ClaDec:
    blocks = study.blocks() or study.layers()
    found: ClaDec = study.explainers.get("cladec") or ClaDec(study, blocks[len(blocks) // 2].name)
    return found


def _tile(study: Study) -> int:
    """Side of a tile: large enough to see, whole multiples of small pictures."""
    side = max(study.shape[1:])
    return side * max(round(128 / side), 1) if side < 128 else 160

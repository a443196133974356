"""ManifoldExplorer: drag a point on the map of classes, and watch picture and prediction change."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import ipywidgets

from xai_widgets.errors import NotFittedError, XaiWidgetsError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.methods.cae.scene import Scene, make_scene
from xai_widgets.pool import POOL
from xai_widgets.progress import Progress
from xai_widgets.show.gallery import Gallery
from xai_widgets.show.images import SMALL
from xai_widgets.study import Study
from xai_widgets.widgets.cae.choice import Choice, Exact, Wanted
from xai_widgets.widgets.cae.controls import NOBODY, ManifoldControls
from xai_widgets.widgets.cae.page import manifold_page
from xai_widgets.widgets.cae.path import SIDE_BY_SIDE, WayView
from xai_widgets.widgets.frame.app import App, Focus
from xai_widgets.widgets.frame.forecast import Forecasts
from xai_widgets.widgets.frame.task import BackgroundTask, TaskState
from xai_widgets.widgets.pages.frame import Page
from xai_widgets.widgets.views.atlas import AtlasView
from xai_widgets.widgets.views.chart import Place
from xai_widgets.widgets.views.manifold_map import ManifoldMap

FRAMES = 7
REST = 0.08
"""Seconds without a move after which the exact picture is decoded."""


class ManifoldExplorer(App):
    """The map of all codes with one point to drag, and the counterfactual picture and prediction at that point.

    Parameters
    ----------
    source
        A `CAE`, fitted or not, or a study: then its fitted CAE is used, or a new one is made.
    picture
        The unseen picture to begin with.
    target
        The class to lead it to, by number or name; default none, and the map is an overview of all classes.

    Attributes
    ----------
    cae
        The explainer; if it is fitted in the widget, it can be saved from there.
    scene
        What is on the map, or None while there is nothing.
    shown
        The counterfactual on display, or None on an overview.

    Examples
    --------
    >>> ManifoldExplorer(xw.demo())  # doctest: +SKIP
    """

    without_kernel = (
        "Dragging still works with the prepared pictures; exact pictures, other pictures and fits need the kernel."
    )

    follows: ClassVar[Mapping[str, str]] = {"class_index": "target", "picture": "picture"}

    def __init__(self, source: CAE | Study, *, picture: int = 0, target: int | str | None = None) -> None:
        self.cae = source if isinstance(source, CAE) else _of_study(source)
        self.study = self.cae.study
        self._pool = self.study.draw(self.study.test, POOL)
        self.controls = ManifoldControls(self.study.class_names, len(self._pool), picture, target)
        self.scene: Scene | None = None
        self.shown: Counterfactual | None = None
        self._staged: Choice | None = None
        self._from_map = -1
        self._wanted: Wanted = "typical"
        self._goal: Place | None = None
        # Controls call from the kernel's threads, results come from two others.
        self._lock = threading.RLock()
        self._exact = BackgroundTask(self._on_exact_state)
        self._resume = tempfile.TemporaryDirectory(prefix="cae-", ignore_cleanup_errors=True)
        super().__init__(f"Manifold: {self.study.name}", controls=self.controls.row, content=self._make_views())
        # Room for two lines, so that a longer sentence does not push the pictures down.
        self._lines["sentence"].layout.min_height = "3.3em"
        self._forecasts = Forecasts(self.task)
        self._bind()
        self._begin()

    # --- how it is built -----------------------------------------------------------------------------------------

    def _make_views(self) -> list[ipywidgets.Widget]:
        self.map = ManifoldMap(self.study.class_names)
        self.atlas = AtlasView(names=list(self.study.class_names), colours=self.map.colours)
        self.way = WayView(pixelated=max(self.study.shape[1:]) < SMALL)
        return [ipywidgets.HBox([self.map.widget, self.atlas], layout=SIDE_BY_SIDE), self.way.widget]

    def _bind(self) -> None:
        self.state.bind("picture", self, "picture")
        self.state.bind("from_map", self, "from_map")
        self.state.bind("target", self.controls.target)
        self.state.bind("wanted", self, "wanted")
        self.state.bind("point", self, "point")
        self.controls.picture.observe(self.guarded(lambda _: self._take_unseen()), "value")
        self.controls.target.observe(self.guarded(lambda _: self._refresh()), "value")
        self.controls.confidence.observe(self.guarded(lambda _: self._dialled()), "value")
        self.controls.border.on_click(self.guarded(lambda _: self._lead("border")))
        self.controls.typical.on_click(self.guarded(lambda _: self._lead("typical")))
        self.controls.back.on_click(self.guarded(lambda _: self._go_home()))
        self.controls.fit.on_click(self.guarded(lambda _: self._fit()))
        self.map.link_to(self.atlas)
        self.map.on_move(self.guarded(lambda *_: self._follow()))
        self.map.on_pick(self.guarded(self._take_from_map))

    def _begin(self) -> None:
        self.controls.enable(fitted=self.cae.fitted, led=False)
        self.sentence = ""
        if not self.cae.fitted:
            self._say_unfitted()
            self._forecasts.ask("the fit", self.cae, self._say_unfitted)
        self._refresh()

    def _say_unfitted(self) -> None:
        self.sentence = f"The CAE is not fitted yet: press “Fit”{self._forecasts.said('the fit')}."

    # --- what is chosen ------------------------------------------------------------------------------------------

    @property
    def focus(self) -> Focus:
        """The unseen picture, and the class it is led to."""
        target = self.controls.target.value
        return Focus(picture=self.picture, class_index=None if target == NOBODY else target)

    @property
    def shared_controls(self) -> list[ipywidgets.Widget]:
        """What a `Workbench` has at its top, too."""
        return [self.controls.picture, self.controls.target]

    @property
    def picture(self) -> int | None:
        """The unseen picture, as a place in ``study.test``; None while one from the map is shown."""
        return self._pool[self.controls.picture.value] if self._from_map < 0 else None

    @picture.setter
    def picture(self, picture: int | None) -> None:
        if picture is None:
            return
        if picture not in self._pool:
            raise XaiWidgetsError(f"picture {picture} is not one of the {len(self._pool)} to choose from")
        if picture != self.picture:
            number = self._pool.index(picture)
            again = number == self.controls.picture.value
            self.controls.picture.value = number
            if again:
                self._take_unseen()

    @property
    def point(self) -> Place:
        """Where the point is on the map; set it to move the point."""
        return self.map.point

    @point.setter
    def point(self, place: Sequence[float]) -> None:
        with self._lock:
            x, y = place
            # Of a map that is being drawn the edges are not known yet.
            self._goal = (x, y)
            self.map.move(x, y)

    @property
    def from_map(self) -> int:
        """Place in ``study.train`` of the picture that was clicked on the map, or -1: an unseen one is shown."""
        return self._from_map

    @from_map.setter
    def from_map(self, place: int) -> None:
        if not -1 <= place < len(self.study.train):
            raise XaiWidgetsError(
                f"from_map is {place}; give a place in study.train, up to {len(self.study.train) - 1}"
            )
        if place != self._from_map:
            self._from_map = place
            self._refresh()

    @property
    def wanted(self) -> Wanted:
        """Where the way ends, a confidence in (0, 1), "border" or "typical"; set it to lead the picture there."""
        return self._wanted

    @wanted.setter
    def wanted(self, wanted: Wanted) -> None:
        if wanted not in ("border", "typical") and (isinstance(wanted, str) or not 0 < wanted < 1):
            raise XaiWidgetsError(f"wanted is {wanted!r}; give a confidence in (0, 1), 'border' or 'typical'")
        if wanted != self._wanted:
            self._lead(wanted)

    def _lead(self, wanted: Wanted) -> None:
        """Lead the picture to the target, as far as is wanted."""
        self._wanted = wanted
        if not isinstance(wanted, str):
            self.controls.set_dial(wanted)
        self._refresh()

    def _dialled(self) -> None:
        if self.controls.turned:
            self._lead(self.controls.confidence.value)

    def _take_unseen(self) -> None:
        self._from_map = -1
        self._refresh()

    def _take_from_map(self, point: int) -> None:
        with self._lock:
            if self.scene is not None:
                self.from_map = int(self.cae.code_indices[self.scene.indices[point]])

    def _go_home(self) -> None:
        if self.scene is not None:
            self.map.move(*self.scene.home)

    def _chosen(self) -> Choice:
        unseen, target = self._from_map < 0, self.controls.target.value
        return Choice(unseen, self._pool[self.controls.picture.value] if unseen else self._from_map, target)

    # --- fitting -------------------------------------------------------------------------------------------------

    def _fit(self) -> None:
        def work(progress: Progress) -> None:
            self.keep(self.cae.fit(progress=progress, checkpoint=self._resume.name))

        self.run(work, lambda _: self._begin(), "Fitting the CAE")

    def _on_state(self, state: TaskState) -> None:
        super()._on_state(state)
        # A second click would begin again.
        self.controls.fit.disabled = state == "running"

    # --- what is shown -------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Bring map and way in line with what is chosen; what is shown stays until they are there."""
        if not self.cae.fitted:
            return
        with self._lock:
            self._goal = None
            chosen, wanted = self._chosen(), self._wanted
            present = self.scene if chosen == self._staged else None

            def work(progress: Progress) -> tuple[Scene, Counterfactual | None, Exact]:
                scene = present or self._make_scene(chosen, progress)
                shown = self._explain(scene, wanted)
                return scene, shown, self._end(scene, shown)

            name = "Leading the picture to the target" if present else "Drawing the map"
            self.run(work, lambda made: self._show(chosen, *made), name)

    def _make_scene(self, chosen: Choice, progress: Progress) -> Scene:
        picture = chosen.picture(self.study)
        source = int(self.cae.predict(picture[None]).argmax())
        target = None if chosen.target in (NOBODY, source) else chosen.target
        return make_scene(self.cae, picture, target, progress=progress)

    def _explain(self, scene: Scene, wanted: Wanted) -> Counterfactual | None:
        """The way to the target as far as is wanted, if there is a target."""
        if scene.target is None:
            return None
        confidence = None if wanted == "typical" else wanted
        return self.cae.explain(scene.encoded, scene.target, confidence=confidence, frames=FRAMES)

    def _end(self, scene: Scene, shown: Counterfactual | None) -> Exact:
        """The end of the way, or the picture itself."""
        if shown is None:
            return self._decode(scene, scene.home)
        strip = shown.strip
        return Exact(scene.point(strip.z[-1]), strip.pictures[-1], strip.probabilities[-1], bool(strip.on_data[-1]))

    def _show(self, chosen: Choice, scene: Scene, shown: Counterfactual | None, end: Exact) -> None:
        """Show what was computed, and put the point where it belongs."""
        with self._lock:
            place = self._goal or end.place
            # In one message, or there would be a moment at which the pictures of one map are shown on another.
            with self.atlas.hold_sync():
                if scene is not self.scene:
                    self._show_pictures(chosen, scene)
                self.atlas.x, self.atlas.y = place
                self._show_exact(end)
            if scene is not self.scene:
                self._show_map(scene, place)
                self.scene, self._staged = scene, chosen
                self.controls.enable(fitted=True, led=scene.target is not None)
            self.shown = shown
            if shown is None:
                self._show_no_way(chosen, scene)
            else:
                self._show_way(chosen, scene, shown)
            self.map.move(*place)
            self._follow()

    def _show_pictures(self, chosen: Choice, scene: Scene) -> None:
        seen, chance = self.study.class_names[scene.source], float(scene.probabilities.max())
        self.atlas.show_original(
            scene.encoded.pictures[0],
            f"Original: the classifier sees {seen} ({chance:.0%}), truly {chosen.truth(self.study)}",
            source=scene.source,
            target=NOBODY if scene.target is None else scene.target,
        )
        self.atlas.show_atlas(list(scene.atlas.pictures), scene.atlas.probabilities.numpy(), scene.box)

    def _show_map(self, scene: Scene, point: Place) -> None:
        side, classes = scene.atlas.side, self.cae.code_classes[scene.indices].numpy()
        self.map.show(scene.points.numpy(), classes, scene.box, scene.plane.labels, point)
        self.map.paint(scene.atlas.probabilities.reshape(side, side, -1).numpy(), scene.fog.numpy())
        self.map.picture_at(scene.home)
        self.atlas.colours = self.map.colours

    def _show_way(self, chosen: Choice, scene: Scene, shown: Counterfactual) -> None:
        self.way.show(shown)
        self.map.path(scene.plane.project(shown.strip.z).numpy())
        self.sentence = f"{shown.sentence()}{chosen.most_changed(self.study, shown)}"
        self.numbers = shown.verdict()
        if isinstance(self._wanted, str):
            self.controls.set_dial(shown.obtained)

    def _show_no_way(self, chosen: Choice, scene: Scene) -> None:
        self.way.clear()
        seen = f"The classifier already sees {self.study.class_names[scene.source]}; choose another class."
        self.sentence = "Drag the point: the picture becomes another one, and the prediction follows. " + (
            seen if chosen.target == scene.source else "Choose a target class to see the way there."
        )
        self.numbers = self.cae.health.verdict()

    # --- the point -----------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Decode the exact picture once the point rests; the browser shows its own until then."""
        with self._lock:
            scene, place = self.scene, self.map.point
            if scene is None or place == (self.atlas.exact.get("x"), self.atlas.exact.get("y")):
                return

            def work(progress: Progress) -> Exact:
                time.sleep(REST)
                progress.check()
                return self._decode(scene, place)

            self._exact.submit(work, lambda exact: self._show_late(scene, exact))

    def _decode(self, scene: Scene, place: Place) -> Exact:
        code = scene.code(*place)[None]
        picture = self.cae.decode(scene.encoded, code)
        return Exact(place, picture[0], self.cae.predict(picture)[0], bool(self.cae.density.on_data(code)[0]))

    def _show_late(self, scene: Scene, exact: Exact) -> None:
        """Show what was asked for a while ago, unless map or point are others by now."""
        with self._lock:
            if scene is self.scene and exact.place == self.map.point:
                self._show_exact(exact)

    def _show_exact(self, exact: Exact) -> None:
        chance, winner = exact.probabilities.max(0)
        where = "" if exact.on_data else ", outside the data"
        said = f"Counterfactual: {self.study.class_names[int(winner)]} {float(chance):.0%}{where}"
        self.atlas.show_exact(*exact.place, exact.picture, exact.probabilities.numpy(), said)

    def _on_exact_state(self, state: TaskState) -> None:
        if state == "failed" and self._exact.error is not None:
            self.show_error(self._exact.error)

    # --- taking it away ------------------------------------------------------------------------------------------

    def figure(self) -> Any:
        """The way on display as a matplotlib figure."""
        return self._required().figure()

    def gallery(self) -> Gallery:
        """The way on display as a static gallery, which survives in a saved notebook."""
        return self._required().gallery()

    def _required(self) -> Counterfactual:
        if self.shown is None:
            raise XaiWidgetsError("there is no way to show yet; choose a target class")
        return self.shown

    def make_page(self, progress: Progress) -> Page:
        """Render the map, the point and what is decoded around it."""
        with self._lock:
            if self.scene is None:
                raise NotFittedError("there is no map yet; fit the CAE, or wait until the map is drawn")
            progress.start(f"Writing {self.title}", 1)
            text: dict[str, Any] = {"title": self.title, "sentence": self.sentence, "numbers": self.numbers}
            drawn: dict[str, Any] = {"atlas": self.atlas.page_state(), "strip": self.way.frames}
            progress.advance()
            return manifold_page(**text, **drawn, **self.map.page_state())

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until map, way and exact picture are there, and say whether they are."""
        return self.task.wait(timeout) and self._exact.wait(timeout)

    def close(self) -> None:
        """Stop what is running and close every widget inside."""
        for task in (self.task, self._exact):
            task.cancel()
            task.wait()
        super().close()
        self.map.close()
        self.way.close()
        self._resume.cleanup()


def _of_study(study: Study) -> CAE:
    found: CAE = study.explainers.get("cae") or CAE(study)
    return found

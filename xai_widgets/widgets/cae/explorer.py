"""ManifoldExplorer: drag a point on the map of classes, and watch picture and prediction change."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Self

import ipywidgets

from xai_widgets.errors import NotFittedError, XaiWidgetsError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.methods.cae.scene import Choice, Decoded, Goal, Point, Scene, choose_scene, second_class
from xai_widgets.names import Target, find_class
from xai_widgets.pool import Everything
from xai_widgets.progress import Progress
from xai_widgets.scores.hiding import Marks
from xai_widgets.study import Study
from xai_widgets.widgets.cae.before_fit import BeforeFit
from xai_widgets.widgets.cae.controls import NOBODY, RUNNER_UP, ManifoldControls
from xai_widgets.widgets.cae.page import manifold_draft
from xai_widgets.widgets.cae.target import marks, told, with_target
from xai_widgets.widgets.cae.view import ManifoldView
from xai_widgets.widgets.frame.selection import Selection
from xai_widgets.widgets.frame.task import BackgroundTask, TaskState
from xai_widgets.widgets.pages.draft import Draft
from xai_widgets.widgets.views.elements import Tile

REST = 0.08
"""Seconds without a move after which the exact picture is decoded."""


class ManifoldExplorer(BeforeFit):
    """The map of all codes with one point to drag, and the counterfactual picture and prediction at that point.

    Parameters
    ----------
    source
        A `CAE`, fitted or not, or a study: then its fitted CAE is used, or a new one is made.
    picture
        The picture to begin with, by its index in ``study.test``.
    target
        The class to lead it to, by number or name; default the second most probable one.
    selection
        What is looked at, if it is shared with other widgets.

    Attributes
    ----------
    explainer
        The CAE; if it is fitted in the widget, it can be saved from there.
    map
        The map with the point.

    Examples
    --------
    >>> ManifoldExplorer(xw.demo())  # doctest: +SKIP
    """

    key = "cae"
    label = "Manifold"
    question = "What would turn this picture into another class, in the classifier's eyes?"
    reading = (
        "Choose a class, and drag the point: the picture changes, and the prediction follows. It shows how the "
        "classifier sees the classes, not how nature made them."
    )
    without_kernel = (
        "Dragging still works with the prepared pictures; exact pictures, other pictures and fits need the kernel."
    )
    follows = ("target", "picture")
    #: The counterfactual on display, or None on an overview.
    explanation: Counterfactual | None = None

    def __init__(
        self,
        source: Study | CAE,
        *,
        picture: int | None = None,
        target: Target | None = None,
        selection: Selection | None = None,
    ) -> None:
        self._first = picture, target
        self._staged: Choice | None = None
        self._from_map = -1
        self._goal: Goal = "typical"
        self._moved_to: Point | None = None
        self._exact = BackgroundTask(self._on_exact_state)
        super().__init__(source, selection=selection)

    def _check(self) -> None:
        picture, target = self._first
        if picture is not None:
            self._require_picture(picture)
        if target is not None:
            find_class(self.study.class_names, target)

    def _make_controls(self) -> Sequence[ipywidgets.Widget]:
        picture, target = self._first
        first = self.study.pool.indices[0] if picture is None else picture
        self.controls = ManifoldControls(self.study.class_names, len(self.study.test), first)
        self.target = target
        self._offer_trial()
        return [self.fitting, *self.controls.row]

    def _make_views(self) -> Sequence[ipywidgets.Widget]:
        self.view = ManifoldView(self.study)
        self.map = self.view.map
        return self.view.widgets

    def _make_more(self) -> Sequence[ipywidgets.Widget]:
        return [self.view.path.widget]

    def _bind(self) -> None:
        self.shared_controls, self.mirrored = self.controls.row[:2], [*self.controls.row[1:], self.view.chips]
        for name in ("picture", "from_map", "target", "overview", "goal", "point"):
            self.bind(name, self, name)
        self.controls.picture.observe(self.guarded(lambda _: self._take_unseen()), "value")
        self.controls.target.observe(self.guarded(lambda _: self._refresh()), "value")
        self.controls.confidence.observe(self.guarded(lambda _: self._dialled()), "value")
        self.controls.border.on_click(self.guarded(lambda _: self._lead("border")))
        self.controls.typical.on_click(self.guarded(lambda _: self._lead("typical")))
        self.controls.back.on_click(self.guarded(lambda _: self._go_home()))
        self.map.on_move(self.guarded(lambda *_: self._follow_point()))
        self.map.on_pick(self.guarded(self._take_from_map))
        self.map.on_point(self.view.thumbnail)
        self.view.chips.observe(self.guarded(lambda _: self._take_chip()), "selected")

    # --- what is chosen ------------------------------------------------------------------------------------------

    @property
    def picture(self) -> int | None:
        """The picture, as an index in ``study.test``; None while one from the map is shown."""
        return self.controls.picture.value if self._from_map < 0 else None

    @picture.setter
    def picture(self, picture: int | None) -> None:
        if picture is None or picture == self.picture:
            return
        self._require_picture(picture)
        again = picture == self.controls.picture.value
        self.controls.show_picture(picture)
        if again:
            self._take_unseen()
            self.announce()

    def _require_picture(self, picture: int) -> None:
        if not 0 <= picture < len(Everything(self.study)):
            raise XaiWidgetsError(f"picture is {picture}; there are held-out pictures 0 to {len(self.study.test) - 1}")

    @property
    def target(self) -> int | None:
        """The chosen class; None for the second most probable one, and on an overview. Set it by number or name."""
        target: int = self.controls.target.value
        return None if target < 0 else target

    @target.setter
    def target(self, target: Target | None) -> None:
        self.controls.target.value = RUNNER_UP if target is None else find_class(self.study.class_names, target)

    @property
    def overview(self) -> bool:
        """Whether the map shows all classes, and no class is the target."""
        return bool(self.controls.target.value == NOBODY)

    @overview.setter
    def overview(self, overview: bool) -> None:
        if overview != self.overview:
            self.controls.target.value = NOBODY if overview else RUNNER_UP

    def _take_chip(self) -> None:
        self.controls.target.value = self.controls.target.value if self.view.chip is None else self.view.chip

    @property
    def point(self) -> Point:
        """Where the point is on the map; set it to move the point."""
        return self.map.point

    @point.setter
    def point(self, point: Sequence[float]) -> None:
        with self.lock:
            # Of a map that is being drawn the edges are not known yet.
            self._moved_to = (point[0], point[1])
            self.map.move(*point)

    @property
    def from_map(self) -> int:
        """Index in ``study.train`` of the picture that was clicked on the map; -1 while a held-out one is shown."""
        return self._from_map

    @from_map.setter
    def from_map(self, index: int) -> None:
        if not -1 <= index < len(self.study.train):
            raise XaiWidgetsError(f"from_map is {index}; give an index in study.train, or -1")
        if index != self._from_map:
            self._from_map = index
            self._refresh()
            self.announce()

    @property
    def goal(self) -> Goal:
        """The end of the path, a confidence in (0, 1), "border" or "typical"; set it to lead the picture there."""
        return self._goal

    @goal.setter
    def goal(self, goal: Goal) -> None:
        if goal not in ("border", "typical") and (isinstance(goal, str) or not 0 < goal < 1):
            raise XaiWidgetsError(f"goal is {goal!r}; give a confidence in (0, 1), 'border' or 'typical'")
        if goal != self._goal:
            self._lead(goal)

    def _lead(self, goal: Goal) -> None:
        """Lead the picture to the target, as far as the goal."""
        self._goal = goal
        if not isinstance(goal, str):
            self.controls.set_dial(goal)
        self._refresh()

    def _dialled(self) -> None:
        if self.controls.turned:
            self._lead(self.controls.confidence.value)

    def _take_unseen(self) -> None:
        self._from_map = -1
        self._refresh()

    def _take_from_map(self, point: int) -> None:
        with self.lock:
            if self.scene is not None:
                self.from_map = int(self.explainer.code_indices[self.scene.indices[point]])

    def _go_home(self) -> None:
        if self.scene is not None:
            self.map.move(*self.scene.home)

    @property
    def scene(self) -> Scene | None:
        """What is on the map, or None while there is nothing."""
        return self.view.scene

    # --- what is shown -------------------------------------------------------------------------------------------

    def _on_state(self, state: TaskState) -> None:
        super()._on_state(state)
        self.offer_fit(needed=not self.explainer.fitted, running=state == "running")

    def _refresh(self) -> None:
        """Bring map and way in line with what is chosen; what is shown stays until they are there."""
        self.offer_fit(needed=not self.explainer.fitted)
        if not self.explainer.fitted:
            self.controls.enable(fitted=False, led=False)
            self.judge(None)
            self.sentence = self.not_fitted()
            return
        with self.lock:
            self._moved_to = None
            choice, goal, study = self.controls.choice(self._from_map), self._goal, self.study
            cae, first = self.explainer, (self.first or self).study
            present = self.scene if choice == self._staged else None

            def work(progress: Progress) -> tuple[Scene, Counterfactual | None, Decoded]:
                scene = present or choose_scene(cae, with_target(cae, choice, study, first), progress, study)
                explanation = scene.explain(goal)
                return scene, explanation, scene.end(explanation)

            name = "Leading the picture to the target" if present else "Drawing the map"
            self.run(work, lambda made: self._show(choice, *made), name)

    def _show(self, choice: Choice, scene: Scene, explanation: Counterfactual | None, end: Decoded) -> None:
        """Show what was computed, and put the point where it belongs."""
        with self.lock:
            point = self._moved_to or end.point
            self.view.show(scene, choice.truth(self.study), end, point)
            self.view.show_way(scene, explanation)
            self._staged, self.explanation = choice, explanation
            self.controls.enable(fitted=True, led=scene.target is not None)
            self.sentence, verdict, numbers = told(self.explainer, choice, explanation)
            self.judge(verdict, numbers, explanation)
            if explanation is not None and isinstance(self._goal, str):
                self.controls.set_dial(explanation.obtained)
            self.map.move(*point)
            self._follow_point()

    def _marks(self, shown: Counterfactual) -> Marks:
        return marks(shown)

    # --- the point -----------------------------------------------------------------------------------------------

    def _follow_point(self) -> None:
        """Decode the exact picture once the point rests; the browser shows its own until then."""
        with self.lock:
            scene, point, exact = self.scene, self.map.point, self.view.atlas.exact
            if scene is None or point == (exact.get("x"), exact.get("y")):
                return

            def work(progress: Progress) -> Decoded:
                time.sleep(REST)
                progress.check()
                return scene.decode(point)

            self._exact.submit(work, lambda decoded: self._show_late(scene, decoded))

    def _show_late(self, scene: Scene, decoded: Decoded) -> None:
        """Show what was requested a while ago, unless map or point are others by now."""
        with self.lock:
            if scene is self.scene and decoded.point == self.map.point:
                self.view.show_exact(decoded)

    def _on_exact_state(self, state: TaskState) -> None:
        if state == "failed" and self._exact.error is not None:
            self.show_error(self._exact.error)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until map, way and exact picture are there, and say whether they are."""
        return super().wait(timeout) and self._exact.wait(timeout)

    # --- taking it away ------------------------------------------------------------------------------------------

    def thumbnails(self) -> list[Tile]:
        """The first, the middle and the last frame of the path."""
        frames = self.view.path.tiles
        return [frames[0], frames[len(frames) // 2], frames[-1]] if frames else []

    @classmethod
    def prepared(cls, studies: Sequence[Study], *, seed: int = 0, progress: Progress) -> list[Self]:  # noqa: ARG003
        """Explorers of the path to the second most probable class of the first study's first picture."""
        target = second_class(studies[0], studies[0].pool.pictures[0])
        return [cls(study, target=target).settled(progress) for study in studies]

    def draft(self) -> Draft:
        """A page of the first pictures and the chosen one, each with a map for every class it can be led to."""
        if self.scene is None:
            raise NotFittedError("there is no map yet; fit the CAE, or wait until the map is drawn")
        pool = self.study.pool if self.picture is None else self.study.pool.with_picture(self.picture)
        number = 0 if self.picture is None else pool.indices.index(self.picture)
        return manifold_draft(self.title, self.explainer, pool, number, self.scene.target, self._goal)

    def close(self) -> None:
        """Stop what is running and close every widget inside."""
        self._exact.cancel()
        self._exact.wait()
        super().close()
        self.map.close()

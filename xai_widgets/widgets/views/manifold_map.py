"""The map of codes: classes as coloured shapes, territories behind them, and one point that a hand can drag."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

import bqplot
import ipywidgets
import numpy as np
import numpy.typing as npt

from xai_widgets.errors import PictureError
from xai_widgets.show.colours import GROUND, INK
from xai_widgets.widgets.views import chart
from xai_widgets.widgets.views.atlas import AtlasView
from xai_widgets.widgets.views.backdrop import blank, paint_backdrop
from xai_widgets.widgets.views.chart import HEIGHT, WIDTH, Box, Floats, Place
from xai_widgets.widgets.views.layouts import AXIS_STYLE, fixed_figure, room
from xai_widgets.widgets.views.tools import Displayed, close_all, fit_description

HINT = "drag me"

NOTCHES = 100
"""Steps of a slider from one edge of the map to the other."""


class ManifoldMap(Displayed):
    """Codes of pictures on a map of two axes, the picture that is looked at, and a point that can be dragged.

    The point moves by mouse and touch, by the sliders below the map (and so by keyboard), by a click on the ground,
    and from Python. It stays inside the map's box.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._box: Box = (0.0, 1.0, 0.0, 1.0)
        self._point: Place = (0.5, 0.5)
        self._png = blank()
        self._shown = (np.zeros((0, 2)), np.zeros(0, int))
        self._dragging, self._dragged = False, False
        self._on_move: list[Callable[[float, float], object]] = []
        self._on_pick: list[Callable[[int], object]] = []
        self._links: list[ipywidgets.Widget] = []
        self._thumbnail: Callable[[int], str] = lambda _: ""
        self._make_marks()
        self._figure = self._make_figure()
        self._legend = ipywidgets.HTML(layout={"margin": "0", "max_width": f"{WIDTH}px"})
        self._sliders = [_slider(name) for name in ("Across", "Up")]
        row = ipywidgets.HBox(self._sliders, layout={"width": f"{WIDTH}px"})
        self.widget = ipywidgets.VBox([room(self._figure), row, self._legend], layout={"grid_gap": "2px"})
        self._listen()

    # --- how it is built -----------------------------------------------------------------------------------------

    def _make_marks(self) -> None:
        self._x, self._y = (bqplot.LinearScale(min=0.0, max=1.0, allow_padding=False) for _ in range(2))
        scales = {"x": self._x, "y": self._y}
        self._styles = chart.class_marks(len(self.names))
        self._tooltip = ipywidgets.HTML()
        self._classes = [
            bqplot.Scatter(
                scales=scales, colors=[style.colour], marker=style.shape, default_size=46, stroke=GROUND,
                stroke_width=0.6, tooltip=self._tooltip,
            )
            for style in self._styles
        ]  # fmt: skip
        self._backdrop = bqplot.Image(scales=scales, image=_image(self._png), pixelated=False)
        self._route = bqplot.Lines(scales=scales, colors=[INK], stroke_width=2.5, line_style="dashed")
        self._home = bqplot.Scatter(
            scales=scales, colors=[INK], marker="circle", fill=False, default_size=420, stroke_width=2.5
        )
        self._handle = bqplot.Scatter(
            x=[0.5], y=[0.5], scales=scales, colors=["white"], stroke="#1f2328", stroke_width=3.5, default_size=260,
            enable_move=True, update_on_move=True,
        )  # fmt: skip
        self._hint = bqplot.Label(
            x=[0.5], y=[0.5], text=[], scales=scales, colors=[INK], x_offset=14, y_offset=-10, default_size=14,
            font_weight="bold",
        )  # fmt: skip

    def _make_figure(self) -> bqplot.Figure:
        style = AXIS_STYLE | {"label_offset": "32px", "tick_style": {"fill": INK, "font-size": "12px"}}
        axes = [bqplot.Axis(scale=self._x, **style), bqplot.Axis(scale=self._y, side="left", **style)]
        marks = [self._backdrop, *self._classes, self._route, self._home, self._hint, self._handle]
        figure = fixed_figure(marks, axes, (WIDTH, HEIGHT), top=8, bottom=44, left=52, right=12)
        figure.add_class("xw-map")
        figure.add_class("xw-map-fresh")
        return figure

    def _listen(self) -> None:
        self._handle.observe(self._followed, ["x", "y"])
        self._handle.on_drag_start(lambda *_: self._drag(begins=True))
        self._handle.on_drag_end(lambda *_: self._drag(begins=False))
        self._backdrop.on_element_click(lambda _, event: self.move(event["data"]["click_x"], event["data"]["click_y"]))
        for slider in self._sliders:
            slider.observe(self._slid, "value")
        for mark, scatter in enumerate(self._classes):
            scatter.on_element_click(lambda _, event, mark=mark: self._picked(mark, event["data"]["index"]))
            scatter.on_hover(lambda _, event, mark=mark: self._hovered(mark, event["data"]["index"]))

    # --- what is shown -------------------------------------------------------------------------------------------

    @property
    def colours(self) -> list[str]:
        """The colour of every class, for views that show the same classes."""
        places = chart.mark_places(len(self.names), self._shown[1])
        return [self._styles[place].colour for place in places]

    def show(
        self,
        points: Floats,
        classes: npt.NDArray[Any],
        box: Box,
        labels: tuple[str, str] = ("", ""),
        point: Place | None = None,
    ) -> None:
        """Show another map: its points (M, 2), edges and axes. What was painted and drawn on the one before is gone.

        The point goes to `point`, of which nobody is told; by default it stays, or goes to the nearest place in the
        new box. Raises a PictureError if points and classes do not fit each other or the box is empty.
        """
        self._shown = _checked(np.asarray(points, float), np.asarray(classes, np.int64), len(self.names), box)
        left, right, low, high = (float(edge) for edge in box)
        self._box = (left, right, low, high)
        for axis, label, ends in zip(self._figure.axes, labels, ((left, right), (low, high)), strict=True):
            _set_axis(axis, label, *ends)
        self._backdrop.x, self._backdrop.y = np.array([left, right]), np.array([low, high])
        self._draw_points()
        self._hint.text = [] if self._dragged else [HINT]
        self._set_image(blank())
        self.path(np.zeros((0, 2)))
        self.picture_at(None)
        self._arrive(self._point if point is None else point, tell=False)

    def _draw_points(self) -> None:
        points, classes = self._shown
        self._drawn = chart.marked_points(self.names, classes)
        for scatter, group in zip(self._classes, self._drawn, strict=True):
            with scatter.hold_sync():
                scatter.x, scatter.y = points[group.members].T
        self._legend.value = chart.legend(self._drawn)

    def paint(self, territory: Floats, fog: Floats) -> None:
        """Paint the probabilities (n, n, K) and the fog (n, n) behind the points, as in `paint_backdrop`."""
        self._set_image(paint_backdrop(territory, fog, self.colours))

    def _set_image(self, png: bytes) -> None:
        """Replace the ground by a new widget: the mark does not notice a new value of the old one."""
        self._png, old = png, self._backdrop.image
        self._backdrop.image = _image(png)
        close_all(old)

    def path(self, points: Floats) -> None:
        """Draw the way from the picture to its target through these places (M, 2); none to draw no way."""
        points = np.asarray(points, float).reshape(-1, 2)
        with self._route.hold_sync():
            self._route.x, self._route.y = points[:, 0], points[:, 1]

    def picture_at(self, place: Place | None) -> None:
        """Mark where the picture itself lies, or nothing."""
        with self._home.hold_sync():
            self._home.x, self._home.y = np.array([] if place is None else place, float).reshape(2, -1)

    # --- the point -----------------------------------------------------------------------------------------------

    @property
    def point(self) -> Place:
        """Where the point is."""
        return self._point

    def move(self, x: float, y: float) -> None:
        """Move the point, as far as the box allows, and tell those who listen."""
        self._arrive((float(x), float(y)))

    def on_move(self, callback: Callable[[float, float], object]) -> None:
        """Call ``callback(x, y)`` whenever the point has moved, by whatever means; once per move."""
        self._on_move.append(callback)

    def on_pick(self, callback: Callable[[int], object]) -> None:
        """Call ``callback(place)`` when one of the points of `show` is clicked, with its place among them."""
        self._on_pick.append(callback)

    def on_point(self, thumbnail: Callable[[int], str]) -> None:
        """Ask ``thumbnail(place)`` for the source of the picture that is shown while a point is pointed at."""
        self._thumbnail = thumbnail

    def link_to(self, view: AtlasView) -> None:
        """Let the browser move a view's ``x`` and ``y`` along with the point; the kernel is not asked."""
        self._links += [ipywidgets.jsdlink((self._handle, name), (view, name)) for name in ("x", "y")]

    def _followed(self, _: Any) -> None:
        # Called for x and for y, when both have arrived; the second call finds the point already there.
        self._arrive((float(self._handle.x[0]), float(self._handle.y[0])))

    def _slid(self, change: dict[str, Any]) -> None:
        axis = self._sliders.index(change["owner"])
        # A slider that follows the point is only at the nearest notch, and must not draw the point there.
        if change["new"] != self._notch(axis):
            low, high = self._box[2 * axis : 2 * axis + 2]
            place = list(self._point)
            place[axis] = low + (high - low) * change["new"] / NOTCHES
            self._arrive((place[0], place[1]))

    def _notch(self, axis: int) -> int:
        low, high = self._box[2 * axis : 2 * axis + 2]
        return round(NOTCHES * (self._point[axis] - low) / (high - low))

    def _drag(self, *, begins: bool) -> None:
        self._dragging, self._dragged = begins, True
        self._hint.text = []
        self._figure.remove_class("xw-map-fresh")
        # The hand may have left the box; what it drags is put back only once it lets go.
        self._arrive(self._point)

    def _picked(self, mark: int, index: int) -> None:
        for callback in tuple(self._on_pick):
            callback(int(self._drawn[mark].members[index]))

    def _hovered(self, mark: int, index: int) -> None:
        group = self._drawn[mark]
        src, name = self._thumbnail(int(group.members[index])), html.escape(group.name)
        self._tooltip.value = f'<div class="xw xw-tooltip"><img src="{src}" alt="" width="72"><div>{name}</div></div>'

    def _arrive(self, wanted: Place, *, tell: bool = True) -> None:
        left, right, low, high = self._box
        place = (min(max(wanted[0], left), right), min(max(wanted[1], low), high))
        moved, self._point = place != self._point, place
        if not self._dragging:
            self._write(place)
        for axis, slider in enumerate(self._sliders):
            slider.value = self._notch(axis)
        for callback in tuple(self._on_move) if moved and tell else ():
            callback(*place)

    def _write(self, place: Place) -> None:
        # One message, and nobody hears of the new x before the new y is there too.
        with self._handle.hold_sync(), self._handle.hold_trait_notifications():
            self._handle.x, self._handle.y = np.array([[place[0]], [place[1]]])
        if len(self._hint.text):
            with self._hint.hold_sync():
                self._hint.x, self._hint.y = np.array([[place[0]], [place[1]]])
                # Beside the point, on the side where there is room.
                right = place[0] > (self._box[0] + self._box[1]) / 2
                self._hint.align, self._hint.x_offset = ("end", -16) if right else ("start", 16)

    # --- taking it away ------------------------------------------------------------------------------------------

    def page_state(self) -> dict[str, Any]:
        """What `manifold_page` needs to draw the same map."""
        points, classes = self._shown
        home = (float(self._home.x[0]), float(self._home.y[0])) if len(self._home.x) else None
        return {
            "points": points, "classes": classes, "box": self._box, "start": self._point, "home": home,
            "labels": tuple(axis.label for axis in self._figure.axes), "backdrop_png": self._png,
            "path_points": np.stack([self._route.x, self._route.y], axis=-1),
        }  # fmt: skip

    def close(self) -> None:
        """Close every widget inside, and the links to others."""
        for link in self._links:
            link.close()
        for widget in (self._tooltip, self.widget, self._backdrop.image):  # the last one may be newer than the others
            close_all(widget)

    def __repr__(self) -> str:
        return f"<ManifoldMap: {len(self._shown[0])} points of {len(self.names)} classes>"


def _image(png: bytes) -> ipywidgets.Image:
    return ipywidgets.Image(value=png, format="png")


def _slider(name: str) -> ipywidgets.IntSlider:
    # It counts notches: of positions the browser would send back what it had rounded.
    width = {"flex": "1 1 0", "width": "auto"}
    slider = ipywidgets.IntSlider(NOTCHES // 2, 0, NOTCHES, description=name, readout=False, layout=width)
    fit_description(slider)
    return slider


def _set_axis(axis: bqplot.Axis, label: str, low: float, high: float) -> None:
    values, decimals = chart.ticks(low, high)
    with axis.scale.hold_sync():
        axis.scale.min, axis.scale.max = low, high
    with axis.hold_sync():
        axis.label, axis.tick_values, axis.tick_format = label, np.array(values), f".{decimals}f"


def _checked(points: Any, classes: Any, count: int, box: Box) -> tuple[Any, Any]:
    if points.ndim != 2 or points.shape[1] != 2 or classes.shape != points.shape[:1]:
        raise PictureError(f"a map shows points (M, 2) with classes (M,), not {points.shape} with {classes.shape}")
    if not np.isfinite(points).all():
        raise PictureError("some points of the map are not finite numbers; find where they come from")
    if len(classes) and not 0 <= classes.min() <= classes.max() < count:
        raise PictureError(f"classes run from 0 to {count - 1}, these from {classes.min()} to {classes.max()}")
    if not (box[0] < box[1] and box[2] < box[3]):
        raise PictureError(f"a box is (lowest x, highest x, lowest y, highest y), not {box}")
    return points, classes

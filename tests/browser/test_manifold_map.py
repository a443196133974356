"""A real mouse drags the point of the map: the picture follows it in the browser, and Python knows where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.browser.conftest import HANDLE, INNER, drag, middle, pixels
from xai_widgets.widgets.views.chart import WIDTH

pytestmark = pytest.mark.browser

RIGHT, UP = INNER[0] / 4, INNER[1] / 4  # a quarter of the map each way

NASTY = "<script>alert(1)</script>"
SCENE = """
import ipywidgets, numpy as np
from xai_widgets.widgets.views.atlas import AtlasView
from xai_widgets.widgets.views.manifold_map import ManifoldMap

NAMES = ["<script>alert(1)</script>", "<img src=x onerror=alert(2)>"]
BOX, N = (-2.0, 2.0, 0.0, 10.0), 3
generator = np.random.default_rng(0)
points = np.array([[-1.5, 8.0], [1.5, 2.0]])
original = generator.integers(0, 256, (3, 8, 6)).astype(np.uint8)
pictures = generator.integers(0, 256, (N * N, 3, 8, 6)).astype(np.uint8)
chances = generator.dirichlet([1, 1], N * N)

def blend(x, y):
    "The slow twin: weights of the tiles by their distance from the point, in steps of the atlas."
    steps = (x + 2) / 4 * (N - 1), y / 10 * (N - 1)
    picture, chance = 0, 0
    for place in range(N * N):
        row, column = divmod(place, N)
        weight = max(0, 1 - abs(steps[0] - column)) * max(0, 1 - abs(steps[1] - row))
        picture, chance = picture + weight * pictures[place], chance + weight * chances[place]
    return picture.transpose(1, 2, 0).tolist(), chance.tolist()
"""
SHOW = """
chart, view = ManifoldMap(NAMES), AtlasView(names=NAMES, colours=["#0072B2", "#E69F00"])
chart.link_to(view)
chart.show(points, np.array([0, 1]), BOX, ("across", "up"))
chart.move(0.0, 5.0)
view.show_original(original, "noise", source=0, target=1)
moves, picked = [], []
chart.on_move(lambda x, y: moves.append((x, y)))
chart.on_pick(picked.append)
ipywidgets.VBox([chart.widget, view])
"""
ATLAS = "view.show_atlas(pictures, chances, BOX)"


@pytest.fixture
def shown(notebook: Callable[..., Any]) -> Any:
    opened = notebook([SCENE, SHOW, ATLAS])
    # All of it in sight: a mouse does not scroll.
    opened.page.set_viewport_size({"width": 1280, "height": 1800})
    opened.page.wait_for_selector(HANDLE)
    opened.page.wait_for_selector("[data-state=preview]")
    return opened


def assert_blend(opened: Any) -> None:
    """The canvas is the blend for where Python has the point, and the bars are its probabilities."""
    opened.page.wait_for_timeout(100)
    picture, chances = opened.python("blend(*chart.point)")
    assert np.abs(pixels(opened.page) - np.array(picture)).max() <= 1
    percents = opened.page.locator(".xw-bar-percent").all_inner_texts()
    assert [int(text.removesuffix(" %")) for text in percents] == pytest.approx([100 * p for p in chances], abs=0.6)


def test_dragging_moves_python_and_blends_the_picture(shown: Any) -> None:
    assert_blend(shown)
    before = pixels(shown.page)
    drag(shown.page, RIGHT, -UP)
    shown.until("[round(at, 1) for at in chart.point]", [1.0, 7.5])
    assert np.abs(pixels(shown.page) - before).mean() > 10
    assert_blend(shown)
    shown.page.mouse.up()
    assert_blend(shown)
    assert shown.python("moves[-1] == chart.point and len(set(moves)) == len(moves)")
    shown.until("float(np.frombuffer(view.x)[0]) == chart.point[0]", True)


def test_the_picture_never_jumps_back(shown: Any) -> None:
    """What the kernel hears of a position, it must not send back: the hand is elsewhere by then."""
    shown.page.evaluate("""() => {
      window.widths = [];
      const fill = document.querySelectorAll(".xw-bar-fill")[0];
      new MutationObserver(() => window.widths.push(new DOMMatrix(fill.style.transform).a)).observe(
        fill, { attributes: true });
    }""")
    shown.python("view.show_atlas(pictures, np.stack([np.arange(9) % 3 / 2, 1 - np.arange(9) % 3 / 2], -1), BOX)")
    shown.page.wait_for_timeout(300)
    x, y = middle(shown.page)
    shown.page.mouse.move(x, y)
    shown.page.mouse.down()
    for step in range(60):
        shown.page.mouse.move(x + 3 * step, y)
    shown.page.mouse.up()
    shown.page.wait_for_timeout(500)
    widths = shown.page.evaluate("window.widths")
    assert len(widths) > 10
    assert np.diff(widths[1:]).min() >= -1e-6


def test_the_picture_follows_while_the_kernel_is_busy(shown: Any) -> None:
    shown.page.evaluate("""() => {
      const { kernel } = window.jupyterapp.shell.currentWidget.context.sessionContext.session;
      kernel.requestExecute({ code: "import time; time.sleep(4); awake = True" });
    }""")
    before = pixels(shown.page)
    drag(shown.page, RIGHT, -UP)
    shown.page.wait_for_timeout(100)
    while_asleep = pixels(shown.page)
    shown.page.mouse.up()
    shown.until("awake", True)
    shown.until("[round(at, 1) for at in chart.point]", [1.0, 7.5])
    assert np.abs(while_asleep - before).mean() > 10
    assert np.abs(while_asleep - np.array(shown.python("blend(*chart.point)[0]"))).max() <= 1


def test_a_point_dragged_off_the_map_is_put_back_on_its_edge(shown: Any) -> None:
    drag(shown.page, 900, -UP)
    shown.page.mouse.up()
    shown.until("chart.point[0]", 2.0)
    shown.until("chart._handle.x.tolist()", [2.0])
    corner = shown.page.locator(".xw-map").bounding_box()
    shown.page.wait_for_timeout(200)
    assert middle(shown.page)[0] == pytest.approx(corner["x"] + WIDTH - 12, abs=2)
    assert_blend(shown)


def test_sliders_move_the_point_by_keyboard_and_follow_it(shown: Any) -> None:
    x, y = shown.page.get_by_role("slider").all()
    x.focus()
    shown.page.keyboard.press("ArrowRight")
    shown.until("[round(at, 6) for at in chart.point]", [0.04, 5.0])
    y.focus()
    shown.page.keyboard.press("ArrowDown")
    shown.until("[round(at, 6) for at in chart.point]", [0.04, 4.9])
    assert_blend(shown)
    drag(shown.page, RIGHT, -UP)
    shown.page.mouse.up()
    shown.until("[slider.value for slider in chart._sliders]", [76, 74])
    shown.page.wait_for_function("document.querySelectorAll('[role=slider]')[0].ariaValueText === '76'")
    # The sliders have followed to their notches without drawing the point there.
    assert shown.python("list(chart.point)") == pytest.approx([1.04, 7.4], abs=0.05)  # a pixel is 0.03


def test_clicks_on_points_and_on_the_ground(shown: Any) -> None:
    shown.page.locator(HANDLE).nth(1).click()
    shown.until("picked", [1])
    assert shown.python("moves") == []
    x, y = middle(shown.page)
    shown.page.mouse.click(x - RIGHT, y)
    shown.until("[round(at, 1) for at in chart.point]", [-1.0, 5.0])
    assert_blend(shown)


def test_the_exact_picture_replaces_the_blend_only_at_its_place(shown: Any) -> None:
    shown.python("view.show_exact(0.0, 5.0, pictures[0], chances[0], 'exactly noise')")
    shown.page.wait_for_selector("[data-state=exact]")
    assert (pixels(shown.page) == shown.python("pictures[0].transpose(1, 2, 0).tolist()")).all()
    expected = shown.python(
        "__import__('xai_widgets.show.images').show.images.diverging("
        "(pictures[0] / 255.0 - original / 255.0), view.scale).tolist()"
    )
    assert np.abs(pixels(shown.page, 1) - np.array(expected)).max() <= 1
    shown.page.wait_for_selector(".xw-atlas canvas[aria-label='exactly noise']")
    drag(shown.page, 30, 0)
    shown.page.mouse.up()
    shown.page.wait_for_selector("[data-state=preview]")
    assert_blend(shown)


def test_what_is_said_at_rest_is_not_said_while_moving(shown: Any) -> None:
    said = shown.page.locator(".xw-atlas [aria-live]")
    shown.page.wait_for_function("document.querySelector('.xw-atlas [aria-live]').textContent")
    before = said.text_content()
    assert before.startswith("Preview: ")
    drag(shown.page, RIGHT, 0)
    assert said.text_content() == before
    shown.page.wait_for_timeout(600)
    assert said.text_content() not in ("", before)


def test_a_new_atlas_replaces_the_old_one_without_a_blank(shown: Any) -> None:
    shown.page.evaluate("""() => {
      window.seen = [];
      const root = document.querySelector(".xw-atlas");
      new MutationObserver(() => window.seen.push(root.dataset.state)).observe(root, { attributes: true });
    }""")
    shown.python("view.show_atlas(255 - pictures, chances, BOX)")
    expected = 255 - np.array(shown.python("blend(*chart.point)[0]"))
    shown.page.wait_for_timeout(500)
    assert np.abs(pixels(shown.page) - expected).max() <= 1
    assert "waiting" not in shown.page.evaluate("window.seen")


def test_without_an_atlas_there_are_placeholders_of_the_final_size(shown: Any) -> None:
    before = shown.page.locator(".xw-atlas .xw-frame").nth(1).bounding_box()
    shown.python("view.show_original(original, 'noise', source=0, target=1)")
    shown.page.wait_for_selector("[data-state=waiting]")
    assert shown.page.locator(".xw-atlas .xw-frame").nth(1).bounding_box() == before
    assert shown.page.locator(".xw-atlas [data-waiting]").count() == 2


def test_the_ground_is_painted_anew(shown: Any) -> None:
    address = "document.querySelector('.xw-map image').getAttribute('href')"
    before = shown.page.evaluate(address)
    shown.python("chart.paint(chances.reshape(N, N, 2), np.zeros((N, N)))")
    shown.page.wait_for_function(f"{address} !== {before!r}")


def test_names_are_text(shown: Any) -> None:
    assert NASTY in shown.page.locator(".xw-bars").inner_text()
    assert NASTY in shown.page.locator(".xw-legend").inner_text()
    assert shown.page.locator(".xw-bars script, .xw-legend script, .xw-legend img").count() == 0

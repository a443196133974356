"""How far the point is led, and that of quick changes only the latest is shown."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances

from tests.widgets.cae.conftest import held_out, other, pixels, settle
from xai_widgets.methods.cae.scene import Scene
from xai_widgets.widgets.cae import explorer as manifold
from xai_widgets.widgets.cae.explorer import ManifoldExplorer

LONG = 60.0


def end(explorer):
    """Where the way on display ends."""
    return pytest.approx(explorer.scene.point(explorer.explanation.strip.z[-1]))


@pytest.mark.parametrize("confidence", [0.2, 0.6, 0.8])
def test_the_dial_leads_the_point_and_obtains_what_is_requested(led, confidence):
    before = led.scene
    led.controls.confidence.value = confidence
    settle(led)
    assert led.scene is before
    assert (led.explanation.requested, led.goal) == (confidence, confidence)
    assert led.explanation.obtained == pytest.approx(confidence, abs=0.02)
    assert led.view.atlas.exact["probabilities"][led.scene.target] == pytest.approx(confidence, abs=0.02)
    assert led.point == end(led)
    assert led.controls.confidence.value == confidence


def test_the_dial_keeps_its_confidence_for_other_pictures_and_targets(led):
    led.controls.confidence.value = 0.7
    led.picture = 1
    settle(led)
    led.target = other(led, 2)
    settle(led)
    assert led.explanation.obtained == pytest.approx(0.7, abs=0.02)


def test_at_the_border_both_are_equally_probable(led):
    led.controls.border.click()
    settle(led)
    chances = led.view.atlas.exact["probabilities"]
    assert chances[led.scene.target] == pytest.approx(chances[led.scene.source], abs=0.02)
    assert led.goal == "border"
    assert led.controls.confidence.value == pytest.approx(led.explanation.obtained, abs=0.01)  # the dial follows
    led.controls.typical.click()
    settle(led)
    assert led.goal == "typical"
    assert led.point == pytest.approx(led.scene.point(led.explainer.centres[led.scene.target]), abs=1e-3)
    assert led.controls.confidence.value == pytest.approx(min(led.explanation.obtained, 0.99), abs=0.01)


def test_the_dial_can_be_turned_to_where_it_was(led):
    led.controls.confidence.value = 0.3
    led.controls.border.click()
    settle(led)
    led.controls.confidence.value = 0.3
    settle(led)
    assert led.explanation.requested == 0.3


def test_back_to_the_picture(led):
    way = led.explanation
    led.controls.back.click()
    settle(led)
    assert led.point == led.scene.home
    assert led.view.atlas.exact["src"] == led.view.atlas.original["src"]
    assert led.explanation is way
    led.controls.typical.click()
    settle(led)
    assert led.point == end(led)


def test_the_point_moves_and_the_way_stays(led):
    way, (x0, x1, y0, y1) = led.explanation, led.scene.box
    led.point = ((x0 + 2 * x1) / 3, (2 * y0 + y1) / 3)
    settle(led)
    assert led.explanation is way
    led.point = (x1 + 99, y0 - 99)
    settle(led)
    assert led.point == pytest.approx((x1, y0))
    assert ", far from real pictures" in led.view.atlas.exact["alt"]


# --- one after the other -----------------------------------------------------------------------------------------


@pytest.fixture
def gate(monkeypatch):
    """Lets maps be drawn only while it is open, and notes of which targets."""
    opened, drawn, draw = threading.Event(), [], manifold.choose_scene

    def wait_and_draw(cae, choice, progress, study):
        drawn.append(choice.target)
        assert opened.wait(LONG)
        return draw(cae, choice, progress, study)

    monkeypatch.setattr(manifold, "choose_scene", wait_and_draw)
    opened.drawn = drawn
    yield opened
    opened.set()


@pytest.fixture
def decoded(monkeypatch):
    """The points at which pictures are decoded from now on."""
    points, decode = [], Scene.decode
    monkeypatch.setattr(Scene, "decode", lambda self, point: (points.append(point), decode(self, point))[1])
    return points


def test_of_quick_changes_only_the_latest_is_shown(led, gate, monkeypatch):
    shown, show, targets = [], led._show, [other(led, step) for step in (2, 3, 1, 2)]
    monkeypatch.setattr(led, "_show", lambda choice, *made: (shown.append(choice.target), show(choice, *made)))
    for target in targets:
        led.target = target
    led.picture = 6
    gate.set()
    assert settle(led).equal(held_out(led, 6))
    assert shown == targets[-1:]
    assert len(gate.drawn) <= 2


def test_the_dial_does_not_call_off_the_map_that_is_being_drawn(led, gate):
    led.target = target = other(led, 2)
    led.controls.confidence.value = 0.3
    gate.set()
    settle(led)
    assert (led.scene.target, led.explanation.requested) == (target, 0.3)


def test_a_map_that_was_cancelled_is_drawn_when_it_is_needed(led, gate):
    before, numbers = led.scene, led.numbers
    led.target = target = other(led, 2)
    led.cancel()
    gate.set()
    assert led.wait(LONG)
    assert (led.scene, led.numbers, led.task.state) == (before, numbers, "cancelled")
    led.controls.border.click()
    settle(led)
    assert led.scene.target == target


def test_the_exact_picture_belongs_to_the_map_on_display(led):
    """A decode that began on the map before ends after the next one is shown."""
    old, late = led.scene, [led.scene.decode(point) for point in (led.point, led.scene.home)]
    led.target = other(led, 2)
    settle(led)
    exact = led.view.atlas.exact
    led._show_late(old, late[0]._replace(point=led.point))
    led._show_late(led.scene, late[1])
    assert led.view.atlas.exact == exact


def test_where_the_point_arrives_nothing_is_decoded_again(led, decoded):
    led.controls.border.click()
    assert led.wait(LONG)
    assert decoded == []
    frames = led.view.path.tiles
    assert pixels(led.view.atlas.exact["src"]).tolist() == pixels(frames[-1]["src"]).tolist()
    led.point = (0.0, 0.0)
    assert led.wait(LONG)
    assert decoded == [(0.0, 0.0)]
    settle(led)


def test_a_point_that_is_set_while_its_map_is_drawn_arrives_there(led, gate):
    led.target = other(led, 2)
    led.point = (1.25, 0.5)
    gate.set()
    settle(led)
    assert led.scene.box[0] < 1.25 < led.scene.box[1]
    assert led.point == (1.25, 0.5)
    led.controls.typical.click()
    settle(led)
    assert led.point == end(led)


def test_callbacks_may_come_from_several_threads(led):
    box = led.scene.box

    def hammer(seed):
        draw = np.random.default_rng(seed)
        for _ in range(15):
            led.controls.target.value = int(draw.integers(-1, 4))
            led.point = (float(draw.uniform(*box[:2])), float(draw.uniform(*box[2:])))
            led.goal = float(draw.uniform(0.1, 0.9))
            led._take_from_map(0)
            led.controls.picture.value = int(draw.integers(10))

    threads = [threading.Thread(target=hammer, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settle(led)
    assert led._staged == led.controls.choice(led.from_map)


def test_use_makes_no_new_widgets_and_closing_leaves_no_thread(toy, monkeypatch):
    monkeypatch.setattr(manifold, "REST", 0.0)
    before, threads = set(_instances), set(threading.enumerate())
    explorer = ManifoldExplorer(toy)
    assert explorer.wait(LONG)
    made = len(_instances)
    for turn in range(16):
        explorer.picture = turn
        explorer.controls.target.value = turn % 5 - 1
        explorer.controls.confidence.value = (0.3, 0.9)[turn % 2]
        explorer.point = (turn % 3, turn % 2)
        explorer._take_from_map(turn)
        (explorer.controls.border, explorer.controls.typical, explorer.controls.back)[turn % 3].click()
        assert turn % 8 or explorer.wait(LONG)
    assert explorer.wait(LONG)
    assert len(_instances) == made
    assert explorer.last_error is None
    explorer.close()
    assert set(_instances) == before
    assert not [thread for thread in set(threading.enumerate()) - threads if thread.name == "xai-widgets"]
    explorer.close()

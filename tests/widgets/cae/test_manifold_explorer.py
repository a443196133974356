"""ManifoldExplorer without a browser: what is chosen, what is shown, and what is left behind."""

from __future__ import annotations

import base64
import io
import json
import threading

import ipywidgets
import numpy as np
import pytest
import torch
from ipywidgets.widgets.widget import _instances
from PIL import Image

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.show.images import data_uri, to_uint8
from xai_widgets.study import Study
from xai_widgets.widgets.cae import explorer as manifold
from xai_widgets.widgets.cae.explorer import FRAMES, ManifoldExplorer

LONG = 60.0
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def explorer(travel, toy):
    """An overview of four classes."""
    return travel(toy)


@pytest.fixture
def led(travel, toy):
    """The picture on the chart of its class and the next one."""
    explorer = travel(toy)
    choose(explorer, other(explorer))
    return explorer


def other(explorer, step=1):
    """A class that the classifier does not see in the picture."""
    return (explorer.scene.source + step) % explorer.study.classes


def choose(explorer, target):
    explorer.controls.target.value = target
    assert explorer.wait(LONG)


def settle(explorer):
    """Wait until nothing runs, and see that all that is on display belongs together; the picture on the map."""
    assert explorer.wait(LONG)
    if explorer.last_error is not None:
        raise explorer.last_error
    scene, (x, y) = explorer.scene, explorer.point
    picture = scene.encoded.pictures[0]
    assert explorer.atlas.original["src"] == data_uri(picture)
    assert explorer.atlas.source == scene.source == int(explorer.study.predict(picture[None]).argmax())
    assert explorer.atlas.target == (-1 if scene.target is None else scene.target)
    decoded = explorer.cae.decode(scene.encoded, scene.code(x, y)[None])
    assert (explorer.atlas.exact["x"], explorer.atlas.exact["y"]) == (x, y)
    # What a picture is decoded to depends, in its last digits, on the batch it is in.
    assert np.abs(pixels(explorer.atlas.exact["src"]) - to_uint8(decoded[0])).max() <= 1
    expected = explorer.study.predict(decoded)[0].tolist()
    assert explorer.atlas.exact["probabilities"] == pytest.approx(expected, abs=1e-3)
    assert explorer.map.page_state()["home"] == scene.home
    if explorer.shown is None:
        assert explorer.way.widget.layout.visibility == "hidden"
    else:
        assert (explorer.shown.source, explorer.shown.target) == (scene.source, scene.target)
        assert explorer.shown.original.equal(picture)
        assert explorer.numbers == explorer.shown.verdict()
    return picture


def pixels(uri):
    """What a data URI shows, (H, W, 3)."""
    file = io.BytesIO(base64.b64decode(uri.partition(",")[2]))
    return np.asarray(Image.open(file).convert("RGB"), int)


def ends(explorer):
    """Where the way on display ends."""
    return explorer.scene.point(explorer.shown.strip.z[-1])


def unseen(explorer, number):
    return explorer.study.load(explorer.study.test, [explorer._pool[number]])[0][0]


def hidden(widget):
    return widget.layout.display == "none"


def red(explorer):
    line = explorer._lines["error"]
    return "" if hidden(line) else line.value


def held(widget):
    """A widget and all that it holds."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from held(child)


# --- what is shown -----------------------------------------------------------------------------------------------


def test_the_first_page_is_an_overview(explorer, toy):
    assert settle(explorer).equal(unseen(explorer, 0))
    assert explorer.scene.plane.kind == "overview"
    assert explorer.scene.points.equal(explorer.scene.plane.project(toy.codes))
    assert explorer.map._shown[0].tolist() == explorer.scene.points.tolist()
    assert explorer.shown is None
    assert explorer.point == explorer.scene.home
    assert explorer.sentence.startswith("Drag the point")
    assert explorer.numbers == toy.health.verdict()
    controls = explorer.controls
    assert [control.disabled for control in controls.row[:-1]] == [False, False, True, True, True, False]
    assert hidden(controls.fit)
    # The point has not moved: what is exact is the picture itself, as changes are added to it.
    assert toy.anchored
    assert explorer.atlas.exact["src"] == explorer.atlas.original["src"]


def test_a_target_brings_the_chart_of_the_pair_and_the_way(explorer, toy):
    target = other(explorer)
    choose(explorer, target)
    settle(explorer)
    scene, shown = explorer.scene, explorer.shown
    assert (scene.plane.kind, scene.target) == ("pair", target)
    assert set(toy.code_classes[scene.indices].tolist()) == {scene.source, target}
    assert scene.plane.labels[0] == f"log-odds of class {target} against class {scene.source}"
    expected = toy.explain(scene.encoded.pictures[0], target, frames=FRAMES)
    assert shown.picture.equal(expected.picture)
    assert explorer.point == pytest.approx(ends(explorer))
    route = explorer.map.page_state()["path_points"]
    assert route[0] == pytest.approx(scene.home)
    assert tuple(route[-1]) == pytest.approx(explorer.point)
    assert explorer.sentence == shown.sentence()
    assert explorer.way.widget.layout.visibility is None
    assert not any(control.disabled for control in explorer.controls.row[:-1])


def test_every_tile_can_be_read_aloud(led):
    way = led.way
    (film,), (maps,) = way.film.rows, way.saliency.rows
    assert (len(film["tiles"]), len(maps["tiles"])) == (FRAMES, 3) == (len(way.film.columns), len(way.saliency.columns))
    for tile in film["tiles"] + maps["tiles"]:
        assert tile["src"].startswith("data:image/")
        assert len(tile["alt"]) > len(tile["caption"]) > 0
    assert film["tiles"][-1]["caption"].startswith(f"class {led.shown.target}")
    assert "truly class" in led.atlas.original["alt"]
    assert led.atlas.exact["alt"].startswith("Counterfactual: class ")


def test_the_curve_is_of_the_target(led):
    strip, curve = led.shown.strip, led.way.curve
    assert np.allclose(curve._line.y, strip.raw_curve)
    assert np.allclose(curve._dots.x, strip.shares)
    assert curve.widget.axes[1].label == f"class {led.shown.target}"


def test_the_class_that_is_seen_already_is_no_target(explorer):
    choose(explorer, explorer.scene.source)
    settle(explorer)
    assert (explorer.scene.target, explorer.shown) == (None, None)
    assert f"already sees class {explorer.scene.source}" in explorer.sentence
    assert explorer.controls.confidence.disabled
    choose(explorer, other(explorer))
    choose(explorer, -1)
    settle(explorer)
    assert explorer.scene.plane.kind == "overview"
    assert "Choose a target class" in explorer.sentence


def test_a_target_waits_for_a_picture_of_another_class(led):
    target = led.scene.target
    seen = led.study.predict(torch.stack([unseen(led, i) for i in range(20)])).argmax(1).tolist()
    led.controls.picture.value = seen.index(target)
    settle(led)
    assert (led.scene.target, led.shown) == (None, None)
    led.controls.picture.value = next(i for i, k in enumerate(seen) if k != target)
    settle(led)
    assert led.shown.target == target


@pytest.mark.parametrize("classes", [2, 3])
def test_a_code_of_two_numbers_is_the_map(travel, reader, squares, fit_cae, classes):
    explorer = travel(fit_cae(Study(reader(classes=classes), squares(40, classes=classes))))
    assert explorer.scene.plane.kind == "code"
    points = explorer.scene.points
    choose(explorer, other(explorer))
    settle(explorer)
    assert explorer.scene.plane.kind == "code"
    assert explorer.scene.points.equal(points)
    assert explorer.shown.target == other(explorer)


def test_parts_are_named_where_the_pictures_know_them(travel, reader, squares, fit_cae):
    class Halves(type(squares())):
        part_names = ("left half", "right half")

        def part_map(self, index):
            return np.arange(16)[None].repeat(16, 0) // 8

    explorer = travel(fit_cae(Study(reader(), squares(40), test=Halves(8)), dimensions=2))
    choose(explorer, other(explorer))
    assert "of the change falls on the " in explorer.sentence
    assert explorer.sentence.endswith((" left half.", " right half."))


def test_labels_that_are_no_class_of_the_model(travel, reader, squares, fit_cae):
    explorer = travel(fit_cae(Study(reader(classes=2), squares(40))))
    said = set()
    for number in range(8):
        explorer.controls.picture.value = number
        settle(explorer)
        said.add(explorer.atlas.original["alt"].split("truly ")[1])
    assert said & {"label 2", "label 3"}


# --- which picture -----------------------------------------------------------------------------------------------


def test_another_picture(led):
    led.controls.picture.value = 3
    assert settle(led).equal(unseen(led, 3))


def test_a_click_on_the_map_takes_that_training_picture(led, toy):
    point = 5
    place = int(toy.code_indices[led.scene.indices[point]])
    led._take_from_map(point)
    assert settle(led).equal(led.study.train[place][0])
    assert led.from_map == place
    assert led.scene.home == pytest.approx(led.scene.point(toy.codes[toy.code_indices == place][0]), abs=0.01)
    led.controls.picture.value = 2
    assert settle(led).equal(unseen(led, 2))
    assert led.from_map == -1


def test_a_click_is_heard(led):
    scatter, group = next((s, g) for s, g in zip(led.map._classes, led.map._drawn, strict=True) if len(g.members))
    expected = int(led.cae.code_indices[led.scene.indices[group.members[0]]])
    scatter._handle_custom_msgs(scatter, {"event": "element_click", "data": {"index": 0}})
    assert led.from_map == expected
    settle(led)


# --- how far -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.2, 0.6, 0.8])
def test_the_dial_leads_the_point_and_obtains_what_is_asked_for(led, confidence):
    before = led.scene
    led.controls.confidence.value = confidence
    settle(led)
    assert led.scene is before
    assert (led.shown.requested, led.wanted) == (confidence, confidence)
    assert led.shown.obtained == pytest.approx(confidence, abs=0.02)
    assert led.atlas.exact["probabilities"][led.scene.target] == pytest.approx(confidence, abs=0.02)
    assert led.point == pytest.approx(ends(led))
    assert led.controls.confidence.value == confidence


def test_the_dial_keeps_its_confidence_for_other_pictures_and_targets(led):
    led.controls.confidence.value = 0.7
    led.controls.picture.value = 1
    settle(led)
    choose(led, other(led, 2))
    settle(led)
    assert led.shown.obtained == pytest.approx(0.7, abs=0.02)


def test_at_the_border_both_are_equally_probable(led):
    led.controls.border.click()
    settle(led)
    chances = led.atlas.exact["probabilities"]
    assert chances[led.scene.target] == pytest.approx(chances[led.scene.source], abs=0.02)
    assert led.wanted == "border"
    assert led.controls.confidence.value == pytest.approx(led.shown.obtained, abs=0.01)  # the dial follows
    led.controls.typical.click()
    settle(led)
    assert led.wanted == "typical"
    assert led.point == pytest.approx(led.scene.point(led.cae.centres[led.scene.target]), abs=1e-3)
    assert led.controls.confidence.value == pytest.approx(min(led.shown.obtained, 0.99), abs=0.01)


def test_the_dial_can_be_turned_to_where_it_was(led):
    led.controls.confidence.value = 0.3
    led.controls.border.click()
    settle(led)
    led.controls.confidence.value = 0.3
    settle(led)
    assert led.shown.requested == 0.3


def test_back_to_the_picture(led):
    way = led.shown
    led.controls.back.click()
    settle(led)
    assert led.point == led.scene.home
    assert led.atlas.exact["src"] == led.atlas.original["src"]
    assert led.shown is way
    led.controls.typical.click()
    settle(led)
    assert led.point == pytest.approx(ends(led))


def test_the_point_moves_and_the_way_stays(led):
    way, (x0, x1, y0, y1) = led.shown, led.scene.box
    led.point = ((x0 + 2 * x1) / 3, (2 * y0 + y1) / 3)
    settle(led)
    assert led.shown is way
    led.point = (x1 + 99, y0 - 99)
    settle(led)
    assert led.point == pytest.approx((x1, y0))
    assert ", outside the data" in led.atlas.exact["alt"]


# --- what is chosen, as plain values -----------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [0.4, "border", "typical"])
def test_state_goes_out_and_comes_back_on_another_explorer(led, travel, toy, wanted):
    led.controls.picture.value = 4
    led._take_from_map(7)
    led.wanted = wanted
    settle(led)
    choose(led, other(led))
    led.point = (led.scene.home[0] + 0.5, led.scene.home[1] + 0.25)
    settle(led)
    state = json.loads(json.dumps(led.state.to_dict()))
    assert list(state) == ["picture", "from_map", "target", "wanted", "point"]
    for second in (travel(toy), travel(toy, wait=False)):
        second.state.from_dict(state)
        assert settle(second).equal(led.scene.encoded.pictures[0])
        assert json.loads(json.dumps(second.state.to_dict())) == state
        assert (second.sentence, second.numbers) == (led.sentence, led.numbers)
        assert second.way.film.rows == led.way.film.rows
        assert second.controls.confidence.value == led.controls.confidence.value
        assert second.atlas.exact == led.atlas.exact


@pytest.mark.parametrize(("name", "value"), [("picture", 3), ("from_map", 2), ("target", 1), ("wanted", 0.3)])
def test_each_part_of_the_state_can_be_set_alone(explorer, name, value):
    before = explorer.state.to_dict()
    explorer.state.from_dict({name: value})
    settle(explorer)
    assert explorer.state.to_dict() == before | {"picture": explorer.picture, "point": explorer.point} | {name: value}


def test_a_picture_is_given_by_its_place_among_the_unseen_ones(explorer):
    number = explorer._pool[5]
    explorer.from_map = 2
    settle(explorer)
    assert explorer.picture is None
    explorer.picture = number
    settle(explorer)
    assert (explorer.picture, explorer.from_map, explorer.controls.picture.value) == (number, -1, 5)
    explorer.from_map = 2
    explorer.picture = number  # the control stands there already
    assert settle(explorer).equal(explorer.scene.encoded.pictures[0])
    assert explorer.focus.picture == number
    with pytest.raises(XaiWidgetsError, match="picture 99999 is not one"):
        explorer.picture = 99999


@pytest.mark.parametrize(
    ("name", "value"),
    [("wanted", "middle"), ("wanted", 1.0), ("wanted", 0), ("from_map", -2), ("from_map", 10**6), ("pictur", 1)],
)
def test_a_wrong_part_of_the_state_is_refused(led, name, value):
    before = led.state.to_dict()
    with pytest.raises(XaiWidgetsError, match=name):
        led.state.from_dict({name: value})
    assert led.state.to_dict() == before
    settle(led)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"picture": 99}, "picture is 99"), ({"picture": -1}, "0 to"), ({"target": "claas 1"}, "closest: 'class 1'")],
)
def test_a_wrong_beginning_leaves_nothing_behind(toy, options, message):
    before = set(_instances)
    with pytest.raises(XaiWidgetsError, match=message):
        ManifoldExplorer(toy, **options)
    assert set(_instances) == before


def test_it_begins_where_it_is_told(travel, toy):
    explorer = travel(toy, picture=2, target="class 3")
    assert settle(explorer).equal(unseen(explorer, 2))
    assert explorer.controls.target.value == 3


# --- one after the other -----------------------------------------------------------------------------------------


@pytest.fixture
def gate(monkeypatch):
    """Lets maps be drawn only while it is open, and notes of which targets."""
    opened, drawn, draw = threading.Event(), [], manifold.make_scene

    def wait_and_draw(cae, picture, target, **options):
        drawn.append(target)
        assert opened.wait(LONG)
        return draw(cae, picture, target, **options)

    monkeypatch.setattr(manifold, "make_scene", wait_and_draw)
    opened.drawn = drawn
    yield opened
    opened.set()


def note(explorer, monkeypatch):
    """Targets of the maps that are shown from now on."""
    shown, show = [], explorer._show
    monkeypatch.setattr(explorer, "_show", lambda chosen, *made: (shown.append(chosen.target), show(chosen, *made)))
    return shown


def test_of_quick_changes_only_the_latest_is_shown(led, gate, monkeypatch):
    shown, targets = note(led, monkeypatch), [other(led, step) for step in (2, 3, 1, 2)]
    for target in targets:
        led.controls.target.value = target
    led.controls.picture.value = 6
    gate.set()
    assert settle(led).equal(unseen(led, 6))
    assert shown == targets[-1:]
    assert len(gate.drawn) <= 2


def test_the_dial_does_not_call_off_the_map_that_is_being_drawn(led, gate):
    target = other(led, 2)
    led.controls.target.value = target
    led.controls.confidence.value = 0.3
    gate.set()
    settle(led)
    assert led.scene.target == target
    assert led.shown.requested == 0.3


def test_a_map_that_was_cancelled_is_drawn_when_it_is_needed(led, gate):
    before, numbers = led.scene, led.numbers
    led.controls.target.value = target = other(led, 2)
    led.cancel()
    gate.set()
    assert led.wait(LONG)
    assert (led.scene, led.numbers, led.task.state) == (before, numbers, "cancelled")
    led.controls.border.click()
    settle(led)
    assert led.scene.target == target


def test_the_exact_picture_belongs_to_the_map_on_display(led, gate, monkeypatch):
    """A decode that began on the map before ends after the next one is shown."""
    late = led._decode(led.scene, led.point), led._decode(led.scene, led.scene.home)
    old = led.scene
    gate.set()
    choose(led, other(led, 2))
    exact = led.atlas.exact
    led._show_late(old, late[0]._replace(place=led.point))
    led._show_late(led.scene, late[1])
    assert led.atlas.exact == exact


def test_where_the_point_arrives_nothing_is_decoded_again(led, monkeypatch):
    decoded, decode = [], led._decode
    monkeypatch.setattr(led, "_decode", lambda scene, place: (decoded.append(place), decode(scene, place))[1])
    led.controls.border.click()
    settle(led)
    assert decoded == []
    assert pixels(led.atlas.exact["src"]).tolist() == pixels(led.way.film.rows[0]["tiles"][-1]["src"]).tolist()
    led.point = (0.0, 0.0)
    settle(led)
    assert decoded == [(0.0, 0.0)]


def test_a_point_that_is_set_while_its_map_is_drawn_arrives_there(led, gate):
    led.controls.target.value = other(led, 2)
    led.point = (1.25, 0.5)
    gate.set()
    settle(led)
    assert led.scene.box[0] < 1.25 < led.scene.box[1]
    assert led.point == (1.25, 0.5)
    led.controls.typical.click()
    settle(led)
    assert led.point == pytest.approx(ends(led))


def test_callbacks_may_come_from_several_threads(led):
    box = led.scene.box

    def hammer(seed):
        draw = np.random.default_rng(seed)
        for _ in range(15):
            led.controls.target.value = int(draw.integers(-1, 4))
            led.point = (float(draw.uniform(*box[:2])), float(draw.uniform(*box[2:])))
            led.wanted = float(draw.uniform(0.1, 0.9))
            led._take_from_map(0)
            led.controls.picture.value = int(draw.integers(10))

    threads = [threading.Thread(target=hammer, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settle(led)
    assert led._staged == led._chosen()


# --- what goes wrong ---------------------------------------------------------------------------------------------


@pytest.fixture
def rare(travel, reader, squares, fit_cae):
    """A fifth class that the classifier sees nowhere."""
    model = reader(classes=5)
    with torch.no_grad():
        model.logits.bias[4] = -99
    return travel(fit_cae(Study(model, squares(40))))


def test_a_target_that_cannot_be_led_to_is_told_in_red(rare):
    choose(rare, other(rare) % 4)
    before, rows = rare.scene, rare.way.film.rows
    choose(rare, 4)
    assert "choose another target" in red(rare)
    assert isinstance(rare.last_error, XaiWidgetsError)
    assert (rare.scene, rare.way.film.rows) == (before, rows)
    rare.last_error = None
    choose(rare, -1)
    settle(rare)
    assert red(rare) == ""


def test_an_exact_picture_that_fails_is_told_in_red(led, monkeypatch):
    exact, decode = led.atlas.exact, led.cae.decode

    def fail(*args, **options):
        raise RuntimeError(f"out of memory {NASTY}")

    with monkeypatch.context() as patch:
        patch.setattr(led.cae, "decode", fail)
        led.point = led.scene.home
        assert led.wait(LONG)
    assert "RuntimeError: out of memory" in red(led)
    assert NASTY not in red(led)
    assert led.atlas.exact == exact
    led.last_error = None
    assert led.cae.decode == decode
    led.point = (0.0, 0.0)
    settle(led)
    assert red(led) == ""


def test_pictures_that_cannot_be_loaded_are_told_in_red(led, monkeypatch):
    before = led.scene

    def fail(*args):
        raise OSError("disk gone")

    with monkeypatch.context() as patch:
        patch.setattr(led.study, "load", fail)
        led.controls.picture.value = 5
        assert led.wait(LONG)
    assert "disk gone" in red(led)
    assert led.scene is before


# --- what is left behind -----------------------------------------------------------------------------------------


def test_use_makes_no_new_widgets_and_closing_leaves_none(toy, monkeypatch):
    monkeypatch.setattr(manifold, "REST", 0.0)
    before, threads = set(_instances), set(threading.enumerate())
    explorer = ManifoldExplorer(toy)
    assert explorer.wait(LONG)
    made = len(_instances)
    for turn in range(34):
        explorer.controls.picture.value = turn % 20
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


def test_closing_while_a_map_is_drawn_leaves_nothing(toy, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = set(_instances)
    for _ in range(5):
        ManifoldExplorer(toy, target=1).close()
    assert set(_instances) == before
    assert list(tmp_path.iterdir()) == []


# --- fitting -----------------------------------------------------------------------------------------------------


@pytest.fixture
def unfitted(reader, squares):
    return manifold.CAE(Study(reader(), squares(60)), epochs=2, width=4)


@pytest.mark.filterwarnings("ignore:Moving the code does not move the classifier")
@pytest.mark.filterwarnings("ignore:The decoder ignores")
def test_a_click_fits_in_the_background(travel, unfitted):
    explorer = travel(unfitted, target=1)
    assert explorer.scene is None
    assert "press “Fit”" in explorer.sentence
    assert all(control.disabled for control in explorer.controls.row[:-1])
    assert not hidden(explorer.controls.fit)
    explorer.controls.picture.value = 3  # from Python
    explorer.point = (0.1, 0.1)
    assert (red(explorer), explorer.scene) == ("", None)
    explorer.controls.fit.click()
    assert settle(explorer).equal(unseen(explorer, 3))
    assert unfitted.fitted
    assert hidden(explorer.controls.fit)
    assert not explorer.controls.target.disabled


@pytest.mark.filterwarnings("ignore:Moving the code does not move the classifier")
@pytest.mark.filterwarnings("ignore:The decoder ignores")
def test_a_fit_is_watched_cancelled_and_taken_up_again(travel, unfitted, monkeypatch):
    monkeypatch.setattr("xai_widgets.progress.REPORT_SECONDS", -1.0)  # every step is told
    explorer = travel(unfitted)
    told, busy, update = [], [], explorer._progress.update

    def watch(state):
        told.append(state)
        update(state)
        busy.append(explorer.controls.fit.disabled)
        if state.task == "CAE" and state.done == 3:
            explorer.cancel()

    with monkeypatch.context() as patch:
        patch.setattr(explorer._progress, "update", watch)
        explorer.controls.fit.click()
        assert explorer.wait(LONG)
    assert all(busy)
    assert (explorer.task.state, unfitted.fitted, explorer.last_error) == ("cancelled", False, None)
    assert not explorer.controls.fit.disabled
    assert not hidden(explorer.controls.fit)
    told.clear()
    monkeypatch.setattr(explorer._progress, "update", lambda state: (told.append(state), update(state)))
    explorer.controls.fit.click()
    settle(explorer)
    assert min(state.done for state in told if state.task == "CAE") == 3


def test_a_fit_that_fails_is_told_in_red(travel, unfitted, monkeypatch):
    explorer = travel(unfitted)

    def fail(*args, **options):
        raise XaiWidgetsError("the loss became nan")

    monkeypatch.setattr(unfitted, "fit", fail)
    explorer.controls.fit.click()
    assert explorer.wait(LONG)
    assert "the loss became nan" in red(explorer)
    assert not explorer.controls.fit.disabled


def test_closing_ends_a_fit(reader, squares):
    before = set(_instances)
    explorer = ManifoldExplorer(manifold.CAE(Study(reader(), squares(60)), epochs=100_000, width=4))
    explorer.controls.fit.click()
    explorer.close()
    assert not explorer.cae.fitted
    assert set(_instances) == before


def test_a_study_s_explainer_is_found_or_made(travel, toy, reader, squares):
    study = Study(reader(), squares(20))
    assert travel(study).cae.study is study
    study.explainers["cae"] = toy
    assert travel(study).cae is toy


# --- other pictures, and taking it away --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nasty(reader, squares, fit_cae):
    """Names of classes and of the study that must not become markup."""
    names = [NASTY, f"<img src=x onerror=alert(2)>{NASTY}", "a & b", '"quoted"']
    return fit_cae(Study(reader(), squares(60), class_names=names, name=NASTY), epochs=2)


def test_names_are_text_wherever_they_are_shown(travel, nasty, tmp_path):
    explorer = travel(nasty)
    for target in (-1, *range(4)):
        choose(explorer, target)
        settle(explorer)
        for widget in held(explorer.widget):
            if isinstance(widget, ipywidgets.HTML):
                assert "<script" not in widget.value
                assert "<img" not in widget.value
        explorer.to_html(tmp_path / "page.html")
        page = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert NASTY not in page
        assert "<img src=x" not in page
    choose(explorer, other(explorer))
    assert NASTY not in explorer.gallery()._repr_html_()
    assert explorer.figure()._repr_png_()


@pytest.mark.parametrize("shape", [(1, 33, 47), (1, 8, 8), (3, 70, 66)])
def test_pictures_of_any_shape(travel, reader, squares, fit_cae, tmp_path, shape):
    explorer = travel(fit_cae(Study(reader(shape[0]), squares(20, shape))))
    choose(explorer, other(explorer))
    settle(explorer)
    assert explorer.shown.picture.shape == shape
    assert explorer.way.film.pixelated == explorer.atlas.pixelated == (max(shape[1:]) < 64)
    explorer.to_html(tmp_path / "page.html")
    assert explorer.figure()._repr_png_()
    assert explorer.gallery().html


def test_the_published_preset_can_be_explored(travel, reader, squares):
    made = manifold.CAE.paper(Study(reader(), squares(24)), epochs=1, width=4)
    with pytest.warns(UserWarning, match="Moving the code"):
        made.fit(progress=manifold.Progress())
    explorer = travel(made)
    choose(explorer, other(explorer))
    settle(explorer)


def test_without_a_map_there_is_nothing_to_take_away(travel, unfitted, tmp_path):
    explorer = travel(unfitted)
    with pytest.raises(XaiWidgetsError, match="fit the CAE"):
        explorer.to_html(tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_without_a_way_there_is_no_figure(explorer, tmp_path):
    for take in (explorer.figure, explorer.gallery):
        with pytest.raises(XaiWidgetsError, match="choose a target"):
            take()
    explorer.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '"frames": []' in page or '"frames":[]' in page


def test_page_figure_and_gallery_show_the_way(led, tmp_path):
    led.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    for tile in led.way.film.rows[0]["tiles"]:
        assert tile["src"] in page
    assert led.atlas.sheet in page
    assert "https://" not in page
    assert led.figure()._repr_png_().startswith(b"\x89PNG\r\n\x1a\n")
    assert led.gallery()._repr_html_().count("<img ") == FRAMES
    bundle = led._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == led.widget.model_id

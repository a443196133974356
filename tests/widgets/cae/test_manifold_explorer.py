"""ManifoldExplorer without a browser: what is chosen, and what is shown of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from ipywidgets.widgets.widget import _instances

from tests.widgets.cae.conftest import held_out, other, settle
from tests.widgets.conftest import data_of, do
from xai_widgets.errors import NotFittedError, XaiWidgetsError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.scene import FRAMES
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.widgets.cae.controls import NOBODY
from xai_widgets.widgets.cae.explorer import ManifoldExplorer
from xai_widgets.widgets.cae.page import SIDE
from xai_widgets.widgets.views.verdict import verdict_data

# --- what is shown -----------------------------------------------------------------------------------------------


def test_it_opens_on_the_second_most_probable_class(explorer, toy):
    picture = settle(explorer)
    expected = int(explorer.study.predict(picture[None])[0].argsort(descending=True)[1])
    assert (explorer.target, explorer.overview) == (None, False)
    assert explorer.explanation.target == explorer.scene.target == expected
    assert explorer.view.chips.cards[explorer.view.chips.selected]["title"] == explorer.study.class_names[expected]


def test_a_chip_chooses_the_class_and_a_dot_shows_its_picture(explorer, toy):
    settle(explorer)
    titles = [card["title"] for card in explorer.view.chips.cards]
    assert titles[-1] == "all classes"
    target = next(k for k in range(4) if k not in (explorer.scene.source, explorer.scene.target))
    explorer.view.chips.selected = titles.index(explorer.study.class_names[target])
    settle(explorer)
    assert (explorer.target, explorer.explanation.target) == (target, target)
    explorer.map._hovered(explorer.map._drawn.index(next(g for g in explorer.map._drawn if len(g.members))), 0)
    assert "data:image/" in explorer.map._tooltip.value
    explorer.view.chips.selected = len(titles) - 1
    settle(explorer)
    assert explorer.overview


def test_there_is_an_overview(explorer, toy):
    settle(explorer)
    explorer.overview = True
    assert settle(explorer).equal(held_out(explorer, explorer.study.pool.indices[0]))
    assert explorer.scene.plane.kind == "overview"
    assert explorer.map._shown[0].tolist() == explorer.scene.plane.project(toy.codes).tolist()
    assert (explorer.explanation, explorer.target) == (None, None)
    assert explorer.point == explorer.scene.home
    assert explorer.sentence.startswith("Drag the point")
    assert explorer.numbers == toy.verdict()
    assert [control.disabled for control in explorer.controls.row] == [False, False, True, True, True, False]
    assert explorer.fitting.layout.display == "none"
    # The point has not moved: what is exact is the picture itself, as changes are added to it.
    assert toy.pasted
    assert explorer.view.atlas.exact["src"] == explorer.view.atlas.original["src"]


def test_a_target_brings_the_chart_of_the_pair_and_the_way(explorer, toy):
    explorer.target = target = other(explorer)
    settle(explorer)
    scene, explanation = explorer.scene, explorer.explanation
    assert (scene.plane.kind, scene.target) == ("pair", target)
    assert set(toy.code_classes[scene.indices].tolist()) == {scene.source, target}
    assert scene.plane.labels[0] == f"log-odds of class {target} against class {scene.source}"
    assert explanation.picture.equal(toy.explain(scene.encoded.pictures[0], target, frames=FRAMES).picture)
    assert explorer.point == pytest.approx(scene.point(explanation.strip.z[-1]))
    route = explorer.map.page_state()["path_points"]
    assert route[0] == pytest.approx(scene.home)
    assert tuple(route[-1]) == pytest.approx(explorer.point, abs=1e-5)
    assert explorer.sentence == explanation.sentence()
    assert explorer.view.path.widget.layout.visibility is None
    assert not any(control.disabled for control in explorer.controls.row)


def test_every_tile_can_be_read_aloud(led):
    path = led.view.path
    (film,), (maps,) = path.film.rows, path.saliency.rows
    assert (len(film["tiles"]), len(maps["tiles"])) == (FRAMES, 3)
    assert (len(path.film.columns), len(path.saliency.columns)) == (FRAMES, 3)
    for tile in film["tiles"] + maps["tiles"]:
        assert tile["src"].startswith("data:image/")
        assert len(tile["alt"]) > len(tile["caption"]) > 0
    assert film["tiles"][-1]["caption"].startswith(f"class {led.explanation.target}")
    assert "true class: class " in led.view.atlas.original["alt"]
    assert led.view.atlas.exact["alt"].startswith("Counterfactual: class ")
    assert led.thumbnails() == [film["tiles"][0], film["tiles"][FRAMES // 2], film["tiles"][-1]]


def test_the_curve_is_of_the_target(led):
    strip, curve = led.explanation.strip, led.view.path.curve
    assert np.allclose(curve._line.y, strip.raw_curve)
    assert np.allclose(curve._dots.x, strip.shares)
    assert curve.figure.axes[1].label == f"class {led.explanation.target}"


def test_the_predicted_class_is_no_target(explorer):
    source, second = explorer.scene.source, explorer.scene.target
    explorer.target = source
    settle(explorer)
    assert (explorer.target, explorer.explanation.target) == (source, second)
    explorer.overview = True
    settle(explorer)
    assert explorer.controls.confidence.disabled
    assert "Choose a class" in explorer.sentence


def test_a_target_waits_for_a_picture_of_another_class(led):
    target = led.scene.target
    predicted = led.study.predict(torch.stack([held_out(led, i) for i in range(20)])).argmax(1).tolist()
    led.picture = predicted.index(target)
    settle(led)
    assert led.scene.target not in (None, target)
    led.picture = next(i for i, k in enumerate(predicted) if k != target)
    settle(led)
    assert led.explanation.target == target


@pytest.mark.parametrize("classes", [2, 3])
def test_a_code_of_two_numbers_is_the_map(travel, reader, squares, fit_cae, classes):
    explorer = travel(fit_cae(Study(reader(classes=classes), squares(40, classes=classes))))
    assert explorer.scene.plane.kind == "code"
    points = explorer.scene.points
    explorer.target = other(explorer)
    settle(explorer)
    assert explorer.scene.plane.kind == "code"
    assert explorer.scene.points.equal(points)
    assert explorer.explanation.target == other(explorer)


@pytest.mark.parametrize("shape", [(1, 33, 47), (1, 8, 8), (3, 70, 66)])
def test_pictures_of_any_shape(travel, reader, squares, fit_cae, shape):
    explorer = travel(fit_cae(Study(reader(shape[0]), squares(20, shape))))
    explorer.target = other(explorer)
    settle(explorer)
    assert explorer.explanation.picture.shape == shape
    assert explorer.view.path.film.pixelated == explorer.view.atlas.pixelated == (max(shape[1:]) < 64)


def test_the_published_preset_can_be_explored(travel, reader, squares):
    made = CAE.paper(Study(reader(), squares(24)), epochs=1, width=4)
    with pytest.warns(UserWarning, match="The classifier does not follow"):
        made.fit(progress=Progress())
    explorer = travel(made)
    explorer.target = other(explorer)
    settle(explorer)


# --- which picture -----------------------------------------------------------------------------------------------


def test_constructor_control_and_property_count_alike(travel, toy):
    explorer = travel(toy, picture=5, target="class 3")
    assert settle(explorer).equal(held_out(explorer, 5))
    assert (explorer.picture, explorer.controls.picture.value, explorer.selection.picture) == (5, 5, 5)
    assert (explorer.target, explorer.selection.target) == (3, 3)
    explorer.controls.picture.value = 7
    assert settle(explorer).equal(held_out(explorer, 7))
    assert (explorer.picture, explorer.selection.picture) == (7, 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"picture": 99}, "picture is 99"), ({"picture": -1}, "0 to"), ({"target": "claas 1"}, "class 1"),
     ({"target": 4}, "target is 4")],
)  # fmt: skip
def test_a_wrong_beginning_leaves_nothing_behind(toy, options, message):
    before = set(_instances)
    with pytest.raises(XaiWidgetsError, match=message):
        ManifoldExplorer(toy, **options)
    assert set(_instances) == before


def test_a_click_on_the_map_takes_that_training_picture(led, toy):
    index = int(toy.code_indices[led.scene.indices[5]])
    led._take_from_map(5)
    assert settle(led).equal(led.study.train[index][0])
    assert (led.from_map, led.picture) == (index, None)
    assert led.scene.home == pytest.approx(led.scene.point(toy.codes[toy.code_indices == index][0]), abs=0.01)
    led.picture = led.controls.picture.value  # where the control is already
    assert settle(led).equal(held_out(led, led.controls.picture.value))
    assert led.from_map == -1


def test_a_click_is_heard(led):
    scatter, group = next((s, g) for s, g in zip(led.map._classes, led.map._drawn, strict=True) if len(g.members))
    expected = int(led.explainer.code_indices[led.scene.indices[group.members[0]]])
    scatter._handle_custom_msgs(scatter, {"event": "element_click", "data": {"index": 0}})
    assert led.from_map == expected
    settle(led)


# --- what is chosen, as plain values -----------------------------------------------------------------------------


@pytest.mark.parametrize("goal", [0.4, "border", "typical"])
def test_goal_and_point_come_back_on_another_explorer(led, travel, toy, goal):
    led._take_from_map(7)
    led.goal = goal
    settle(led)
    led.target = other(led)
    led.point = (led.scene.home[0] + 0.5, led.scene.home[1] + 0.25)
    settle(led)
    state = json.loads(json.dumps(led.state))
    assert list(state) == ["picture", "from_map", "target", "overview", "goal", "point"]
    second = travel(toy, wait=False)
    second.state = state
    assert settle(second).equal(led.scene.encoded.pictures[0])
    assert json.loads(json.dumps(second.state)) == state
    assert second.view.path.film.rows == led.view.path.film.rows
    assert second.controls.confidence.value == led.controls.confidence.value
    assert second.view.atlas.exact == led.view.atlas.exact


@pytest.mark.parametrize(
    ("name", "value"),
    [("goal", "middle"), ("goal", 1.0), ("goal", 0), ("from_map", -2), ("from_map", 10**6), ("picture", 99)],
)
def test_a_wrong_part_of_the_state_is_refused(led, name, value):
    before = led.state
    with pytest.raises(XaiWidgetsError, match=name):
        led.state = {name: value}
    assert led.state == before
    settle(led)


def test_the_target_of_the_selection_is_followed(led):
    led.selection.target = target = other(led, 2)
    settle(led)
    assert led.scene.target == target
    led.selection.target = 17
    assert "class label 17 cannot be chosen here" in led.left_behind["target"]
    assert led.target == target


# --- taking it away ----------------------------------------------------------------------------------------------


def test_what_is_not_there_cannot_be_taken_away(explorer, travel, unfitted):
    explorer.overview = True
    settle(explorer)
    for take in (explorer.figure, explorer.gallery):
        with pytest.raises(NotFittedError, match="Choose a class"):
            take()
    with pytest.raises(NotFittedError, match="fit the CAE"):
        travel(unfitted).page()


def test_page_figure_and_gallery_show_the_way(led):
    data = data_of(led.page(progress=Progress()))
    each = data["each"][data["line"]["chosen"]]
    assert each["classes"][each["chosen"]] == led.target
    assert each["classes"][-1] == NOBODY
    shown = each["maps"][each["chosen"]]
    assert [data["pictures"][one["src"]] for one in shown["frames"]] == [one["src"] for one in led.view.path.tiles]
    assert shown["sentence"] == led.sentence
    do(led, led.why, unfolded=True)
    assert shown["verdict"] == verdict_data(led.verdict, led.numbers)
    assert shown["atlas"]["grid"] == SIDE
    assert len(each["maps"]) == len(each["chips"]) == len(each["classes"])
    assert led.figure()._repr_png_().startswith(b"\x89PNG\r\n\x1a\n")
    assert led.gallery()._repr_html_().count("<img ") == FRAMES


def test_it_is_prepared_with_the_second_class_of_the_first_study(toy):
    toy.study.explainers["cae"] = toy
    first, second = ManifoldExplorer.prepared([toy.study, toy.study], progress=Progress())
    toy.study.explainers.clear()
    for explorer in (first, second):
        picture = settle(explorer)
        assert explorer.target == toy.predict(picture[None])[0].argsort(descending=True)[1]
        explorer.close()

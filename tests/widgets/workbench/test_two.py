"""Workbench of two studies: the same pictures, one set of controls, and where they differ most."""

from __future__ import annotations

import pytest
import torch
from ipywidgets.widgets.widget import _instances

from tests.widgets.workbench.conftest import do
from xai_widgets.methods.summaries.scene import beside
from xai_widgets.pictures import alike, subset
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.widgets.frame.difference import of_predictions
from xai_widgets.widgets.workbench.predicted import joint_name
from xai_widgets.widgets.workbench.same_pictures import on_the_same_pictures
from xai_widgets.widgets.workbench.workbench import PREDICTED, Workbench


@pytest.fixture
def two(bench, ready):
    return bench(ready(), ready(cheat=True))


# --- the same pictures ---------------------------------------------------------------------------------------------


def test_both_look_at_the_pictures_of_the_second(two):
    one, other = two.studies
    assert torch.equal(one.pool.pictures, other.pool.pictures)
    assert not torch.equal(two.study.pool.pictures, other.pool.pictures)  # which it keeps
    for key in ("cladec", "inversion", "srae", "cae"):
        do(two, two, view=key)
        assert [app.study for app in two.apps[key]] == two.studies
        assert [app.explainer.study for app in two.apps[key]] == [two.study, two.other], key
    shown = [app.scene.encoded.pictures for app in two.apps["cae"]]
    assert torch.equal(*shown)
    assert len({app.scene.target for app in two.apps["cae"]}) == 1


def test_what_is_fitted_while_the_pictures_are_others_belongs_to_the_study(two, ready):
    one = two.studies[0]
    assert one.explainers is two.study.explainers
    assert one.owner is two.study
    assert two.study.owner is two.study


def test_pictures_that_cannot_be_answered_by_both_stay_where_they_are(reader, squares):
    study, same = Study(reader(), squares(20)), Study(reader(), squares(20))
    renamed = Study(reader(), squares(30), class_names=["one", "two", "three", "four"])
    assert on_the_same_pictures(study, same) is study
    assert on_the_same_pictures(study, renamed) is study
    assert on_the_same_pictures(study, Study(reader(), squares(30))) is not study


def test_sets_are_told_apart_by_a_few_pictures(squares):
    pictures = squares(20)
    assert alike(pictures, pictures)
    assert alike(pictures, subset(pictures, range(20)))
    assert not alike(pictures, subset(pictures, range(19, -1, -1)))
    assert not alike(pictures, subset(pictures, range(19)))


def test_summaries_are_found_in_the_same_pictures(ready):
    honest, cheating = ready(), ready(cheat=True)
    first = beside(honest, cheating)
    assert first is not honest.explainers["summaries"]
    assert first.pictures is cheating.explainers["summaries"].pictures
    assert beside(cheating, cheating) is cheating.explainers["summaries"]


# --- one set of controls -------------------------------------------------------------------------------------------


def test_a_control_of_the_first_acts_on_both(two):
    first, second = two.apps["cladec"]
    do(two, first.alpha, value=0.5)
    do(two, first.more, value=True)
    assert second.alpha.value == 0.5
    assert second.more.value
    assert second.alpha.layout.display == "none"
    do(two, two, view="inversion")
    first, second = two.apps["inversion"]
    do(two, first.controls.second, value=3)
    do(two, first.controls.area, value=40)
    assert (second.second, second.controls.area.value) == (3, 40)
    do(two, two, view="cae")
    first, second = two.apps["cae"]
    do(two, first, overview=True)
    assert second.overview
    first.controls.back.click()
    assert second.point == pytest.approx(second.scene.home)


def test_each_answer_has_its_name_and_its_verdict(two):
    pair = two._pairs["cladec"]
    for line, name, app in zip(pair._said, ("honest", "cheating"), two.apps["cladec"], strict=True):
        assert f">{name}<" in line.value
        assert app.verdict.sentence in line.value
        assert app.numbers.split(".")[0] in pair._why.value
    assert pair._why.value.count("Why?") == 1
    rows = [child for child in pair.widget.children if child is two.apps["cladec"][0].parts.controls[0]]
    assert len(rows) == 1


def test_what_lies_beyond_has_a_name_while_it_is_seen(two):
    titles = two._pairs["cladec"]._titles
    assert [title.layout.display for title in titles] == ["none", "none"]
    do(two, two.apps["cladec"][0].more, value=True)
    assert [title.layout.display for title in titles] == [None, None]


def test_where_one_is_to_be_fitted_it_has_its_own_button(two):
    do(two, two.layers, value="block1")
    first, second = two.apps["cladec"]
    assert first.fitting.layout.display == "none"
    assert second.fitting.layout.display is None
    assert "press “Fit this layer”" in two._pairs["cladec"]._said[1].value


# --- where they differ most ----------------------------------------------------------------------------------------


def test_the_largest_difference_of_the_predictions_is_found_and_gone_to(two):
    do(two, two, view="inversion")
    found, (one, other) = two.difference.found, two.studies
    change = (one.predict(one.pool.pictures) - other.predict(other.pool.pictures)).abs()
    row, target = divmod(int(change.argmax()), one.classes)
    assert (found.picture, found.target) == (one.pool.indices[row], target)
    assert f"in picture {found.picture}: the probability of {one.class_names[target]}" in two.difference._text.value
    two.difference.button.click()
    assert two.wait(60)
    assert two.picture == found.picture
    predicted = two._predictions.of(found.picture)[0]
    assert two.classes.value == (PREDICTED if predicted == target else target)
    assert {app.picture for app in two.apps["inversion"]} == {found.picture}


def test_of_a_layer_it_is_the_picture_that_one_of_both_draws_worse(two):
    found, layer = two.difference.found, two.layers.value
    few = two.studies[0].pool.pictures[:64]
    errors = [(app.explainer.explain(few, layer).cladec - few).abs().mean((1, 2, 3)) for app in two.apps["cladec"]]
    assert found.picture == two.studies[0].pool.indices[int((errors[0] - errors[1]).abs().argmax())]
    do(two, two.layers, value="block1")  # which only one of both has
    assert two.difference.widget.layout.display == "none"


def test_studies_without_a_class_in_common_have_no_difference(reader, squares):
    one = Study(reader(), squares(20))
    other = Study(reader(), squares(20), class_names=[f"other {k}" for k in range(one.classes)])
    assert of_predictions([one, other], ["one", "other"], Progress()) is None


def test_one_study_has_no_such_line(workbench):
    assert workbench.difference.widget.layout.display == "none"
    assert workbench.difference.found is None


# --- names, leaving ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "joint"),
    [
        (
            ["Birds, the honest classifier", "Birds, the cheating classifier"],
            "Birds, the honest and cheating classifier",
        ),
        (["ResNet on ants", "VGG on ants"], "ResNet and VGG on ants"),
        (["ResNet", "ResNet deep"], "ResNet and ResNet deep"),
        (["ResNet", "ResNet"], "ResNet and ResNet"),
        (["ResNet"], "ResNet"),
    ],
)
def test_the_title_says_once_what_both_are(names, joint):
    assert joint_name(names) == joint


def test_closing_two_leaves_nothing_behind(ready):
    studies = ready(), ready(cheat=True)
    before = set(_instances)
    workbench = Workbench(*studies)
    for key in ("inversion", "cae", "summaries"):
        workbench.view = key
        assert workbench.wait(60)
    workbench.close()
    left = {type(_instances[key]).__name__ for key in set(_instances) - before}
    assert not {name for name in left if "Style" not in name}

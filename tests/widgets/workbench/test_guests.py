"""Pictures that come while one looks: one's own from a file, and experiments that are drawn anew."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest
import torch
from ipywidgets.widgets.widget import _instances
from PIL import Image

from xai_widgets.data.birds import render
from xai_widgets.demos import digits_demo
from xai_widgets.errors import PictureError
from xai_widgets.pool import EVERYTHING, OWN
from xai_widgets.study import Study
from xai_widgets.widgets.views.add_picture import MOST
from xai_widgets.widgets.workbench.experiment import ExperimentRow
from xai_widgets.widgets.workbench.own_picture import own_picture
from xai_widgets.widgets.workbench.predicted import Predictions, short_names
from xai_widgets.widgets.workbench.workbench import Workbench

FOLLOWING = ("cladec", "srae", "inversion", "cae")


def png(height, width, mode="RGB"):
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    file = BytesIO()
    Image.fromarray(values).convert(mode).save(file, "PNG")
    return file.getvalue()


def send(workbench, content, name="bird.png"):
    """As the browser does: a file that is too large is only named."""
    size = MOST + 1 if content is None else len(content)
    buffers = [] if content is None else [memoryview(content)]
    workbench.add_picture._handle_custom_msg({"name": name, "size": size}, buffers)
    assert workbench.wait(60)


def change(workbench, trait, name):
    """Click a trait and a card."""
    row = workbench.experiment
    row.toggle.value = True
    row.trait.value = trait
    row.cards.selected = [option.name for option in row.options].index(name)
    assert workbench.wait(60)


def shown(workbench):
    """The chosen picture, as each open view has it."""
    (app,) = workbench.apps[workbench.view]
    if workbench.view == "cladec":
        return app.explanation.original[app._row]
    return app.scene.encoded.pictures[0] if workbench.view == "cae" else app.scene.explanation.pictures[0]


# --- a picture of one's own ----------------------------------------------------------------------------------------


def test_a_picture_of_one_s_own_is_chosen_and_seen_by_every_view(workbench):
    before = len(workbench.study.test)
    send(workbench, png(64, 64))
    expected = torch.from_numpy(np.array(Image.open(BytesIO(png(64, 64))))).permute(2, 0, 1).float() / 255
    assert workbench.picture == before == len(workbench.study.test)
    assert workbench.sentence.startswith("Yours · predicted: ")
    assert workbench.strip.cards.cards[0]["lines"] == ["yours"]
    assert workbench.strip.cards.selected == 0
    for key in FOLLOWING:
        workbench.view = key
        assert workbench.wait(60)
        assert torch.equal(shown(workbench), expected), key
        assert workbench.apps[key][0].last_error is None
    assert before not in workbench.study.explainers["inversion"].found


def test_two_of_them_stay_and_the_others_are_where_they_were(workbench):
    first = workbench.picture
    send(workbench, png(64, 64))
    send(workbench, png(80, 70, "L"))
    lines = [card["lines"] for card in workbench.strip.cards.cards[:3]]
    assert lines == [["yours"], ["yours"], [workbench.strip.pool.name(0)]]
    workbench.picture = first
    assert workbench.wait(60)
    assert workbench.apps["cladec"][0].picture == first
    workbench.strip.show.value = OWN
    assert not {workbench.strip.pool.index_title(number) for number in workbench.strip.here} & {"yours"}
    workbench.strip.show.value = EVERYTHING
    workbench.strip.cards.selected = 1
    assert workbench.wait(60)
    assert workbench.apps["cladec"][0].picture == workbench.picture == len(workbench.study.test)


def test_a_picture_of_one_s_own_comes_back_while_it_is_there(bench, ready, workbench):
    send(workbench, png(64, 64))
    state = json.loads(json.dumps(workbench.state))
    assert state["picture"]["title"] == "yours"
    again = bench(workbench.study)
    again.state = state
    assert again.picture == workbench.picture
    elsewhere = Workbench(ready())
    elsewhere.picture = elsewhere.study.pool.indices[3]
    elsewhere.state = {**state, "view": "inversion"}
    assert elsewhere.wait(60)
    assert elsewhere.picture == elsewhere.study.pool.indices[0]
    assert "“yours” of the saved state is not here" in elsewhere._lines["error"].value
    assert [app.last_error for apps in elsewhere.apps.values() for app in apps] == [None, None]
    elsewhere.close()


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"", "a.png", "a.png cannot be read: the file is empty"),
        (b"<svg/>", "<b>.svg", "<b>.svg cannot be read: Pillow cannot read .svg files"),
        (png(64, 64)[:200], "half.png", "half.png cannot be read: "),
        (None, "poster.tif", "poster.tif is too large: pictures of at most 8 MB"),
    ],
)
def test_a_bad_file_is_said_in_words_and_nothing_is_lost(ready, content, name, why):
    workbench = Workbench(ready())
    before = workbench.state
    send(workbench, content, name)
    assert isinstance(workbench.last_error, PictureError)
    assert str(workbench.last_error).startswith(why)
    assert workbench.state == before
    assert workbench.study.guests == {}
    assert "<b>" not in workbench._lines["error"].value
    send(workbench, png(64, 64))
    assert workbench.picture == len(workbench.study.test)
    assert workbench._lines["error"].layout.display == "none"
    workbench.close()


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
@pytest.mark.parametrize("size", [(40, 90), (1, 1), (200, 30)])
def test_every_file_gets_size_and_channels_of_the_study(new_study, columns, mode, size):
    study = new_study(columns())
    picture, parts = own_picture(study, "a.png", png(*size, mode)).draw()
    assert (tuple(picture.shape), parts) == (study.shape, None)
    assert study.check(picture).shape[1:] == study.shape


def test_a_colour_picture_becomes_grey_where_the_study_is():
    study = digits_demo()
    picture, _ = own_picture(study, "a.png", png(64, 64)).draw()
    assert picture.shape == study.shape == (1, 32, 32)


# --- experiments ---------------------------------------------------------------------------------------------------


def test_the_row_is_closed_at_first_and_there_for_drawn_pictures_only(workbench, squares, reader):
    row = workbench.experiment
    assert row.possible
    assert row.widget.layout.display == "none"
    assert not row.cards.cards
    row.toggle.value = True
    assert row.widget.layout.display is None
    assert len(row.cards.cards) == 4  # three beaks, and none
    assert row.undo.disabled
    studies = [Study(reader(), squares(20))]
    plain = ExperimentRow(studies, Predictions(studies), print, pixelated=True)
    assert not plain.possible
    for widget in (plain.widget, plain.toggle):
        widget.close()


@pytest.mark.parametrize("key", FOLLOWING)
def test_an_experiment_is_drawn_at_once_and_the_view_follows(bench, ready, key):
    workbench = bench(ready(), view=key)
    base, (birds, study) = workbench.picture, (workbench.study.test, workbench.study)
    variant = (birds.bird(base).variants["beak"] + 1) % 3
    change(workbench, "beak", workbench.experiment.scene.choices()["beak"][variant].name)
    rgb, _ = render(birds.bird(base), birds.size, swap={"beak": variant})
    expected = torch.from_numpy(rgb.copy()).permute(2, 0, 1).float() / 255
    assert workbench.picture == len(birds)
    assert torch.equal(shown(workbench), expected)
    chances = study.predict(expected[None])[0]
    assert f"predicted: {study.class_names[int(chances.argmax())]}, {float(chances.max()):.0%}" in workbench.sentence
    assert workbench.sentence.startswith("Experiment · ")
    assert workbench.apps[key][0].last_error is None


def test_undo_goes_back_step_by_step_and_the_line_has_one_experiment(workbench):
    base, row = workbench.picture, workbench.experiment
    seen = [base]
    for trait, name in (("beak", "without beak"), ("ring", "orange ring"), ("pose", "pose 2"), ("beak", "red beak")):
        change(workbench, trait, name)
        seen.append(workbench.picture)
        assert [card["lines"] for card in workbench.strip.cards.cards].count(["experiment"]) == 1
    assert row.scene.value("beak") == 2
    assert row.scene.value("ring") == 1
    for expected in seen[-2::-1]:
        row.undo.click()
        assert workbench.wait(60)
        assert workbench.picture == workbench.apps["cladec"][0].picture == expected
    assert row.undo.disabled
    assert "→" not in row.changed.value
    assert ["experiment"] not in [card["lines"] for card in workbench.strip.cards.cards]


def test_another_picture_begins_anew(workbench):
    change(workbench, "crest", "without crest")
    first = workbench.picture
    workbench.strip.cards.selected = 4
    assert workbench.wait(60)
    row, other = workbench.experiment, workbench.picture
    assert row.scene == workbench.study.test.altered(other)
    assert row.undo.disabled
    workbench.picture = first  # it is still in the line, and goes on from where it was
    assert workbench.wait(60)
    assert row.scene.value("crest") is None
    assert not row.undo.disabled
    send(workbench, png(64, 64))
    assert row.scene is None
    assert not row.cards.cards
    assert "not known" in row.changed.value


def test_many_experiments_leave_neither_widgets_nor_pictures(workbench):
    change(workbench, "beak", "without beak")
    live, pictures = len(_instances), workbench.study.pool.pictures
    for turn in range(6):
        change(workbench, "beak", ("red beak", "without beak")[turn % 2])
    assert len(_instances) == live
    assert workbench.study.pool.pictures is pictures


def test_the_ring_tells_who_cheats(bench, ready):
    honest, cheating = ready(), ready(cheat=True)
    workbench = bench(honest, cheating)
    row = workbench.experiment
    workbench.strip.cards.selected = 1
    row.toggle.value = True
    assert row.trait.value == "ring"
    bird = int(honest.predict(cheating.load(cheating.test, [workbench.picture])[0]).argmax())
    other = (bird + 3) % 8
    change(workbench, "ring", row.options[1 + other].name)
    index = workbench.picture
    for place, (study, answer) in enumerate(zip(workbench.studies, (bird, other), strict=True)):
        assert study.pool.index_of(index) == len(study.pool) - 1
        predicted, chance = workbench._predictions.of(index, place)
        assert predicted == answer
        name = ("honest", "cheating")[place]
        assert f"{name}: {study.class_names[answer]}, {chance:.0%}" in workbench.sentence
        assert workbench.apps["cladec"][place].picture == index
    assert f"{cheating.class_names[bird]}, " in row.changed.value  # before, and after
    assert f"→ {cheating.class_names[other]}, " in row.changed.value


def test_a_dot_on_the_map_chooses_its_picture_for_all(workbench):
    workbench.view = "cae"
    assert workbench.wait(60)
    (manifold,) = workbench.apps["cae"]
    for place in (5, 9):
        clicked = int(manifold.explainer.code_indices[manifold.scene.indices[place]])
        for callback in manifold.map._on_pick:
            callback(place)
        assert workbench.wait(60)
        picture, label = workbench.study.train[clicked]
        assert torch.equal(shown(workbench), picture)
        assert workbench.picture == workbench.selection.picture == manifold.picture >= len(workbench.study.test)
        assert f"From the map · true class: {workbench.study.class_names[label]}" in workbench.sentence
    assert [card["lines"] for card in workbench.strip.cards.cards].count(["from the map"]) == 1
    workbench.view = "cladec"
    assert workbench.wait(60)
    assert torch.equal(shown(workbench), picture)
    change(workbench, "beak", "without beak")  # it was drawn, too
    assert workbench.experiment.scene == workbench.study.train.altered(clicked).with_("beak", None)
    workbench.experiment.undo.click()
    assert workbench.wait(60)
    assert torch.equal(shown(workbench), picture)


def test_a_second_workbench_begins_with_a_picture_of_the_study(bench, workbench):
    change(workbench, "beak", "without beak")
    again = bench(workbench.study)
    assert again.picture == workbench.study.pool.indices[0]
    again.picture = workbench.picture
    assert again.experiment.scene.value("beak") is None


def test_a_picture_that_the_second_study_lacks(ready):
    study, other = ready(), ready(cheat=True)
    study.pool.add(own_picture(study, "a.png", png(64, 64)), 1000)
    said = Predictions([study, other]).sentence(1000)
    assert "honest: " in said
    assert "cheating" not in said


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["Birds, the honest one", "Birds, the other one"], ["honest", "other"]),
        (["ResNet", "ResNet"], ["ResNet", "ResNet"]),
        (["ResNet", "ResNet deep"], ["ResNet", "ResNet deep"]),
        (["ResNet"], ["ResNet"]),
    ],
)
def test_names_are_as_short_as_they_can_be(names, short):
    assert short_names(names) == short

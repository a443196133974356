"""Workbench without a browser: what is chosen at the top, what follows, and what is left behind."""

from __future__ import annotations

import json
import threading
from html import unescape

import ipywidgets
import pytest
import torch
from ipywidgets.widgets.widget import _instances

from tests.widgets.workbench.conftest import do, open_all
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.pool import EVERYTHING, OWN
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.widgets.views.picture_strip import STEP
from xai_widgets.widgets.workbench.catalogue import VIEWS, first_layer
from xai_widgets.widgets.workbench.workbench import PREDICTED, Workbench

KEYS = list(VIEWS)


def held(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from held(child)


def test_what_is_chosen_while_another_thread_shows_a_picture_is_not_lost(workbench):
    shows, goes_on = threading.Event(), threading.Event()

    def wait(_):
        shows.set()
        assert goes_on.wait(60)

    workbench.selection.observe(wait, "picture")
    picture = threading.Thread(target=lambda: setattr(workbench.strip.cards, "selected", 1))
    picture.start()
    assert shows.wait(60)
    other = next(layer.name for layer in workbench.study.layers() if layer.name != workbench.layers.value)
    layer = threading.Thread(target=lambda: setattr(workbench.layers, "value", other))
    layer.start()
    goes_on.set()
    for thread in (picture, layer):
        thread.join(60)
    assert workbench.selection.layer == other
    assert workbench.selection.picture == workbench.picture == workbench.study.pool.indices[1]


# --- views ---------------------------------------------------------------------------------------------------------


def test_a_view_is_made_when_it_is_opened(workbench):
    assert list(workbench.apps) == ["cladec"]
    do(workbench, workbench.tabs, selected=3)
    assert list(workbench.apps) == ["cladec", "inversion"]
    (before,) = workbench.apps["inversion"]
    do(workbench, workbench, view="cladec")
    do(workbench, workbench, view="inversion")
    assert workbench.apps["inversion"] == [before]
    assert workbench._shown.children == (before.widget,)


def test_each_view_says_what_it_answers(workbench):
    for key, one in VIEWS.items():
        do(workbench, workbench, view=key)
        shown = unescape(workbench._asked.value)
        assert one.question in shown
        assert one.reading in shown
    assert len(workbench.tabs.labels) == len(VIEWS)


def test_it_begins_with_the_view_that_is_asked_for(bench, ready):
    assert list(bench(ready(), view="inversion").apps) == ["inversion"]


@pytest.mark.parametrize("name", ["clade", "", "Layer"])
def test_a_view_that_does_not_exist(workbench, name):
    with pytest.raises(XaiWidgetsError, match=r"no view .*; known are 'cladec', 'summaries', 'srae', 'inv"):
        workbench.view = name
    before = set(_instances)
    with pytest.raises(XaiWidgetsError, match="there is no view"):
        Workbench(workbench.study, view=name)
    assert set(_instances) == before


def test_what_is_at_the_top_is_hidden_below(workbench):
    open_all(workbench)
    for (app,) in workbench.apps.values():
        assert app.shared_controls
        assert all(control.layout.display == "none" for control in app.shared_controls)


# --- what is shared ------------------------------------------------------------------------------------------------


def test_a_picture_is_seen_by_every_view(workbench):
    open_all(workbench)
    do(workbench, workbench.strip.cards, selected=5)
    chosen = workbench.study.pool.indices[workbench.strip.here[5]]
    assert workbench.picture == workbench.selection.picture == chosen
    for key in KEYS:
        do(workbench, workbench, view=key)
        (app,) = workbench.apps[key]
        if "picture" in app.follows:
            assert app.picture == chosen, key
    (cladec,), (manifold,) = workbench.apps["cladec"], workbench.apps["cae"]
    picture = workbench.study.load(workbench.study.test, [chosen])[0][0]
    assert torch.equal(cladec.explanation.original[cladec.grid.selected], picture)
    assert torch.equal(manifold.scene.encoded.pictures[0], picture)


def test_a_class_is_seen_by_every_view(workbench):
    open_all(workbench)
    do(workbench, workbench.classes, value=6)
    for name in ("summaries", "srae", "inversion", "cae"):
        do(workbench, workbench, view=name)
        assert workbench.apps[name][0].target == 6, name
    assert workbench.apps["cae"][0].explanation.target == 6
    # Looking at another class does not take the picture away.
    assert workbench.apps["srae"][0].picture == workbench.picture


def test_views_that_are_not_open_do_nothing(workbench):
    do(workbench, workbench, view="inversion")
    (inversion,) = workbench.apps["inversion"]
    do(workbench, workbench, view="cladec")
    before = inversion.picture
    do(workbench, workbench.strip.cards, selected=4)
    assert inversion.picture == before
    assert inversion.task.state != "running"


def test_a_picture_that_is_chosen_in_a_view_is_chosen_for_all(workbench):
    open_all(workbench)
    do(workbench, workbench, view="cladec")
    (cladec,) = workbench.apps["cladec"]
    do(workbench, cladec.grid, selected=2)
    assert workbench.picture == cladec.picture == workbench.study.pool.indices[2]
    assert workbench.strip.cards.selected == 2
    do(workbench, workbench, view="inversion")
    assert workbench.apps["inversion"][0].picture == workbench.picture


def test_a_layer_and_a_class_that_are_chosen_in_a_view_are_chosen_for_all(workbench):
    do(workbench, workbench, view="inversion")
    (inversion,) = workbench.apps["inversion"]
    do(workbench, inversion.controls.first, value=3)
    assert workbench.classes.value == 3
    do(workbench, inversion.strip, value="block2")
    assert workbench.layers.value == "block2"
    picture = workbench.picture
    do(workbench, inversion.controls.layer, value=inversion.controls.layer.options[0])  # all together is no layer
    assert (workbench.layers.value, workbench.picture) == ("block2", picture)


def test_the_class_is_what_the_classifier_says_unless_another_is_chosen(workbench):
    assert workbench.classes.value == PREDICTED
    for selected in (0, 3, 7):
        do(workbench, workbench.strip.cards, selected=selected)
        picture = workbench.strip.pool.pictures[workbench.strip.chosen]
        assert workbench.selection.target == int(workbench.study.predict(picture[None]).argmax())
        assert workbench.study.class_names[workbench.selection.target] in workbench.sentence
    do(workbench, workbench.classes, value=4)
    do(workbench, workbench.strip.cards, selected=0)
    assert workbench.selection.target == 4


def test_pictures_of_a_class(workbench):
    assert workbench.strip.show.value == EVERYTHING
    do(workbench, workbench.classes, value=2)
    do(workbench, workbench.strip.show, value=OWN)
    assert workbench.strip.cards.selected == 0
    labels = workbench.study.pool.labels[workbench.strip.here]
    assert labels.tolist() == [2] * len(labels)
    assert int(workbench.study.pool.labels[workbench.strip.chosen]) == 2
    assert workbench.apps["cladec"][0].picture == workbench.picture


def test_a_class_without_a_picture(workbench):
    do(workbench, workbench.strip.show, value="mistaken for this class")
    while workbench.strip.here:
        do(workbench, workbench.classes, value=workbench.classes.value + 1)
    assert workbench.picture is None
    assert "No held-out picture" in workbench.sentence
    do(workbench, workbench.strip.show, value=EVERYTHING)
    assert workbench.picture is not None


# --- two studies ---------------------------------------------------------------------------------------------------


def test_two_studies_side_by_side(bench, ready):
    honest, cheating = ready(), ready(cheat=True)
    workbench = bench(honest, cheating)
    assert [app.explainer.study for app in workbench.apps["cladec"]] == [honest, cheating]
    do(workbench, workbench.strip.cards, selected=3)
    do(workbench, workbench.layers, value="block3")
    for app in workbench.apps["cladec"]:
        assert (app.picture, app.layer) == (workbench.picture, "block3")
    # What is chosen in the one is chosen in the other.
    do(workbench, workbench.apps["cladec"][1].grid, selected=0)
    assert workbench.apps["cladec"][0].picture == workbench.apps["cladec"][1].picture == workbench.picture
    do(workbench, workbench, view="summaries")
    (browser,) = workbench.apps["summaries"]
    assert len(browser.networks) == 2


# --- state, size, leaving ------------------------------------------------------------------------------------------


def test_everything_that_was_chosen_comes_back(bench, ready, workbench):
    do(workbench, workbench.strip.cards, selected=6)
    do(workbench, workbench.classes, value=5)
    do(workbench, workbench.large, value=True)
    do(workbench, workbench, view="inversion")
    do(workbench, workbench.apps["inversion"][0].controls.area, value=40)
    do(workbench, workbench, view="cladec")
    do(workbench, workbench.layers, value="features")
    do(workbench, workbench.apps["cladec"][0].alpha, value=0.5)
    state = json.loads(json.dumps(workbench.state))
    second = bench(ready())
    second.state = state
    assert second.wait(60)
    assert second.state["views"] == state["views"]
    assert json.loads(json.dumps(second.state)) == state
    assert second.apps["cladec"][0].alpha.value == 0.5
    assert list(second.apps) == ["cladec"]  # the other view is not made before it is opened
    do(second, second, view="inversion")
    assert second.apps["inversion"][0].controls.area.value == 40
    assert second.apps["inversion"][0].picture == workbench.picture


def test_a_state_of_no_view_is_refused(workbench):
    with pytest.raises(XaiWidgetsError, match="no view 'clade'"):
        workbench.state = {"views": {"clade": []}}


def test_large_type_is_one_class_for_all(workbench):
    do(workbench, workbench.large, value=True)
    assert "xw-large" in workbench.widget._dom_classes
    do(workbench, workbench, view="inversion")
    do(workbench, workbench.large, value=False)
    assert "xw-large" not in workbench.widget._dom_classes


def test_the_line_of_pictures_grows_as_it_is_scrolled(workbench):
    strip = workbench.strip
    assert len(strip.here) == STEP
    do(workbench, strip.cards, reached=STEP - 2)
    assert len(strip.here) > STEP
    assert strip.picture == workbench.picture
    far = workbench.study.pool.indices[100]
    do(workbench, workbench, picture=far)
    assert strip.here[strip.cards.selected] == 100


def test_what_a_view_ignores_cannot_be_set(workbench):
    for key, one in VIEWS.items():
        do(workbench, workbench, view=key)
        assert workbench.classes.disabled == ("target" not in one.follows)
        at_the_top = "layer" in one.follows and not one.shows_layers
        assert (workbench.layers.widget.layout.display != "none") == at_the_top


def test_a_page_is_saved_where_one_works(workbench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    workbench.keep_page.click()
    assert workbench.task.wait(60)
    assert [file.name for file in tmp_path.iterdir()] == ["birds-the-honest-classifier.html"]
    assert workbench.keep_page.description == "Saved"


def test_closing_leaves_nothing_behind(ready):
    study = ready()
    before = set(_instances)
    workbench = Workbench(study)
    open_all(workbench)
    workbench.close()
    left = set(_instances) - before
    assert not [_instances[key] for key in left if not isinstance(_instances[key], ipywidgets.Style)]


def test_the_layer_it_begins_with(ready, reader, squares):
    assert first_layer(ready()) == "block4"
    plain = Study(reader(), squares(20))
    assert first_layer(plain) in {layer.name for layer in plain.layers()}


def test_a_page_holds_every_view(workbench):
    text = workbench.page(progress=Progress())
    for one in VIEWS.values():
        assert one.question in text
    assert set(workbench.apps) == set(KEYS)

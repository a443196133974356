"""Which layer the views of a Workbench look at."""

from __future__ import annotations

from tests.widgets.workbench.conftest import do, open_all
from xai_widgets.methods.inversion.scene import TOGETHER


def test_a_layer_is_seen_by_every_view_that_has_it(workbench):
    open_all(workbench)
    do(workbench, workbench.layers, value="block3")
    for name in ("cladec", "srae", "inversion"):
        do(workbench, workbench, view=name)
        assert workbench.apps[name][0].layer == "block3", name
    do(workbench, workbench.layers, value="features")  # which has no map
    assert workbench.apps["inversion"][0].layer == "block3"
    assert "Layer features cannot be chosen here, so it is still block3." in workbench._asked.value
    do(workbench, workbench, view="cladec")
    assert workbench.apps["cladec"][0].layer == "features"
    assert "cannot be chosen" not in workbench._asked.value


def test_the_evidence_is_that_of_all_layers_until_somebody_chooses_one(workbench):
    do(workbench, workbench, view="inversion")
    (inversion,) = workbench.apps["inversion"]
    assert inversion.layer is None
    do(workbench, workbench, view="cladec")
    do(workbench, workbench.layers, value="block3")
    do(workbench, workbench, view="inversion")
    assert inversion.layer == "block3"
    do(workbench, inversion.controls.layer, value=TOGETHER)
    do(workbench, workbench, view="cladec")
    assert workbench.apps["cladec"][0].layer == "block3"
    do(workbench, workbench, view="inversion")
    assert inversion.layer is None


def test_the_layers_say_whether_they_are_fitted_for_the_open_view(workbench):
    assert {workbench.layers.status[layer] for layer in ("block1", "block4", "features")} == {"ready"}
    assert workbench.layers.status["logits"] == "to fit"
    do(workbench, workbench, view="srae")
    assert workbench.layers.status["block4"] == "ready"
    assert workbench.layers.status["block3"] == "to fit"
    do(workbench, workbench, view="cae")
    assert workbench.layers.status == {}


def test_a_layer_without_a_map_leaves_the_evidence_as_it_is(bench, ready):
    workbench = bench(ready())
    do(workbench, workbench.layers, value="features")
    do(workbench, workbench, view="inversion")
    assert workbench.apps["inversion"][0].layer is None  # all layers together
    assert "Layer features cannot be chosen here." in workbench._asked.value


def test_a_layer_that_was_fitted_says_so(bench, conceive, srae, squares_read):
    squares_read.explainers["srae"] = srae
    workbench = bench(squares_read, view="srae")
    assert workbench.layers.status["pool"] == "ready"
    del squares_read.explainers["srae"]

"""ClaDecExplorer without a browser: what is chosen, what is shown, and what is left behind."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace

import pytest
import torch
from ipywidgets.widgets.widget import _instances

from tests.widgets.conftest import data_of, numbers_of, red
from xai_widgets.errors import LayerError, NotFittedError, XaiWidgetsError
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.pool import NOT_KNOWN
from xai_widgets.progress import Progress
from xai_widgets.widgets.cladec.explorer import EVERYTHING, MISTAKES, ClaDecExplorer
from xai_widgets.widgets.cladec.tiles import LAST_COLUMNS

NASTY = "<script>alert(1)</script>"


@pytest.fixture
def explorer(explore, fitted):
    return explore(fitted, "conv2", rows=2)


@pytest.fixture(scope="module")
def many(new_study, squares):
    """Twenty unseen pictures instead of eight."""
    return ClaDec(new_study(pictures=squares(100)), ["conv2", "fc"], epochs=1, width=4).fit(progress=Progress())


def tiles(explorer):
    return [tile for row in explorer.grid.rows for tile in row["tiles"]]


# --- what is shown -----------------------------------------------------------------------------------------------


def test_the_first_page(explorer, fitted):
    pictures, labels = explorer.study.pool.pictures[:2], explorer.study.pool.labels[:2].tolist()
    shown, expected = explorer.explanation, fitted.explain(pictures, "conv2")
    assert shown.cladec.equal(expected.cladec)
    *pictures, last = explorer.grid.columns
    assert pictures == ["original", "ClaDec of conv2", "auto-encoder"]
    assert last.startswith("difference")
    assert [row["label"] for row in explorer.grid.rows] == [fitted.study.class_names[label] for label in labels]
    assert explorer.sentence == fitted.report("conv2").sentence()
    assert numbers_of(explorer) == shown.verdict()
    assert explorer.fit.disabled
    assert tiles(explorer)[1]["caption"] == shown.said("cladec", 0)
    assert (explorer.grid.tile, explorer.grid.pixelated) == (128, True)


@pytest.mark.parametrize("kind", LAST_COLUMNS)
def test_every_tile_can_be_read_aloud(explorer, kind):
    explorer.map.value = kind
    assert explorer.grid.columns[-1].startswith(kind)
    assert len(tiles(explorer)) == 8
    assert all(tile["src"].startswith("data:image/") and tile["alt"].strip() for tile in tiles(explorer))
    assert explorer.last_error is None


def test_the_nearest_training_picture(explorer, fitted):
    explorer.map.value = "nearest picture"
    places = fitted.neighbours(explorer.explanation.original, "conv2", count=1)[:, 0].tolist()
    _, labels = fitted.study.load(fitted.study.train, places)
    captions = [row["tiles"][-1]["caption"] for row in explorer.grid.rows]
    assert captions == [fitted.study.class_names[label] for label in labels]


def test_the_bars_are_of_the_selected_row(explorer):
    for row in (1, 0):
        explorer.grid.selected = row
        for version, table in explorer.explanation.predictions.items():
            assert sorted(explorer.bars.heights(version)) == pytest.approx(sorted(table[row].tolist()))
    explorer.grid.selected = 99
    assert explorer.bars.heights("original").max() == pytest.approx(
        float(explorer.explanation.predictions["original"][1].max())
    )
    assert explorer.last_error is None


def test_pages_go_through_all_unseen_pictures(explore, many):
    explorer, seen = explore(many, rows=6), []
    assert explorer.pager.max == 4
    for page in range(1, 5):
        explorer.pager.value = page
        seen += explorer._indices
        assert len(explorer.grid.rows) == len(explorer.explanation.original) == (2 if page == 4 else 6)
    assert seen == list(range(20))


def test_a_filter_shows_one_class_or_the_mistakes(explore, many):
    explorer = explore(many, rows=3)
    labels, wrong = (
        explorer.study.pool.labels,
        many.study.predict(explorer.study.pool.pictures).argmax(1) != explorer.study.pool.labels,
    )
    for name in many.study.class_names:
        explorer.pager.value = explorer.pager.max
        explorer.show.label = name
        assert explorer.pager.value == 1
        assert {row["label"] for row in explorer.grid.rows} <= {name}
        assert explorer.pager.max == max(-(-int((labels == many.study.class_names.index(name)).sum()) // 3), 1)
    explorer.show.label = MISTAKES
    assert explorer._indices == wrong.nonzero().flatten().tolist()[:3]
    explorer.show.label = EVERYTHING
    assert explorer._indices == [0, 1, 2]


def test_a_class_without_a_picture(explore, new_study, net, squares):
    study = new_study(net(classes=5), squares(), class_names=["oak", "elm", "ash", "fir", "yew"])
    explorer = explore(ClaDec(study, "fc", epochs=1, width=4, reference=None).fit(progress=Progress()))
    explorer.show.label = "yew"
    assert explorer.grid.rows == []
    assert explorer.explanation is None
    assert explorer.sentence == "No held-out picture is of this kind."
    for take in (explorer.figure, explorer.gallery, lambda: explorer.to_html("nowhere.html")):
        with pytest.raises(NotFittedError, match="No held-out picture"):
            take()
    explorer.pager.value, explorer.grid.selected, explorer.alpha.value = 1, 1, 0.5
    explorer.show.label = EVERYTHING
    assert explorer.explanation.alpha == 0.5
    assert explorer.last_error is None


def test_without_a_reference_there_is_a_column_less(explore, new_study):
    explorer = explore(ClaDec(new_study(), "fc", epochs=1, width=4, reference=None).fit(progress=Progress()), rows=1)
    assert explorer.grid.columns[:-1] == ["original", "ClaDec of fc"]
    assert len(tiles(explorer)) == 3
    assert "minus original" in tiles(explorer)[-1]["alt"]


# --- what is chosen ----------------------------------------------------------------------------------------------


def test_state_goes_out_and_comes_back_on_another_explorer(explore, many):
    first, second = explore(many, "conv2", rows=3), explore(many, "conv2", rows=3)
    first.picker.value, first.show.label, first.alpha.value = "fc", "class 1", 0.1
    first.units.value, first.map.value, first.grid.selected = "0-3, 7", "bits kept", 1
    first.pager.value = first.pager.max
    state = json.loads(json.dumps(first.state))
    assert list(state) == ["layer", "show", "alpha", "units", "map", "page", "more", "selected", "picture"]
    second.state = state
    assert second.state == state
    assert second.explanation.units == (0, 1, 2, 3, 7)
    assert (second.grid.columns, second.grid.rows) == (first.grid.columns, first.grid.rows)
    assert first.wait(60)
    assert second.wait(60)
    assert (second.sentence, second.numbers) == (first.sentence, first.numbers)
    assert second.bars.heights("cladec").tolist() == first.bars.heights("cladec").tolist()


@pytest.mark.parametrize("name", ["layer", "show", "alpha", "units", "map", "page", "selected"])
def test_each_part_of_the_state_can_be_set_alone(explore, many, name):
    values = {"layer": "fc", "show": 1, "alpha": 0.9, "units": "3", "map": "bits lost", "page": 2, "selected": 1}
    explorer = explore(many, "conv2", rows=3)
    before = explorer.state
    explorer.state = {name: values[name]}
    # Which picture that is follows from the others.
    assert explorer.state == before | {name: values[name], "picture": explorer.picture}
    assert explorer.last_error is None


def test_a_picture_is_turned_to(explore, many):
    explorer = explore(many, "conv2", rows=3)
    pool = explorer.explainer.study.pool
    for place in (5, 17, 0):
        explorer.state = {"picture": pool.indices[place]}
        assert explorer.picture == explorer.selection.picture == pool.indices[place]
        assert torch.equal(explorer.explanation.original[explorer.grid.selected], pool.pictures[place])
    label = int(pool.labels[1])
    explorer.show.value = label + 2
    other = next(place for place in range(len(pool.labels)) if int(pool.labels[place]) != label)
    explorer.picture = pool.indices[other]  # the filter would hide it
    assert explorer.show.value == 0
    assert explorer.picture == pool.indices[other]
    with pytest.raises(XaiWidgetsError, match=r"picture 99999 is not one of the"):
        explorer.picture = 99999


@pytest.mark.parametrize("wrong", ["8", "0-99", "-1", "one", "1;2", "top", "top x", "0,"])
def test_wrong_units_are_told_in_red_and_mended(explorer, wrong):
    before = explorer.grid.rows
    explorer.units.value = wrong
    assert isinstance(explorer.last_error, LayerError)
    assert repr(wrong) in str(explorer.last_error)
    assert "units" in red(explorer)
    assert explorer.grid.rows == before
    explorer.units.value = "0-2"
    assert red(explorer) == ""
    assert explorer.explanation.units == (0, 1, 2)
    assert explorer.grid.rows != before


def test_the_units_that_change_most(explorer, fitted):
    explorer.units.value = "top 3"
    ranked = fitted.rank_units(explorer.study.pool.pictures[: 512 // 8], "conv2").tolist()
    assert explorer.explanation.units == tuple(ranked[:3])
    explorer.picker.value = "fc"
    assert len(explorer.explanation.units) == 3
    assert explorer.last_error is None


# --- what is left behind -----------------------------------------------------------------------------------------


def test_use_makes_no_new_widgets_and_closing_leaves_none(many):
    before = set(_instances)
    explorer = ClaDecExplorer(many, "conv2", rows=1)
    made = set(_instances)
    for turn in range(34):
        explorer.picker.value = ("fc", "conv1", "conv2")[turn % 3]
        explorer.alpha.value = (0.5, 0.0)[turn % 2]
        explorer.units.value = ("0-3", "99", "all")[turn % 3]
        explorer.map.value = LAST_COLUMNS[turn % len(LAST_COLUMNS)]
        explorer.pager.value = turn % 20 + 1
        explorer.grid.selected = turn % 2
    assert set(_instances) == made
    explorer.close()
    assert set(_instances) == before
    explorer.close()  # a second time does no harm


def test_neither_a_wrong_layer_nor_a_closed_explorer_leaves_anything_behind(fitted, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(_instances)
    with pytest.raises(LayerError, match="closest: 'conv"):
        ClaDecExplorer(fitted, "conv9")
    assert list(tmp_path.iterdir()) == []
    explorer = ClaDecExplorer(fitted)
    assert list(tmp_path.iterdir()) == []  # a folder of checkpoints is made when a fit begins
    explorer.close()
    assert list(tmp_path.iterdir()) == []
    assert set(_instances) == before


# --- where it comes from -----------------------------------------------------------------------------------------


def test_it_begins_with_a_fitted_layer(explore, new_study):
    cladec = ClaDec(new_study(), "fc", epochs=1, width=4, reference=None).fit("conv2", progress=Progress())
    assert explore(cladec).picker.value == "conv2"


# --- taking it away ----------------------------------------------------------------------------------------------


def test_the_page_has_every_fitted_layer_and_needs_no_network(explorer):
    data = data_of(explorer.page())
    assert list(data["pages"]) == ["conv2", "fc"]
    assert [layer["name"] for layer in data["layers"]] == ["conv2", "fc"]
    assert data["value"] == "conv2"
    for name, shown in data["pages"].items():
        assert shown["columns"][1] == f"ClaDec of {name}"
        assert len(shown["rows"]) == len(shown["frames"]) == len(data["line"]["cards"])
        assert {frame["name"] for frame in shown["frames"]} == {name}
        assert shown["verdict"]["level"] in ("trust", "careful", "distrust")
        assert shown["sentence"]


def test_a_page_of_units_that_one_layer_only_has(explore, fitted):
    explorer = explore(fitted, "fc", rows=1)
    explorer.units.value = "0-11"
    assert explorer.page()  # conv2 has 8


def test_a_figure_and_a_gallery_can_be_displayed(explorer):
    assert explorer.figure()._repr_png_().startswith(b"\x89PNG\r\n\x1a\n")
    gallery = explorer.gallery()._repr_html_()
    assert gallery.count("<img ") == gallery.count("<img alt=") == 6
    assert "ClaDec" in gallery


# --- other presets, pictures and models --------------------------------------------------------------------------


def test_the_paper_preset_has_one_alpha_and_all_units(explore, new_study):
    made = ClaDec.paper(new_study(), "fc", alpha=0.25)
    recipe = replace(made.settings.recipe, epochs=1)
    made.settings = replace(made.settings, recipe=recipe, reference_recipe=recipe)
    explorer = explore(made.fit(progress=Progress()), rows=2)
    assert explorer.alpha.disabled
    assert explorer.units.disabled
    assert (explorer.alpha.value, explorer.explanation.alpha, explorer.explanation.units) == (0.25, 0.25, None)
    for kind in LAST_COLUMNS:
        explorer.map.value = kind
        assert all(tile["alt"] for tile in tiles(explorer))


@pytest.mark.parametrize("shape", [(1, 33, 47), (1, 16, 16), (3, 8, 8)])
def test_pictures_of_any_shape(explore, new_study, net, squares, shape):
    study = new_study(net(shape[0]), squares(12, shape))
    explorer = explore(ClaDec(study, "conv2", epochs=1, width=4).fit(progress=Progress()), rows=2)
    for kind in LAST_COLUMNS:
        explorer.map.value = kind
        assert all(tile["src"] and tile["alt"] for tile in tiles(explorer))
    assert explorer.grid.tile >= 120
    assert explorer.explanation.cladec.shape == (2, *shape)
    assert explorer.last_error is None


@pytest.fixture
def unlabelled(explore, new_study, squares):
    """No picture has a label."""
    pictures = squares(20)
    pictures.labels[:] = -1
    return explore(ClaDec(new_study(pictures=pictures), "fc", **BRIEF).fit(progress=Progress()))


BRIEF = {"epochs": 1, "width": 4, "reference": None}


def test_pictures_without_labels_have_numbers(unlabelled):
    indices = [unlabelled.study.pool.indices[i] for i in unlabelled._indices]
    assert [row["label"] for row in unlabelled.grid.rows] == [f"picture {index}" for index in indices]
    assert list(unlabelled.show.options) == [(NOT_KNOWN, 0)]


def test_the_nearest_picture_has_no_caption_where_it_has_no_label(unlabelled):
    unlabelled.map.value = "nearest picture"
    assert unlabelled.last_error is None
    assert {row["tiles"][-1]["caption"] for row in unlabelled.grid.rows} == {""}

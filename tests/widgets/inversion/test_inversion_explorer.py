"""InversionExplorer without a browser: what is chosen, what is shown, and its searches."""

from __future__ import annotations

import json
import re
import threading
from functools import partial
from types import SimpleNamespace

import pytest
import torch

from tests.widgets.conftest import data_of, do, numbers_of
from xai_widgets.errors import NotFittedError, PictureError, XaiWidgetsError
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.scene import RUNNER_UP, TOGETHER, make_scene
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.widgets.inversion import tiles
from xai_widgets.widgets.inversion.explorer import InversionExplorer

LAST = 6
"""Steps of a search."""


def quick(study, layer=None, **options):
    return GuidedFeatureInversion(study, layer, settings=GuidedSettings(steps=LAST), background="mean", **options)


@pytest.fixture(scope="session")
def study_read(net, squares):
    names = ["north", "<script>alert(1)</script>", "south", "west"]
    return Study(net(), squares(40), name="Squares", class_names=names)


@pytest.fixture
def ask(opened):
    """An explorer that shows something."""
    return partial(opened, InversionExplorer)


@pytest.fixture
def explorer(ask, study_read):
    return ask(quick(study_read))


class Parted:
    """Squares whose upper half is one part and whose lower half is another."""

    part_names = ("sky", "ground")

    def __init__(self, pictures):
        self.pictures = pictures

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        return self.pictures[index]

    def part_map(self, index):
        parts = torch.zeros(16, 16, dtype=torch.uint8)
        parts[8:] = 1
        return parts.numpy()


# --- what is shown -------------------------------------------------------------------------------------------------


def test_it_begins_with_the_predicted_class_of_the_first_picture(explorer, study_read):
    picture = study_read.test[explorer.picture][0]
    expected = quick(study_read).explain(picture, film=True)
    assert torch.equal(explorer.explanation.masks, expected.masks)
    assert explorer.explanation.class_index.tolist() == study_read.predict(picture).argmax(1).tolist()
    assert numbers_of(explorer).endswith(expected.verdict())
    (row,) = explorer.grid.rows
    assert row["label"] == explorer.scene.name(0)
    assert len(row["tiles"]) == len(explorer.grid.columns) == 6
    assert all(tile["src"].startswith("data:image/") and "%" in tile["alt"] for tile in row["tiles"])
    for tile, score in ((1, expected.kept), (2, expected.removed), (5, expected.baseline_score)):
        assert f"{float(score[0]):.0%}" in row["tiles"][tile]["caption"]
    numbers = (float(one[0]) for one in (expected.area, expected.kept, expected.removed))
    area, kept, removed = (f"{one:.0%}" for one in numbers)
    assert f"This {area} alone gives {kept} {row['label']}; without it, {removed}." in explorer.sentence


def test_two_classes_side_by_side(explorer):
    do(explorer, explorer.controls.second, value=RUNNER_UP)
    order = explorer.study.predict(explorer.explanation.pictures[0]).argsort(descending=True)[0].tolist()
    assert explorer.scene.classes == order[:2]
    assert [row["label"] for row in explorer.grid.rows] == [explorer.study.class_names[k] for k in order[:2]]
    assert (explorer.target, explorer.second) == (None, None)
    do(explorer, explorer, target=order[1])
    assert explorer.scene.classes[0] == explorer.target == order[1]
    do(explorer, explorer, second=order[1])
    assert explorer.scene.classes == [explorer.second]
    do(explorer, explorer, target=None, second="south")
    assert explorer.scene.classes == list(dict.fromkeys([order[0], 2]))
    with pytest.raises(XaiWidgetsError, match="no class 'east'"):
        explorer.target = "east"


def test_bars_are_those_of_the_chosen_row(explorer):
    do(explorer, explorer, target=0, second=1)
    explorer.grid.set_state({"selected": 1})
    for version, end in (("kept", 0), ("removed", 1)):
        expected = explorer.scene.blends.of(LAST)[1, end].tolist()
        assert sorted(explorer.bars.heights(version).tolist()) == pytest.approx(sorted(expected))
    assert "&lt;script&gt;" in explorer.bars._legend.value


def test_channels_and_parts_in_words(ask, study_read, squares):
    study = Study(study_read.model, squares(40), test=Parted(squares(12, seed=1)))
    explorer = ask(quick(study))
    sky = float(explorer.explanation.mass(torch.arange(16)[:, None].expand(16, 16) < 8)[0])
    share, first = max((sky, "sky"), (1 - sky, "ground"))
    assert f"{share:.0%} of the mask&#39;s mass lies on the {first}" in explorer._words.value
    layer, channel, part = explorer.explanation.top_channels(0)[0]
    assert f"{layer} {channel} ({part:.0%})" in explorer._words.value
    stop = explorer.scene.smallest(0)
    assert f"the strongest {explorer.scene.stops[stop].share}% of the mask" in explorer._words.value


def test_a_class_that_is_not_in_the_picture(ask, reader, squares):
    explorer = ask(quick(Study(reader(sharp=60.0), squares(40)), "pool"))
    assert explorer.verdict.level != "distrust" or "ignore" not in explorer.verdict.sentence
    do(explorer, explorer, target=(explorer.scene.classes[0] + 1) % 4)
    assert float(explorer.explanation.before[0]) < 0.05
    assert f"The classifier sees no {explorer.scene.name(0)} here: ignore this mask." == explorer.verdict.sentence
    assert explorer.verdict.level == "distrust"
    name = explorer.scene.name(0)
    assert explorer.stage.frames[0]["tiles"][0]["heading"] == f"No evidence for {name} found"
    assert all(tile["dull"] for tile in explorer.stage.frames[0]["tiles"])


# --- the film and the area -----------------------------------------------------------------------------------------


def test_sliders_show_steps_and_areas_and_search_nothing(explorer, monkeypatch):
    monkeypatch.setattr("xai_widgets.widgets.inversion.explorer.make_scene", None)
    controls, end = explorer.controls, explorer.grid.rows
    assert controls.stop == LAST
    controls.step.set_state({"value": 2})
    assert "Step 2 of 6" in explorer._stop_line.value
    assert explorer.grid.rows != end
    controls.area.set_state({"value": 30})
    assert controls.step.value == LAST
    assert "strongest 30% of the mask" in explorer._stop_line.value
    controls.step.set_state({"value": 0})
    assert (controls.area.value, controls.stop) == (100, 0)
    controls.step.set_state({"value": LAST})
    assert explorer.grid.rows == end


def test_another_picture_begins_at_the_end(explorer):
    explorer.controls.area.value = 20
    do(explorer, explorer.cards, selected=2)
    assert explorer.controls.stop == LAST
    assert explorer.picture == explorer.study.pool.indices[2]


def test_masks_are_shown_during_the_search(explorer, monkeypatch):
    monkeypatch.setattr("xai_widgets.widgets.inversion.explorer.GLIMPSE_SECONDS", 0)
    seen = []
    explorer.grid.observe(lambda change: seen.append(change["new"][0]["tiles"]), "rows")
    do(explorer, explorer.cards, selected=1)
    so_far = [tiles for tiles in seen if tiles[4]["caption"].startswith("so far")]
    assert 0 < len(so_far) <= LAST
    assert so_far[0][0]["src"] == seen[-1][0]["src"]  # the chosen picture
    assert so_far[0][4]["src"].startswith("data:image")
    assert not so_far[0][1]["src"]  # the classifier was not asked yet
    assert "so far" not in seen[-1][4]["caption"]


# --- layers --------------------------------------------------------------------------------------------------------


def test_the_strip_and_the_list_choose_the_layer(explorer):
    controls, strip = explorer.controls, explorer.strip
    assert (controls.layer.value, strip.value, explorer.layer) == (TOGETHER, "", None)
    names = [layer["name"] for layer in strip.layers]
    assert controls.layer.options == (TOGETHER, *names)
    do(explorer, strip, value=names[0])
    assert controls.layer.value == explorer.layer == names[0]
    assert {layer for layer, _ in explorer.explanation.channels} == {names[0]}
    do(explorer, explorer, layer=None)
    assert strip.value == ""
    assert explorer.explanation.origin["base_layers"] == list(explorer.explainer.base_layers)


def test_a_search_of_one_layer_stays_itself(ask, study_read):
    explorer = ask(quick(study_read, "conv2"))
    assert explorer.controls.layer.options[0] == explorer.layer == explorer.strip.value == "conv2"
    assert explorer.explanation.origin["base_layers"] == ["conv2"]


def test_the_published_search_is_a_film_too(ask, study_read):
    explorer = ask(GuidedFeatureInversion.paper(study_read))
    assert explorer.last_error is None
    assert explorer.scene.stops[-1].step == explorer.explainer.settings.explain_steps


# --- your own pictures ---------------------------------------------------------------------------------------------


def test_your_own_pictures_of_another_size(ask, study_read):
    explorer = ask(quick(study_read), pictures=torch.rand(2, 3, 33, 47))
    assert len(explorer.cards.cards) == 2
    assert explorer.explanation.masks.shape == (1, 33, 47)
    assert "Picture 0" in explorer.sentence
    assert "picture" not in explorer.follows
    assert explorer.selection.picture is None
    with pytest.raises(PictureError, match="no pictures"):
        InversionExplorer(quick(study_read), pictures=torch.rand(0, 3, 16, 16))


# --- long work -----------------------------------------------------------------------------------------------------


@pytest.fixture
def held(monkeypatch):
    """Searches begin, and go on when they are let."""
    free, begun = threading.Event(), threading.Event()

    def slow(made, pool, choice, progress, *rest):
        begun.set()
        while not free.wait(0.01):
            progress.check()
        return make_scene(made, pool, choice, progress, *rest)

    monkeypatch.setattr("xai_widgets.widgets.inversion.explorer.make_scene", slow)
    return free, begun


def test_a_search_can_be_cancelled_and_another_one_begun(ask, study_read, held):
    free, begun = held
    explorer = ask(quick(study_read), wait=False)
    assert begun.wait(60)
    assert explorer.grid.rows[0]["tiles"][0]["src"]
    assert not explorer.grid.rows[0]["tiles"][1]["src"]
    assert explorer.controls.step.disabled
    explorer._progress._button.click()
    assert explorer.wait(60)
    for take in (explorer.figure, explorer.page):
        with pytest.raises(NotFittedError, match="nothing to show: The search was stopped"):
            take()
    free.set()
    do(explorer, explorer.cards, selected=1)
    assert explorer.explanation is not None
    assert not explorer.controls.step.disabled


def test_the_latest_choice_wins_and_what_is_known_comes_at_once(ask, study_read, held):
    free, _ = held
    free.set()
    explorer = ask(quick(study_read))
    first = explorer.scene
    free.clear()
    explorer.cards.selected = 1
    assert explorer.scene is None
    explorer.cards.selected = 0
    assert explorer.scene is first
    assert explorer.wait(60)
    assert explorer.scene is first
    assert explorer.sentence.startswith("Picture ")


# --- life and pages ------------------------------------------------------------------------------------------------


def test_figure_and_gallery_have_both_classes(explorer):
    do(explorer, explorer.controls.second, value=RUNNER_UP)
    assert len(explorer.figure().axes) >= 2 * 5
    assert explorer.gallery().html.count("<img ") == 2


def test_the_page_has_films_of_some_pictures_with_two_classes(explorer):
    do(explorer, explorer.cards, selected=2)
    data = data_of(explorer.page(progress=Progress()))
    assert len(data["scenes"]) == len(data["line"]["cards"]) == 6
    assert data["line"]["indices"][data["line"]["chosen"]] == explorer.picture
    assert data["frames"] == 4
    for scene in data["scenes"]:
        assert len(scene["names"]) == 2
        assert len(scene["stops"]) == data["frames"] + len(data["shares"]) - 1
        assert all(len(row["tiles"]) == 6 for stop in scene["stops"] for row in stop["rows"])
        assert all([len(one) for one in stop["large"]] == [3, 3] for stop in scene["stops"])
        assert len(scene["verdicts"]) == 3
    assert str(explorer.picture) in data["scenes"][data["line"]["chosen"]]["sentence"]
    assert "Step 6 of 6" in data["scenes"][0]["stops"][3]["line"]
    assert "strongest 10%" in data["scenes"][0]["stops"][-1]["line"]
    written = json.dumps([data["scenes"], data["line"]])
    places = {int(place) for place in re.findall(r'"(?:src|blink)": (\d+)', written)}
    assert places == set(range(1, len(data["pictures"])))


def test_a_mask_of_nearly_everything_is_doubted(monkeypatch):
    found = SimpleNamespace(before=[0.9], kept=[0.9], removed=[0.0], area=[0.97], problems=[])
    scene = SimpleNamespace(classes=[0], explanation=[found], name=lambda _: "finch")
    monkeypatch.setattr(tiles, "failed", lambda *_: False)
    assert tiles.judged(scene).sentence == "The mask covers 97% of the picture: it hardly says where the evidence is."
    assert tiles.judged(scene).level == "careful"
    found.area = [0.3]
    assert tiles.judged(scene).level == "trust"

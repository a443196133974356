"""InversionExplorer without a browser: what is chosen, what is shown, and what is left behind."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace

import ipywidgets
import pytest
import torch
from ipywidgets.widgets.widget import _instances

from xai_widgets.errors import NotFittedError, PictureError, XaiWidgetsError
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.scene import NEXT, NOTHING, TOGETHER, make_scene, strongest
from xai_widgets.study import Study
from xai_widgets.widgets.inversion.explorer import InversionExplorer

NASTY = "</script><script>alert(1)</script>"
STEPS = 6
LAST = STEPS


def quick(study, layer=None, **options):
    return GuidedFeatureInversion(study, layer, settings=GuidedSettings(steps=STEPS), background="mean", **options)


@pytest.fixture(scope="session")
def study_read(net, squares):
    return Study(net(), squares(40), name="Squares", class_names=["north", NASTY, "south", "west"])


@pytest.fixture
def ask():
    """An explorer that shows something, closed after the test."""
    made = []

    def ask(*args, wait=True, **options):
        made.append(InversionExplorer(*args, **options))
        assert not wait or made[-1].task.wait(60)
        return made[-1]

    yield ask
    for explorer in made:
        explorer.close()


@pytest.fixture
def explorer(ask, study_read):
    return ask(quick(study_read))


def do(explorer, owner, **values):
    """Set traits as a person would, and wait for what follows."""
    for name, value in values.items():
        setattr(owner, name, value)
    assert explorer.task.wait(60)


def red(explorer):
    line = explorer._lines["error"]
    return line.value if line.layout.display is None else ""


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


def test_it_begins_with_what_the_classifier_says_of_the_first_picture(explorer, study_read):
    shown = explorer.shown
    picture = study_read.test[explorer.picture][0]
    said = quick(study_read).explain(picture, film=True)
    assert torch.equal(shown.masks, said.masks)
    assert shown.target.classes.tolist() == study_read.predict(picture).argmax(1).tolist()
    assert explorer.numbers.endswith(said.verdict())
    (row,) = explorer.grid.rows
    assert row["label"] == explorer.scene.name(0)
    assert len(row["tiles"]) == len(explorer.grid.columns) == 6
    assert all(tile["src"].startswith("data:image/") and "%" in tile["alt"] for tile in row["tiles"])
    assert f"{float(said.kept[0]):.0%}" in row["tiles"][1]["caption"]
    assert f"{float(said.removed[0]):.0%}" in row["tiles"][2]["caption"]
    assert f"{float(said.without[0]):.0%}" in row["tiles"][5]["caption"]


def test_two_classes_side_by_side(explorer):
    do(explorer, explorer.controls.second, value=NEXT)
    first, second = explorer.scene.classes
    order = explorer.study.predict(explorer.shown.pictures[0]).argsort(descending=True)[0].tolist()
    assert [first, second] == order[:2]
    assert [row["label"] for row in explorer.grid.rows] == [explorer.study.class_names[k] for k in order[:2]]
    do(explorer, explorer.controls.first, value=second)
    assert explorer.scene.classes[0] == second
    do(explorer, explorer.controls.second, value=second)
    assert explorer.scene.classes == [second]


def test_bars_are_those_of_the_chosen_row(explorer):
    do(explorer, explorer.controls.first, value=0)
    do(explorer, explorer.controls.second, value=1)
    explorer.grid.set_state({"selected": 1})
    for version, place in (("kept", 0), ("removed", 1)):
        expected = explorer.scene.blends[LAST, 1, place].tolist()
        assert sorted(explorer.bars.heights(version).tolist()) == pytest.approx(sorted(expected))


def test_names_are_text_wherever_they_are_shown(explorer):
    do(explorer, explorer.controls.first, value=1)
    assert NASTY in explorer.sentence
    lines = [explorer._lines["sentence"], explorer._lines["numbers"], explorer._stop_line, explorer._words]
    for text in (*(line.value for line in lines), explorer.bars._legend.value, explorer.gallery().html):
        assert "<script>" not in text
    assert "&lt;script&gt;" in explorer.bars._legend.value


def test_channels_and_parts_in_words(ask, study_read, squares):
    parted = Parted(squares(12, seed=1))
    study = Study(study_read.model, squares(40), test=parted)
    explorer = ask(quick(study))
    share = float(explorer.shown.mass(torch.arange(16)[:, None].expand(16, 16) < 8)[0])
    first, share = max((("sky", share), ("ground", 1 - share)), key=lambda pair: pair[1])
    assert f"{share:.0%} of the mask&#x27;s mass lies on the {first}" in explorer._words.value
    layer, channel, part = explorer.shown.top_channels(0)[0]
    assert f"{layer} {channel} ({part:.0%})" in explorer._words.value


def test_a_class_that_is_hardly_there_is_doubted(ask, reader, squares):
    study = Study(reader(sharp=60.0), squares(40))
    explorer = ask(quick(study, "pool"))
    assert "some place always speaks for it" not in explorer.numbers
    other = (explorer.scene.classes[0] + 1) % 4
    do(explorer, explorer.controls.first, value=other)
    assert float(explorer.shown.before[0]) < 0.05
    assert "some place always speaks for it" in explorer.numbers


# --- the film and the area -----------------------------------------------------------------------------------------


def test_every_stop_says_what_the_classifier_says_of_it(explorer):
    scene, study = explorer.scene, explorer.study
    for stop in (0, 3, LAST, LAST + 5):
        shown = scene.at(stop)
        kept, removed = (float(study.predict(one)[0, scene.classes[0]]) for one in (shown.only(0), shown.rest(0)))
        assert scene.chances(stop, 0) == pytest.approx((kept, removed), abs=1e-5)
    assert scene.chances(LAST, 0) == pytest.approx(
        (float(scene.found.kept[0]), float(scene.found.removed[0])), abs=1e-5
    )
    assert torch.equal(scene.masks[:LAST] * 255, scene.found.frames.float())


def test_it_is_said_how_little_of_the_mask_is_enough(explorer):
    scene, study = explorer.scene, explorer.study
    kept = {}
    for share in range(100, 0, -10):
        only = replace(scene.found, masks=strongest(scene.found.masks, share / 100)).only(0)
        kept[share] = float(study.predict(only)[0, scene.classes[0]])
    least = min(share for share, chance in kept.items() if chance >= 0.9 * float(scene.found.before[0]))
    assert f"the strongest {least}% of the mask" in explorer._words.value


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
    assert explorer.picture == explorer._pool.places[2]


# --- layers --------------------------------------------------------------------------------------------------------


def test_the_strip_and_the_list_choose_the_layer(explorer):
    controls, strip = explorer.controls, explorer.strip
    assert (controls.layer.value, strip.value) == (TOGETHER, "")
    names = [layer["name"] for layer in strip.layers]
    assert controls.layer.options == (TOGETHER, *names)
    do(explorer, strip, value=names[0])
    assert controls.layer.value == names[0]
    assert {layer for layer, _ in explorer.shown.channels} == {names[0]}
    do(explorer, controls.layer, value=TOGETHER)
    assert strip.value == ""
    assert explorer.shown.origin["base_layers"] == list(explorer.inversion.base_layers)


def test_a_search_of_one_layer_stays_itself(ask, study_read):
    explorer = ask(quick(study_read, "conv2"))
    assert explorer.controls.layer.options[0] == explorer.controls.layer.value == explorer.strip.value == "conv2"
    assert explorer.shown.origin["base_layers"] == ["conv2"]


def test_the_published_search_is_a_film_too(ask, study_read):
    explorer = ask(GuidedFeatureInversion.paper(study_read))
    assert explorer.task.state == "finished", explorer.task.error
    assert explorer.scene.stops[-1].step == explorer.inversion.settings.explain_steps


# --- pictures of one's own -----------------------------------------------------------------------------------------


def test_pictures_of_another_size(ask, study_read):
    explorer = ask(quick(study_read), pictures=torch.rand(2, 3, 33, 47))
    assert len(explorer.cards.cards) == 2
    assert explorer.shown.masks.shape == (1, 33, 47)
    assert "picture 0" in explorer.sentence
    with pytest.raises(PictureError, match="no pictures"):
        ask(quick(study_read), pictures=torch.rand(0, 3, 16, 16))


def test_a_picture_that_cannot_be_chosen(explorer):
    with pytest.raises(XaiWidgetsError, match="picture 1234 is not one of the 8"):
        explorer.picture = 1234


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
    assert explorer.task.wait(60)
    assert "not searched to the end" in explorer.sentence
    with pytest.raises(NotFittedError, match="not searched to the end"):
        explorer.figure()
    free.set()
    do(explorer, explorer.cards, selected=1)
    assert explorer.shown is not None
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
    assert explorer.task.wait(60)
    assert explorer.scene is first
    assert explorer.sentence.startswith("What the classifier needs")


def test_closing_ends_a_search_and_leaves_no_widget(study_read, held):
    before = len(_instances)
    explorer = InversionExplorer(quick(study_read))
    assert held[1].wait(60)
    explorer.close()
    assert explorer.task.state == "cancelled"
    assert len(_instances) == before


def test_what_fails_is_said_in_red(ask, study_read, monkeypatch):
    def broken(*given):
        raise XaiWidgetsError("no <b>luck</b>")

    monkeypatch.setattr("xai_widgets.widgets.inversion.explorer.make_scene", broken)
    explorer = ask(quick(study_read))
    assert "no &lt;b&gt;luck" in red(explorer)
    assert "not searched to the end" in explorer.sentence


# --- state and life ------------------------------------------------------------------------------------------------


def test_the_state_comes_back(explorer, ask, study_read):
    do(explorer, explorer.cards, selected=3)
    do(explorer, explorer.controls.second, value=NEXT)
    do(explorer, explorer.strip, value="conv2")
    explorer.controls.area.value = 40
    state = json.loads(json.dumps(explorer.state.to_dict()))
    other = ask(quick(study_read))
    other.state.from_dict(state)
    assert other.task.wait(60)
    assert other.state.to_dict() == state
    assert other.grid.rows == explorer.grid.rows


def test_two_hundred_interactions_make_no_widgets_and_closing_leaves_none(study_read):
    before = len(_instances)
    explorer = InversionExplorer(quick(study_read))
    assert explorer.task.wait(60)
    alive = len(_instances)
    for n in range(200):
        explorer.controls.step.value = n % 7
        explorer.controls.area.value = 100 - 10 * (n % 3)
    do(explorer, explorer.controls.second, value=NEXT)
    do(explorer, explorer.controls.second, value=NOTHING)
    assert len(_instances) == alive
    explorer.close()
    assert len(_instances) == before
    assert explorer.widget.comm is None


def test_it_is_taken_away_as_a_figure_and_as_a_gallery(explorer):
    do(explorer, explorer.controls.second, value=NEXT)
    assert len(explorer.figure().axes) >= 2 * 5
    assert explorer.gallery().html.count("<img ") == 2


def test_few_controls_all_with_names(explorer):
    assert len(explorer.controls.row + explorer.controls.film) <= 7
    named = [one for one in explorer.controls.row + explorer.controls.film if not isinstance(one, ipywidgets.Play)]
    assert all(one.description for one in named)


# --- the page ------------------------------------------------------------------------------------------------------


def test_the_page_has_films_of_some_pictures_with_two_classes(explorer, tmp_path):
    do(explorer, explorer.cards, selected=2)
    explorer.to_html(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r"^const data = (.*);$", text, re.MULTILINE).group(1))
    assert len(data["scenes"]) == len(data["cards"]) == 5
    assert data["frames"] == 4
    for scene in data["scenes"]:
        assert len(scene["names"]) == 2
        assert len(scene["stops"]) == data["frames"] + len(data["shares"]) - 1
        assert all(len(row["tiles"]) == 6 for stop in scene["stops"] for row in stop["rows"])
    assert str(explorer.picture) in data["scenes"][0]["sentence"]
    assert "Step 6 of 6" in data["scenes"][0]["stops"][3]["line"]
    assert "strongest 10%" in data["scenes"][0]["stops"][-1]["line"]
    places = {int(place) for place in re.findall(r'"src": (\d+)', json.dumps([data["scenes"], data["cards"]]))}
    assert places == set(range(1, len(data["pictures"])))
    assert text.count("<script>") == text.count("</script>") == 1
    assert not re.search(r"https?:|<link|@import|url\(|\bimport\b|export default", text)


def test_without_a_search_there_is_no_page(ask, study_read, held, tmp_path):
    explorer = ask(quick(study_read), wait=False)
    with pytest.raises(NotFittedError, match="nothing to show"):
        explorer.to_html(tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_masks_are_shown_while_they_are_looked_for(study_read, ask, monkeypatch):
    monkeypatch.setattr("xai_widgets.widgets.inversion.explorer.GLIMPSE_SECONDS", 0)
    explorer = ask(quick(study_read))
    seen = []
    explorer.grid.observe(lambda change: seen.append(change["new"][0]["tiles"]), "rows")
    do(explorer, explorer.cards, selected=1)
    so_far = [tiles for tiles in seen if tiles[4]["caption"].startswith("so far")]
    assert 0 < len(so_far) <= STEPS
    assert so_far[0][0]["src"] == seen[-1][0]["src"]  # the chosen picture
    assert so_far[0][4]["src"].startswith("data:image")
    assert not so_far[0][1]["src"]  # the classifier was not asked yet
    assert "so far" not in seen[-1][4]["caption"]

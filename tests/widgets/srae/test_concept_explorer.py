"""ConceptExplorer without a browser: what is chosen, and what is then shown."""

from __future__ import annotations

import threading
import time

import pytest
import torch
from ipywidgets.widgets.widget import _instances

from tests.widgets.conftest import do, numbers_of
from xai_widgets.errors import NotFittedError, XaiWidgetsError
from xai_widgets.methods.srae.scene import find_exemplars
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.pool import EVERYTHING, MISTAKEN

NASTY = "<script>alert(1)</script>"


@pytest.fixture
def explorer(conceive, srae):
    return conceive(srae)


def hidden(explorer):
    return explorer.views._explained.layout.visibility == "hidden"


# --- what is shown -------------------------------------------------------------------------------------------------


def test_a_fitted_one_shows_the_sum_of_the_first_picture(explorer, srae):
    found = explorer.explanation
    assert (explorer.sentence, numbers_of(explorer)) == (found.sentence(0), found.verdict())
    expected = srae.explain(srae.study.test[explorer.picture][0], 0)
    assert torch.equal(found.contributions, expected.contributions)
    assert explorer.views.bar.steps == found.steps()
    assert int(srae.study.test[explorer.picture][1]) == 0
    assert not hidden(explorer)
    assert explorer.fitting.layout.display == "none"
    assert "NOT TO BE BELIEVED" in explorer.numbers
    assert "PCA + OLS" in explorer.views._measures.value


def test_a_card_for_each_x_feature_the_largest_first(explorer):
    found, cards = explorer.explanation, explorer.views.features.cards
    assert [card["title"] for card in cards] == [found.names[feature] for feature in found.order(0)]
    assert [bool(card["mark"]) for card in cards] == [not bool(found.alive[feature]) for feature in found.order(0)]
    assert all(card["tiles"][0]["src"].startswith("data:image/") and card["tiles"][0]["alt"] for card in cards)
    assert len({card["colour"] for card in cards}) == 4
    assert explorer.views.features.selected == 0


def test_exemplars_of_three_kinds_beside_their_maps(explorer, srae):
    rows = explorer.views.exemplars.rows
    assert [row["label"] for row in rows] == ["top", "median", "zero"]
    assert all(len(row["tiles"]) == 6 for row in rows)
    _, values = srae.exemplars(0, explorer.scene.feature, "top", count=3)
    said = [float(tile["caption"].replace("−", "-")) for tile in rows[0]["tiles"][1::2]]
    assert said == pytest.approx(values.tolist(), abs=0.06)


# --- choosing ------------------------------------------------------------------------------------------------------


def test_another_picture(explorer):
    before = explorer.explanation
    do(explorer, explorer.strip.cards, selected=2)
    assert explorer.picture == explorer.strip.pool.indices[explorer.strip.here[2]]
    assert not torch.equal(explorer.explanation.contributions, before.contributions)
    assert len(explorer.views.large.rows) == 1


def test_another_class_has_other_pictures_and_x_features(explorer):
    do(explorer, explorer.views.features, selected=2)
    do(explorer, explorer.controls.classes, value=2)
    assert explorer.explanation.class_index == 2
    assert int(explorer.study.test[explorer.picture][1]) == 2
    assert explorer.feature is None
    assert explorer.scene.feature == explorer.explanation.order(0)[0]


def test_another_x_feature_stays_chosen_for_other_pictures(explorer):
    chosen = explorer.explanation.order(0)[2]
    do(explorer, explorer.views.features, selected=2)
    assert (explorer.feature, explorer.scene.feature) == (chosen, chosen)
    do(explorer, explorer.strip.cards, selected=1)
    assert explorer.scene.feature == chosen
    assert explorer.views.features.selected == explorer.explanation.order(0).index(chosen)


def test_without_a_picture_of_a_kind_nothing_is_shown(explorer):
    do(explorer, explorer.strip.show, value=MISTAKEN)
    assert (explorer.strip.here, explorer.picture) == ([], None)
    assert hidden(explorer)
    with pytest.raises(NotFittedError, match="No picture of this kind"):
        explorer.figure()


def test_a_picture_by_its_index(explorer):
    index = explorer.strip.pool.indices[-1]
    explorer.picture = index
    assert explorer.task.wait(60)
    assert explorer.picture == index
    assert explorer.strip.show.value == EVERYTHING
    assert torch.equal(explorer.explanation.pictures[0], explorer.study.test[index][0])
    with pytest.raises(XaiWidgetsError, match="picture 99999 is not one of"):
        explorer.picture = 99999
    with pytest.raises(XaiWidgetsError, match="there is no 7"):
        explorer.feature = 7


def test_one_picture_is_kept_and_compared_with_the_next(explorer):
    kept, first = explorer.picture, explorer.explanation
    do(explorer, explorer.controls.compare, value=True)
    do(explorer, explorer.strip.cards, selected=3)
    assert explorer.other == kept
    bar, found = explorer.views.bar, explorer.explanation
    assert [step.name for step in bar.other] == [step.name for step in bar.steps]
    assert bar.other[-1].stop == pytest.approx(float(first.score[0]))
    assert len(explorer.views.large.rows) == 2
    assert explorer.views.line("compared").count(found.compare(0, first, 0).sentence()) == 1
    assert [card["mark"] for card in explorer.strip.cards.cards][:2] == ["kept", ""]
    assert explorer.controls.compare.description == "Stop comparing"
    do(explorer, explorer.controls.compare, value=False)
    assert (explorer.other, bar.other, explorer.views.line("compared")) == (None, [], "")


def test_the_slider_shows_the_sums_prediction_and_the_networks_answer(explorer, srae):
    feature, found = explorer.scene.feature, explorer.explanation
    explorer.controls.turn.value = 0.0
    factors = torch.ones(4)
    factors[feature] = 0
    answer = srae.intervene(found.pictures, 0, factors)
    stop = explorer.scene.turned
    assert float(stop.real[0]) == pytest.approx(float(answer.real[0]), abs=1e-4)
    assert float(stop.predicted[0]) == pytest.approx(float(found.score[0] - found.contributions[0, feature]), abs=1e-3)
    assert "removed" in explorer.views.line("turn")
    assert explorer.views.curve._here.x.tolist() == [0.0]
    explorer.controls.turn.value = 1.5
    assert "×1.5" in explorer.views.line("turn")
    explorer.controls.turn.value = 1.0
    assert "as it is" in explorer.views.line("turn")


def test_a_name_is_kept_shown_everywhere_and_saved(explorer, srae, tmp_path):
    feature = explorer.scene.feature
    assert explorer.controls.name.value == ""
    explorer.controls.name.value = f" {NASTY} "
    assert srae.names(0)[feature] == NASTY
    assert explorer.views.features.cards[0]["title"] == NASTY
    assert NASTY in [step.name for step in explorer.views.bar.steps]
    assert NASTY in explorer.sentence
    loaded = SRAE.load(srae.save(tmp_path / "named"), srae.study)
    assert loaded.names(0)[feature] == NASTY
    explorer.controls.name.value = ""
    assert explorer.views.features.cards[0]["title"] == f"x-feature {feature + 1}"


# --- work in the background -----------------------------------------------------------------------------------------


def test_an_explanation_that_is_cancelled_leaves_nothing_of_the_one_before(explorer, monkeypatch):
    begun, explain = threading.Event(), explorer.srae.explain

    def slow(*args, **options):
        begun.set()
        while explorer.task._current is not None and not explorer.task._current.dropped:
            time.sleep(0.01)
        return explain(*args, **options)

    monkeypatch.setattr(explorer.srae, "explain", slow)
    explorer.strip.cards.selected = 4
    assert begun.wait(60)
    explorer.cancel()
    assert explorer.task.wait(60)
    assert explorer.explanation is None
    assert hidden(explorer)
    assert "was not completed" in explorer.sentence
    monkeypatch.undo()
    do(explorer, explorer.strip.cards, selected=3)
    assert explorer.picture == explorer.strip.pool.indices[explorer.strip.here[3]]
    assert explorer.explanation is not None


def test_the_sum_is_shown_before_the_exemplars_are_found(explorer, monkeypatch):
    begun, free = threading.Event(), threading.Event()

    def slow(*args, **options):
        begun.set()
        assert free.wait(60)
        return find_exemplars(*args, **options)

    monkeypatch.setattr("xai_widgets.widgets.srae.explorer.find_exemplars", slow)
    explorer.views.features.selected = 1
    assert begun.wait(60)
    assert explorer.scene.feature == explorer.explanation.order(0)[1]
    assert not any(tile["src"] for row in explorer.views.exemplars.rows for tile in row["tiles"])
    explorer.cancel()
    free.set()
    assert explorer.task.wait(60)
    assert explorer.explanation is not None  # only the exemplars are missing
    do(explorer, explorer.strip.cards, selected=1)
    assert all(tile["src"] for row in explorer.views.exemplars.rows for tile in row["tiles"])


def test_interactions_make_no_widgets(explorer):
    do(explorer, explorer.strip.cards, selected=1)
    living = len(_instances)
    for turn in range(200):
        owner, name, value = [
            (explorer.strip.cards, "selected", turn % 5),
            (explorer.views.features, "selected", turn % 4),
            (explorer.controls.turn, "value", turn % 12 / 4),
            (explorer.controls.compare, "value", turn % 8 < 4),
            (explorer.controls.classes, "value", turn % 4),
        ][turn % 5]
        setattr(owner, name, value)
    assert explorer.task.wait(60)
    assert explorer.last_error is None
    assert len(_instances) == living

"""SummaryBrowser with two networks: which summaries share a line, which ones only one network has; and prepared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.methods.summaries.compare import compare
from xai_widgets.methods.summaries.scene import Goal, Networks
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.widgets.summaries.lines import Cell, Filter, lines


@pytest.fixture
def pair(by_hand, new_study):
    """Two networks that share the first summary: the second squares are elsewhere."""
    first, second = by_hand(new_study(name="oak"), found=[0]), by_hand(new_study(name="elm"), found=[0])
    found = second.found[0, False]
    moved = [
        replace(region, pixels=region.pixels.roll(4, 0)) if number >= 6 else region
        for number, region in enumerate(found.regions)
    ]
    second.found[0, False] = replace(found, regions=tuple(moved))
    return first, second


@pytest.fixture
def both(browse, pair):
    first, second = pair
    return browse(first, other=second)


def marks(browser):
    return [(card["title"], card.get("mark", "")) for card in browser.rows.cards]


def test_what_both_have_shares_a_line(both, pair):
    assert marks(both) == [
        ("Summary 1", "in both, overlap 1.00"), ("Summary 1", "in both, overlap 1.00"),
        ("Summary 2", "only in oak"), ("No counterpart", ""),
        ("No counterpart", ""), ("Summary 2", "only in elm"),
    ]  # fmt: skip
    assert (both.rows.across, both.rows.headings) == (2, ["oak", "elm"])
    assert both.rows.cards[3]["lines"] == ["elm has no summary of these regions."]
    first, second = (source.found[0, False] for source in pair)
    verdict = compare(first, second).verdict()
    assert both.sentence.endswith(verdict)
    assert both.numbers == f"oak: {first.verdict()} elm: {second.verdict()}"
    assert both.title == "Summaries: oak beside elm"


def test_members_are_of_the_network_that_was_clicked(both, pair):
    both.rows.set_state({"selected": 5})
    assert both.row == [1, 1]
    both.controls.name.value = "moved"
    assert pair[1].found[0, False].summaries[1].name == "moved"
    assert pair[0].found[0, False].summaries[1].name == ""
    both.rows.set_state({"selected": 3})  # nothing to choose there
    assert both.row == [1, 1]
    assert both.last_error is None


def test_the_threshold_keeps_a_counterpart(both, pair):
    found = pair[1].found[0, False]
    steady = replace(found.summaries[0], stability=0.99)
    pair[1].found[0, False] = replace(found, summaries=(steady, *found.summaries[1:]))
    both.target = 1
    both.target = 0
    both.controls.least.value = 0.95
    assert [title for title, _ in marks(both)][:2] == ["Summary 1", "Summary 1"]
    assert len(marks(both)) == 6  # the others are stable enough themselves
    both.controls.least.value = 1.0
    assert marks(both) == []


def test_rejected_ones_have_lines_of_their_own(both):
    both.controls.rejected.value = True
    alone = [mark for _, mark in marks(both) if mark.startswith("not kept")]
    assert len(alone) == 2
    assert len(both.rows.cards) == 10


def test_first_looks_of_both_come_before_all_of_either(browse, by_hand, new_study):
    order = []

    def noted(name):
        source = by_hand(new_study(name=name))
        find = source.find

        def find_and_note(class_index, **options):
            order.append((name, options.get("most")))
            return find(class_index, **options)

        source.find = find_and_note
        return source

    browser = browse(noted("oak"), other=noted("elm"))
    assert order == [("oak", 12), ("elm", 12), ("oak", None), ("elm", None)]
    assert browser.scene.comparison.pictures == 6


def test_networks_of_the_same_name_are_numbered(browse, by_hand, new_study):
    source = by_hand(new_study(name="oak"), found=[0])
    browser = browse(source, other=by_hand(new_study(name="oak"), found=[0]))
    assert browser.rows.headings == ["oak (1)", "oak (2)"]


def test_a_class_counts_by_its_name(browse, by_hand, new_study):
    first = by_hand(new_study(class_names=["a", "b", "c", "d"]), found=[1, 2])
    second = by_hand(new_study(class_names=["b", "a", "x", "d"], name="other"), found=[0])
    browser = browse(first, other=second, target="b")
    assert browser.scene.founds == [first.found[1, False], second.found[0, False]]
    assert browser.scene.comparison.pictures == 6
    browser.target = 2
    assert browser.scene.founds == [first.found[2, False], None]
    assert browser.rows.cards[1]["lines"] == ["other has no class of this name."]
    assert second.asked == []


def test_too_few_pictures_in_one_network(browse, by_hand, new_study):
    browser = browse(by_hand(found=[0]), other=by_hand(new_study(name="other"), rare=[0]))
    assert browser.scene.founds[1] is None
    assert "3 pictures are correctly predicted so" in browser.rows.cards[1]["lines"][0]
    assert browser.last_error is None


def test_other_pictures_cannot_be_compared(browse, pair):
    first, second = pair
    found = second.found[0, False]
    second.found[0, False] = replace(found, indices=found.indices + 1000)
    browser = browse(first, other=second)
    assert "They cannot be compared: the two share no pictures" in browser.sentence
    assert browser.scene.comparison is None
    assert len(browser.rows.cards) == 8
    assert browser.last_error is None


# --- lines -------------------------------------------------------------------------------------------------------


def test_lines_of_one_network(pair):
    scene = Networks(pair[0]).scene(Goal(0, errors=False))
    assert [line.cells for line in lines(scene, Filter())] == [(Cell(0, 0),), (Cell(0, 1),)]
    shown = lines(scene, Filter("coherence", rejected=True))
    assert [line.cells[0].summary for line in shown] == [0, 1, 2]


def test_a_summary_of_nothing_is_an_error(pair):
    nothing = Networks(pair[0]).scene(Goal(3, errors=False))
    assert lines(nothing, Filter()) == []
    with pytest.raises(XaiWidgetsError, match="nothing was found in network 0"):
        Cell(0, 1).of(nothing)


# --- for the Workbench -------------------------------------------------------------------------------------------


def test_known_summaries_are_shown(prepare, by_hand):
    known = by_hand(found=[0, 1, 2, 3])
    known.study.explainers["summaries"] = known
    (browser,) = prepare("summaries", [known.study])
    assert browser.explainer is known
    assert known.asked == []


def test_summaries_of_two_studies_are_found_in_the_same_pictures(prepare, new_study, by_hand, monkeypatch):
    known, asked = by_hand(found=[0, 2]), []
    known.study.explainers["summaries"] = known

    def find(self, class_index, *, indices, **_):
        asked.append((class_index, indices))
        self.found[class_index, False] = known.found[class_index, False]

    monkeypatch.setattr(VisualSummaries, "find", find)
    (browser,) = prepare("summaries", [new_study(), known.study])
    assert browser.networks.each[1].summaries is known
    assert browser.explainer.pictures is known.pictures
    assert asked == [(number, known.found[number, False].indices.tolist()) for number in (0, 2)]


def test_classes_with_too_few_pictures_are_left_out(prepare, new_study, monkeypatch):
    asked = []

    def find(self, class_index, **_):
        asked.append(class_index)
        raise PictureError("too few")

    monkeypatch.setattr(VisualSummaries, "find", find)
    (browser,) = prepare("summaries", [new_study()])
    assert browser.explanation is None
    assert asked[:4] == [0, 1, 2, 3]

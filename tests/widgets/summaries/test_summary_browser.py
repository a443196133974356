"""SummaryBrowser without a browser: what is chosen, what is shown, and what is searched for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.widgets.conftest import numbers_of, red, until
from xai_widgets.errors import NotFittedError, XaiWidgetsError
from xai_widgets.methods.summaries.scene import FIRST_LOOK
from xai_widgets.widgets.summaries.explorer import SummaryBrowser

NASTY = "<script>alert(1)</script>"


@pytest.fixture
def browser(browse, by_hand):
    """With class 0 found."""
    return browse(by_hand(found=[0]))


def titles(browser):
    return [card["title"] for card in browser.rows.cards if "title" in card]


# --- rows --------------------------------------------------------------------------------------------------------


def test_what_was_found_is_there_at_once(browser):
    assert browser.explainer.asked == []
    assert titles(browser) == ["Summary 1", "Summary 2"]
    first = browser.rows.cards[0]
    assert first["lines"] == [
        "Evidence 2.0 nats (1.7 to 2.3)",
        "Drop 10% (5.0% to 15%)",
        "In 6 of 6 pictures",
        "Stability 0.70 · coherence 0.50",
    ]
    assert first["gauge"] == pytest.approx([1.7 / 2.3, 2.0 / 2.3, 1])
    assert [tile["caption"] for tile in first["tiles"]] == ["exemplar", "", "", "", ""]
    assert "2 kinds of region in 6 pictures" in browser.sentence
    assert numbers_of(browser) == browser.explanation.verdict()
    assert (browser.row, browser.rows.selected) == ([0, 0], 0)
    assert browser.controls.find.layout.display == "none"


def test_unsound_ones_are_shown_with_the_reason(browser):
    browser.controls.rejected.value = True
    *sound, last = browser.rows.cards
    assert not any(card["dull"] or card["mark"] for card in sound)
    assert last["dull"]
    assert last["mark"] == "not kept: mixed: coherence 0.05; not stable: 0.30"
    assert last["gauge"][0] < 0
    browser.row = [0, 2]
    browser.controls.rejected.value = False
    assert browser.row == [0, 0]


@pytest.mark.parametrize(
    ("measure", "order"),
    [("evidence", [0, 1]), ("drop", [1, 0]), ("size", [0, 1]), ("stability", [1, 0]), ("coherence", [0, 1])],
)
def test_rows_are_sorted_and_the_chosen_one_stays_chosen(browser, measure, order):
    browser.row = [0, 1]
    browser.controls.sort.value = measure
    assert titles(browser) == [f"Summary {index + 1}" for index in order]
    assert browser.rows.cards[0]["lines"][0].lower().startswith("in" if measure == "size" else measure)
    assert browser.row == [0, 1]
    assert browser.rows.selected == order.index(1)
    assert max(card["gauge"][1] for card in browser.rows.cards) <= 1


def test_a_threshold_hides_what_is_less_stable(browser):
    browser.controls.least.value = 0.8
    assert titles(browser) == ["Summary 2"]
    browser.controls.least.value = 1.0
    assert titles(browser) == []
    assert browser.row is None
    assert browser.chosen.members.cards == browser.chosen.detail.rows == []
    assert browser.controls.name.disabled
    browser.controls.least.value = 0.0
    assert len(titles(browser)) == 2
    assert browser.last_error is None


# --- members and detail ------------------------------------------------------------------------------------------


def test_a_row_shows_its_members_and_a_member_its_detail(browser):
    assert len(browser.chosen.members.cards) == 6
    browser.rows.set_state({"selected": 1})
    assert browser.row == [0, 1]
    assert "Summary 2: 6 regions in 4 pictures" in browser.chosen.members_line.value
    assert browser.chosen.members.cards[3]["lines"] == ["14 nats", "drop 44%"]
    browser.chosen.members.set_state({"selected": 3})
    assert "Picture 103: without this region" in browser.chosen.detail_line.value
    masks = browser.explanation.masks
    asked = masks.pictures[3], masks.kept_picture(3), masks.removed_picture(3)
    for name, picture in zip(("picture", "evidence kept", "evidence removed"), asked, strict=True):
        expected = browser.study.predict(picture)[0]
        assert sorted(browser.chosen.bars.heights(name)) == pytest.approx(sorted(expected.tolist()))
    (row,) = browser.chosen.detail.rows
    assert len(browser.chosen.detail.columns) == len(row["tiles"]) == 6
    browser.rows.set_state({"selected": 0})
    assert browser.chosen.members.selected == 0


def test_every_picture_can_be_read_aloud(browser):
    browser.controls.rejected.value = True
    cards = [*browser.rows.cards, *browser.chosen.members.cards]
    tiles = [tile for card in cards for tile in card["tiles"]] + browser.chosen.detail.rows[0]["tiles"]
    assert all(tile["src"].startswith("data:image/") and tile["alt"].strip() for tile in tiles)
    assert "evidence 1.0 nats, drop 33%" in browser.rows.cards[0]["tiles"][0]["alt"]


# --- finding -----------------------------------------------------------------------------------------------------


def test_a_class_is_looked_at_in_two_steps(browser):
    source = browser.explainer
    seen = []
    source.free.clear()
    browser._lines["sentence"].observe(lambda change: seen.append(change.new), "value")
    browser.target = 2
    assert source.begun.wait(60)
    assert [tile["src"] for card in browser.rows.cards for tile in card["tiles"]] == [""] * 15
    assert browser.chosen.widget.layout.visibility == "hidden"
    assert "Looking for the parts of class 2" in browser.sentence
    source.free.set()
    assert browser.task.wait(60)
    assert source.asked == [(2, False, FIRST_LOOK), (2, False, None)]
    assert any("first look at 5 pictures of class 2; all pictures follow" in sentence for sentence in seen)
    assert "in 6 pictures" in browser.sentence
    assert (2, False) in source.found
    assert browser.chosen.widget.layout.visibility is None


def test_few_pictures_need_no_first_look(browse, by_hand):
    source = by_hand()
    source.most = FIRST_LOOK
    browse(source)
    assert source.asked == [(0, False, None)]


def test_pictures_without_regions(browse, by_hand, tmp_path):
    source = by_hand(found=[0])
    source.found[0, False] = replace(source.found[0, False], regions=(), summaries=())
    browser = browse(source)
    assert browser.sentence.endswith("No regions were found in 6 pictures.")
    assert (browser.rows.cards, browser.row, browser.chosen.detail.rows) == ([], None, [])
    browser.to_html(tmp_path / "page.html")
    assert browser.last_error is None


def test_none_that_can_be_trusted(browse, by_hand):
    source = by_hand(found=[0])
    doubtful = tuple(replace(one, problems=("mixed",)) for one in source.found[0, False].summaries)
    source.found[0, False] = replace(source.found[0, False], summaries=doubtful)
    browser = browse(source)
    assert "No kind of region in 6 pictures can be trusted" in browser.sentence
    assert "No summary is sound." in browser.numbers
    browser.controls.rejected.value = True
    assert len(titles(browser)) == 3


def hold_after_first_look(source):
    """Let the first look pass, and hold the search of all pictures."""
    find = source.find

    def held_find(class_index, **options):
        if options.get("most") is None:
            source.free.clear()
        return find(class_index, **options)

    source.find = held_find


def test_cancel_leaves_what_was_shown_and_the_rest_can_be_found_later(browser):
    source = browser.explainer
    hold_after_first_look(source)
    browser.target = 1
    until(lambda: len(source.asked) == 2 and len(titles(browser)) == 2)
    assert browser.controls.name.disabled  # a first look is not kept
    assert browser.controls.find.layout.display == "none"
    browser.cancel()
    assert browser.task.wait(60)
    assert browser.task.state == "cancelled"
    assert len(titles(browser)) == 2
    assert "press “Find the rest”" in browser.sentence
    assert (1, False) not in source.found
    assert browser.controls.find.layout.display is None
    del source.find
    source.free.set()
    browser.controls.find.click()
    assert browser.task.wait(60)
    assert source.asked[2:] == [(1, False, None)]
    assert "in 6 pictures" in browser.sentence
    assert not browser.controls.name.disabled


def test_cancelled_before_anything_was_found(browse, by_hand):
    source = by_hand()
    source.free.clear()
    browser = browse(source, wait=False)
    assert source.begun.wait(60)
    browser.cancel()
    assert browser.task.wait(60)
    assert "press “Find summaries”" in browser.sentence
    assert browser.controls.find.description == "Find summaries"
    for take in (browser.figure, browser.gallery, lambda: browser.to_html("nowhere.html")):
        with pytest.raises(NotFittedError, match="Nothing was found of class 0"):
            take()


def test_the_latest_class_wins(browser):
    source = browser.explainer
    source.free.clear()
    browser.target = 1
    assert source.begun.wait(60)
    browser.target = 3
    source.free.set()
    assert browser.task.wait(60)
    assert (3, False) in source.found
    assert (1, False) not in source.found
    browser.target = 0
    assert browser.explanation is source.found[0, False]


def test_too_few_pictures_are_told_in_a_sentence(browse, by_hand):
    source = by_hand(rare=[1])
    browser = browse(source, target=1)
    assert browser.sentence.startswith("There are no summaries of class 1: 3 pictures are correctly predicted so")
    assert (red(browser), browser.last_error) == ("", None)
    assert browser.controls.find.layout.display == "none"
    asked = len(source.asked)
    browser.target = 0
    assert browser.task.wait(60)
    browser.target = 1
    assert browser.task.wait(60)
    assert len(source.asked) == asked + 2  # of class 0; it is known that class 1 has too few


def test_what_goes_wrong_is_told_in_red_and_can_be_tried_again(browser, monkeypatch):
    def fail(*_, **__):
        raise XaiWidgetsError("the classifier gives no gradients")

    monkeypatch.setattr(browser.explainer, "find", fail)
    browser.target = 1
    assert browser.task.wait(60)
    assert "gives no gradients" in red(browser)
    assert browser.controls.find.layout.display is None
    monkeypatch.undo()
    browser.controls.find.click()
    assert browser.task.wait(60)
    assert red(browser) == ""
    assert len(titles(browser)) == 2


def test_false_positives(browser):
    browser.controls.errors.value = True
    assert browser.task.wait(60)
    assert browser.explainer.asked == [(0, True, FIRST_LOOK), (0, True, None)]
    assert browser.explanation.errors
    assert "pictures mistaken for class 0" in browser.sentence


# --- names -------------------------------------------------------------------------------------------------------


def test_a_name_is_kept_with_the_summaries(browser):
    browser.rows.selected = 1
    browser.controls.name.value = "  tail "
    assert browser.explainer.found[0, False].summaries[1].name == "tail"
    assert titles(browser) == ["Summary 1", "tail"]
    assert "tail: 6 regions" in browser.chosen.members_line.value
    assert browser.row == [0, 1]
    browser.rows.selected = 0
    assert browser.controls.name.value == ""
    browser.rows.selected = 1
    assert browser.controls.name.value == "tail"
    browser.controls.name.value = "x" * 81
    assert "at most 80" in red(browser)
    assert titles(browser)[1] == "tail"


def test_names_are_text_in_galleries_too(browser):
    browser.controls.name.value = NASTY
    assert browser.last_error is None
    assert titles(browser)[0] == NASTY  # sent as data, drawn as text
    assert NASTY not in browser.gallery().html


# --- what is chosen ----------------------------------------------------------------------------------------------


def test_the_chosen_row_comes_back_also_where_nothing_was_found_yet(browse, by_hand):
    first, second = browse(by_hand()), browse(by_hand())
    first.state = {"target": 3, "sort": "drop", "least": 0.2, "rejected": True, "errors": True}
    assert first.wait(60)
    first.rows.selected = 2
    first.chosen.members.selected = 1
    state = first.state
    assert state["row"] == [0, 2]
    second.state = state
    assert second.wait(60)
    assert second.state == state
    assert second.rows.cards == first.rows.cards


def test_a_class_is_chosen_by_number_or_name(browse, new_study, by_hand):
    study = new_study()
    source = study.explainers["summaries"] = by_hand(study, found=range(4))
    browser = browse(study, target="class 2")
    assert (browser.explainer, browser.target) == (source, 2)
    browser.target = "class 3"
    assert (browser.target, browser.selection.target) == (3, 3)
    for wrong in ("class 9", 4):
        with pytest.raises(XaiWidgetsError, match="class"):
            SummaryBrowser(study, target=wrong)


def test_large_pictures_are_smooth(browse, by_hand, new_study, net, squares):
    browser = browse(by_hand(new_study(net(3), squares(12, (3, 200, 150))), found=[0]))
    assert not browser.rows.pixelated
    assert browser.figure()._repr_png_()

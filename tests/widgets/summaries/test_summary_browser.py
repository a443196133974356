"""SummaryBrowser without a browser: what is chosen, what is shown, what is looked for, and what is left behind."""

from __future__ import annotations

import threading
from dataclasses import replace

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances

from xai_widgets.errors import NotFittedError, XaiWidgetsError
from xai_widgets.methods.summaries.scene import FIRST_LOOK
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.widgets.summaries.explorer import SummaryBrowser
from xai_widgets.widgets.summaries.measures import MEASURES

NASTY = "<script>alert(1)</script>"


@pytest.fixture
def browser(browse, by_hand):
    """With class 0 found."""
    return browse(by_hand(found=[0]))


def titles(browser):
    return [card["title"] for card in browser.rows.cards if "title" in card]


def red(browser):
    return browser._lines["error"].value if browser._lines["error"].layout.display is None else ""


def held(widget):
    """A widget and all that it holds."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from held(child)


# --- rows --------------------------------------------------------------------------------------------------------


def test_what_was_found_is_there_at_once(browser):
    assert browser.summaries.asked == []
    assert titles(browser) == ["Summary 1", "Summary 2"]
    first = browser.rows.cards[0]
    assert first["lines"] == [
        "Evidence 2.0 nats (1.7 to 2.3)", "Drop 10% (5.0% to 15%)", "In 6 of 6 pictures (100 per 100)",
        "Stability 0.70 · coherence 0.50",
    ]  # fmt: skip
    assert first["gauge"] == pytest.approx([1.7 / 2.3, 2.0 / 2.3, 1])
    assert [tile["caption"] for tile in first["tiles"]] == ["exemplar", "", "", "", ""]
    assert "2 kinds of region in 6 pictures" in browser.sentence
    assert browser.numbers == browser.shown[0].verdict()
    assert (browser.row, browser.rows.selected) == ([0, 0], 0)
    assert browser.controls.find.layout.display == "none"


def test_unsound_ones_are_shown_with_the_reason(browser):
    browser.controls.unsound.value = True
    *sound, last = browser.rows.cards
    assert not any(card["dull"] or card["mark"] for card in sound)
    assert last["dull"]
    assert last["mark"] == "not kept: mixed: coherence 0.05; not stable: 0.30"
    assert last["gauge"][0] < 0
    browser.row = [0, 2]
    browser.controls.unsound.value = False
    assert browser.row == [0, 0]


@pytest.mark.parametrize(
    ("measure", "order"),
    [("evidence", [0, 1]), ("drop", [1, 0]), ("size", [0, 1]), ("stability", [1, 0]), ("coherence", [0, 1])],
)
def test_rows_are_sorted_and_the_chosen_one_stays_chosen(browser, measure, order):
    browser.row = [0, 1]
    browser.controls.sort.value = measure
    assert titles(browser) == [f"Summary {place + 1}" for place in order]
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
    assert browser.members.cards == browser.detail.rows == []
    assert browser.controls.name.disabled
    browser.controls.least.value = 0.0
    assert len(titles(browser)) == 2
    assert browser.last_error is None


# --- members and detail ------------------------------------------------------------------------------------------


def test_a_row_shows_its_members_and_a_member_its_detail(browser):
    assert len(browser.members.cards) == 6
    browser.rows.set_state({"selected": 1})
    assert browser.row == [0, 1]
    assert "Summary 2: 6 regions in 4 pictures" in browser._members_line.value
    assert browser.members.cards[3]["lines"] == ["14 nats", "drop 44%"]
    browser.members.set_state({"selected": 3})
    assert "Picture 103: without this region" in browser._detail_line.value
    found = browser.shown[0]
    asked = found.masks.pictures[3], found.masks.only(3), found.masks.removed(3)
    for name, picture in zip(("picture", "only the evidence", "without the evidence"), asked, strict=True):
        expected = browser.study.predict(picture)[0]
        assert sorted(browser.bars.heights(name)) == pytest.approx(sorted(expected.tolist()))
    (row,) = browser.detail.rows
    assert len(browser.detail.columns) == len(row["tiles"]) == 6
    browser.rows.set_state({"selected": 0})
    assert browser.members.selected == 0


def test_every_picture_can_be_read_aloud(browser):
    browser.controls.unsound.value = True
    cards = [*browser.rows.cards, *browser.members.cards]
    tiles = [tile for card in cards for tile in card["tiles"]] + browser.detail.rows[0]["tiles"]
    assert all(tile["src"].startswith("data:image/") and tile["alt"].strip() for tile in tiles)
    assert "evidence 1.0 nats, drop 33%" in browser.rows.cards[0]["tiles"][0]["alt"]


# --- finding -----------------------------------------------------------------------------------------------------


def test_a_class_is_looked_at_in_two_steps(browser):
    source = browser.summaries
    seen = []
    source.free.clear()
    browser._lines["sentence"].observe(lambda change: seen.append(change.new), "value")
    browser.controls.classes.value = 2
    assert source.begun.wait(60)
    assert [tile["src"] for card in browser.rows.cards for tile in card["tiles"]] == [""] * 15
    assert browser._chosen.layout.visibility == "hidden"
    assert "Looking for the parts of class 2" in browser.sentence
    source.free.set()
    assert browser.task.wait(60)
    assert source.asked == [(2, False, FIRST_LOOK), (2, False, None)]
    assert any("first look at 5 pictures of class 2; all pictures follow" in sentence for sentence in seen)
    assert "in 6 pictures" in browser.sentence
    assert (2, False) in source.found
    assert browser._chosen.layout.visibility is None


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
    assert (browser.rows.cards, browser.row, browser.detail.rows) == ([], None, [])
    browser.to_html(tmp_path / "page.html")
    assert browser.last_error is None


def test_none_that_is_to_be_believed(browse, by_hand):
    source = by_hand(found=[0])
    doubtful = tuple(replace(one, problems=("mixed",)) for one in source.found[0, False].summaries)
    source.found[0, False] = replace(source.found[0, False], summaries=doubtful)
    browser = browse(source)
    assert "No kind of region is to be believed in 6 pictures" in browser.sentence
    assert "No summary is sound." in browser.numbers
    browser.controls.unsound.value = True
    assert len(titles(browser)) == 3


def wait_until(browser, there):
    """Wait for something that another thread shows."""
    for _ in range(2000):
        if there():
            return
        threading.Event().wait(0.005)
    raise AssertionError(browser.sentence)


def hold_after_first_look(source):
    """Let the first look pass, and hold the search of all pictures."""
    find = source.find

    def held_find(class_index, **options):
        if options.get("most") is None:
            source.free.clear()
        return find(class_index, **options)

    source.find = held_find


def test_cancel_leaves_what_was_shown_and_the_rest_can_be_found_later(browser):
    source = browser.summaries
    hold_after_first_look(source)
    browser.controls.classes.value = 1
    wait_until(browser, lambda: len(source.asked) == 2 and len(titles(browser)) == 2)
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
    source = browser.summaries
    source.free.clear()
    browser.controls.classes.value = 1
    assert source.begun.wait(60)
    browser.controls.classes.value = 3
    source.free.set()
    assert browser.task.wait(60)
    assert (3, False) in source.found
    assert (1, False) not in source.found
    browser.controls.classes.value = 0
    assert browser.shown == [source.found[0, False]]


def test_too_few_pictures_are_told_in_a_sentence(browse, by_hand):
    source = by_hand(rare=[1])
    browser = browse(source, class_index=1)
    assert browser.sentence.startswith("There are no summaries of class 1: 3 pictures are rightly called so")
    assert (red(browser), browser.last_error) == ("", None)
    assert browser.controls.find.layout.display == "none"
    asked = len(source.asked)
    browser.controls.classes.value = 0
    assert browser.task.wait(60)
    browser.controls.classes.value = 1
    assert browser.task.wait(60)
    assert len(source.asked) == asked + 2  # of class 0; that of class 1 there are too few is known


def test_what_goes_wrong_is_told_in_red_and_can_be_tried_again(browser, monkeypatch):
    def fail(*_, **__):
        raise XaiWidgetsError("the classifier gives no gradients")

    monkeypatch.setattr(browser.summaries, "find", fail)
    browser.controls.classes.value = 1
    assert browser.task.wait(60)
    assert "gives no gradients" in red(browser)
    assert browser.controls.find.layout.display is None
    monkeypatch.undo()
    browser.controls.find.click()
    assert browser.task.wait(60)
    assert red(browser) == ""
    assert len(titles(browser)) == 2


def test_pictures_wrongly_called_so(browser):
    browser.controls.errors.value = True
    assert browser.task.wait(60)
    assert browser.summaries.asked == [(0, True, FIRST_LOOK), (0, True, None)]
    assert browser.shown[0].errors
    assert "pictures wrongly called class 0" in browser.sentence


# --- names -------------------------------------------------------------------------------------------------------


def test_a_name_is_kept_with_the_summaries(browser):
    browser.rows.selected = 1
    browser.controls.name.value = "  tail "
    assert browser.summaries.found[0, False].summaries[1].name == "tail"
    assert titles(browser) == ["Summary 1", "tail"]
    assert "tail: 6 regions" in browser._members_line.value
    assert browser.row == [0, 1]
    browser.rows.selected = 0
    assert browser.controls.name.value == ""
    browser.rows.selected = 1
    assert browser.controls.name.value == "tail"
    browser.controls.name.value = "x" * 81
    assert "at most 80" in red(browser)
    assert titles(browser)[1] == "tail"


def test_names_are_text_wherever_they_are_shown(browse, by_hand, new_study):
    study = new_study(class_names=[NASTY, "a & b", '"c"', "d"], name=NASTY)
    browser = browse(by_hand(study, found=[0]))
    browser.controls.name.value = NASTY
    assert browser.last_error is None
    for widget in held(browser.widget):
        if isinstance(widget, ipywidgets.HTML):
            assert "<script" not in widget.value
    assert titles(browser)[0] == NASTY  # sent as data, drawn as text
    assert NASTY not in browser.gallery().html


# --- what is left behind -----------------------------------------------------------------------------------------


def test_the_state_comes_back_also_where_nothing_was_found_yet(browse, by_hand):
    first, second = browse(by_hand()), browse(by_hand())
    first.state.from_dict({"class": 3, "sort": "drop", "least": 0.2, "unsound": True, "errors": True})
    assert first.task.wait(60)
    first.rows.selected = 2
    first.members.selected = 1
    state = first.state.to_dict()
    assert state["row"] == [0, 2]
    second.state.from_dict(state)
    assert second.task.wait(60)
    assert second.state.to_dict() == state
    assert second.rows.cards == first.rows.cards


def test_use_makes_no_new_widgets_and_closing_leaves_none(by_hand):
    source, before = by_hand(found=range(4)), set(_instances)
    browser = SummaryBrowser(source)
    made = set(_instances)
    for turn in range(34):
        browser.controls.classes.value = turn % 4
        browser.controls.sort.value = list(MEASURES)[turn % 5]
        browser.controls.unsound.value = turn % 2 == 0
        browser.rows.selected = turn % 2
        browser.members.selected = turn % 5
        browser.controls.name.value = f"name {turn}"
    assert browser.last_error is None
    assert set(_instances) == made
    browser.close()
    assert set(_instances) == before
    browser.close()


def test_closing_ends_a_search(by_hand):
    source, before = by_hand(), set(_instances)
    source.free.clear()
    browser = SummaryBrowser(source)
    assert source.begun.wait(60)
    browser.close()
    assert browser.task.state == "cancelled"
    assert source.found == {}
    assert set(_instances) == before


# --- where it comes from -----------------------------------------------------------------------------------------


def test_a_study_s_explainer_is_found_or_made(browse, new_study, by_hand):
    study = new_study()
    source = study.explainers["summaries"] = by_hand(study, found=range(4))
    assert browse(study).summaries is source
    assert browse(study, class_index="class 2").controls.classes.value == 2
    with pytest.raises(XaiWidgetsError, match="no class is named 'class 9'"):
        SummaryBrowser(study, class_index="class 9")
    other = browse(new_study(), wait=False).summaries
    assert isinstance(other, VisualSummaries)


@pytest.mark.parametrize("shape", [(1, 33, 47), (3, 200, 150)])
def test_pictures_of_any_shape(browse, by_hand, new_study, net, squares, shape, tmp_path):
    study = new_study(net(shape[0]), squares(12, shape))
    browser = browse(by_hand(study, found=[0]))
    assert all(tile["src"] for card in browser.rows.cards for tile in card["tiles"])
    assert browser.rows.pixelated == (max(shape[1:]) < 64)
    browser.to_html(tmp_path / "page.html")
    assert browser.figure()._repr_png_()
    assert browser.last_error is None

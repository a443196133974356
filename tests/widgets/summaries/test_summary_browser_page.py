"""The exported page of summaries: what is in it, and that nothing in it can become markup."""

from __future__ import annotations

import json
import re

import pytest

from tests.widgets.conftest import data_of, do
from xai_widgets.widgets.views.verdict import verdict_data

NASTY = "</script><script>alert(1)</script>"


@pytest.fixture
def written(browse, by_hand, new_study):
    """The browser and its page: two classes, one of them of errors too, with names that must not become markup."""
    source = by_hand(new_study(class_names=[NASTY, "b", "c", "d"], name=NASTY), found=[0, 2])
    browser = browse(source, target=2)
    browser.controls.errors.value = True
    assert browser.task.wait(60)
    browser.controls.name.value = NASTY
    return browser, data_of(browser.page())


def test_all_classes_that_were_found_and_everything_in_them(written):
    browser, data = written
    assert [page["name"] for page in data["classes"]] == [NASTY, "c", "pictures mistaken for c"]
    assert data["chosen"] == 2
    for page in data["classes"]:
        assert len(page["cards"]) == len(page["summaries"]) == 3
        assert [card["dull"] for card in page["cards"]] == [False, False, True]
        for summary in page["summaries"]:
            assert len(summary["cards"]) == len(summary["details"])
            assert all(len(detail["tiles"]) == 6 for detail in summary["details"])
    do(browser, browser.why, unfolded=True)
    assert data["classes"][2]["verdict"] == verdict_data(browser.verdict, browser.numbers)
    assert data["classes"][2]["cards"][0]["title"] == NASTY


def test_every_picture_is_written_once_and_every_tile_has_one(written):
    _, data = written
    assert len(set(data["pictures"])) == len(data["pictures"])
    assert data["pictures"][0] == ""
    assert all(picture.startswith("data:image/webp") for picture in data["pictures"][1:])
    indices = {int(index) for index in re.findall(r'"(?:src|blink)": (\d+)', json.dumps(data["classes"]))}
    assert indices == set(range(1, len(data["pictures"])))


def test_two_networks(browse, by_hand, new_study):
    first, second = by_hand(new_study(name="oak"), found=[0]), by_hand(new_study(name="elm"), found=[0])
    data = data_of(browse(first, other=second).page())
    (page,) = data["classes"]
    assert data["rows"]["across"] == 2
    assert data["rows"]["headings"] == ["oak", "elm"]
    assert [summary is None for summary in page["summaries"]] == [False] * 4 + [False, True, True, False]
    assert page["cards"][0]["mark"] == "in both, overlap 1.00"


def test_a_first_look_alone_is_a_page_too(browse, by_hand):
    source = by_hand()
    browser = browse(source)
    source.found.clear()
    browser.networks.each[0]._early[0, False] = browser.explanation
    assert len(data_of(browser.page())["classes"]) == 1

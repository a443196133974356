"""The exported page of summaries: what is in it, and that nothing in it can become markup."""

from __future__ import annotations

import json
import re

import pytest

NASTY = "</script><script>alert(1)</script>"


def data_of(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r"^const data = (.*);$", text, re.MULTILINE).group(1))


@pytest.fixture
def written(browse, by_hand, new_study, tmp_path):
    """The browser and its page: two classes, one of them of errors too, with names that must not become markup."""
    source = by_hand(new_study(class_names=[NASTY, "b", "c", "d"], name=NASTY), found=[0, 2])
    browser = browse(source, target=2)
    browser.controls.errors.value = True
    assert browser.task.wait(60)
    browser.controls.name.value = NASTY
    browser.to_html(tmp_path / "page.html")
    return browser, tmp_path / "page.html"


def test_all_classes_that_were_found_and_everything_in_them(written):
    browser, path = written
    data = data_of(path)
    assert [page["name"] for page in data["classes"]] == [NASTY, "c", "pictures mistaken for c"]
    assert data["chosen"] == 2
    for page in data["classes"]:
        assert len(page["cards"]) == len(page["summaries"]) == 3
        assert [card["dull"] for card in page["cards"]] == [False, False, True]
        for summary in page["summaries"]:
            assert len(summary["cards"]) == len(summary["details"])
            assert all(len(detail["tiles"]) == 6 for detail in summary["details"])
    assert data["classes"][2]["numbers"] == browser.numbers
    assert data["classes"][2]["cards"][0]["title"] == NASTY


def test_every_picture_is_written_once_and_every_tile_has_one(written):
    data = data_of(written[1])
    assert len(set(data["pictures"])) == len(data["pictures"])
    assert data["pictures"][0] == ""
    assert all(picture.startswith("data:image/webp") for picture in data["pictures"][1:])
    indices = {int(index) for index in re.findall(r'"src": (\d+)', json.dumps(data["classes"]))}
    assert indices == set(range(1, len(data["pictures"])))


def test_two_networks(browse, by_hand, new_study, tmp_path):
    first, second = by_hand(new_study(name="oak"), found=[0]), by_hand(new_study(name="elm"), found=[0])
    browse(first, other=second).to_html(tmp_path / "page.html")
    data = data_of(tmp_path / "page.html")
    (page,) = data["classes"]
    assert data["rows"]["across"] == 2
    assert data["rows"]["headings"] == ["oak", "elm"]
    assert [summary is None for summary in page["summaries"]] == [False] * 4 + [False, True, True, False]
    assert page["cards"][0]["mark"] == "in both, overlap 1.00"


def test_a_first_look_alone_is_a_page_too(browse, by_hand, tmp_path):
    source = by_hand()
    browser = browse(source)
    source.found.clear()
    browser.networks.each[0]._early[0, False] = browser.explanation
    browser.to_html(tmp_path / "page.html")
    assert len(data_of(tmp_path / "page.html")["classes"]) == 1

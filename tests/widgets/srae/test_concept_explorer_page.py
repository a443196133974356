"""The exported page of x-features: what is in it, and that nothing in it can become markup."""

from __future__ import annotations

import json
import re

import pytest

from xai_widgets.errors import NotFittedError

NASTY = "</script><script>alert(1)</script>"


@pytest.fixture
def written(conceive, srae, tmp_path):
    explorer = conceive(srae, class_index=1)
    explorer.controls.name.value = NASTY
    explorer.to_html(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    return explorer, text, json.loads(re.search(r"^const data = (.*);$", text, re.MULTILINE).group(1))


def test_all_classes_with_pictures_bars_maps_and_exemplars(written):
    explorer, _, data = written
    assert [page["name"] for page in data["classes"]] == list(explorer.study.class_names)
    assert data["chosen"] == 1
    for page in data["classes"]:
        assert len(page["cards"]) == len(page["pictures"])
        assert len(page["features"]) == 4
        for one in page["pictures"]:
            assert len(one["cards"]) == len(one["order"]) == len(one["turned"]) == 4
            assert [step["kind"] for step in one["steps"]] == ["total", *["feature"] * 4, "rest", "total"]
            assert all(len(said) == len(data["stops"]) for said in one["turned"])
    first = data["classes"][1]["pictures"][0]
    assert first["sentence"] == explorer.sentence
    assert first["cards"][0]["title"] == NASTY
    assert first["cards"][0]["lines"] == explorer.views.features.cards[0]["lines"]


def test_every_picture_is_written_once_and_every_tile_has_one(written):
    data = written[2]
    assert len(set(data["pictures"])) == len(data["pictures"])
    places = {int(place) for place in re.findall(r'"src": (\d+)', json.dumps(data["classes"]))}
    assert places == set(range(1, len(data["pictures"])))


def test_text_cannot_become_markup_and_nothing_outside_is_named(written):
    text = written[1]
    assert text.count("<script>") == text.count("</script>") == 1
    assert not re.search(r"https?:|<link|@import|url\(|\bimport\b|export default", text)
    assert "default-src 'none'" in text


def test_without_x_features_there_is_no_page(conceive, squares_read, tmp_path):
    with pytest.raises(NotFittedError, match="nothing to show"):
        conceive(squares_read, "pool").to_html(tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()

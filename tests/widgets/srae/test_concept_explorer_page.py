"""The exported page of x-features."""

from __future__ import annotations

import json
import re

import pytest

from tests.widgets.conftest import data_of, do
from xai_widgets.widgets.views.verdict import verdict_data

NASTY = "</script><script>alert(1)</script>"


@pytest.fixture
def written(conceive, srae):
    explorer = conceive(srae, target=1)
    explorer.controls.name.value = NASTY
    return explorer, data_of(explorer.page())


def test_all_classes_with_pictures_bars_maps_and_exemplars(written):
    explorer, data = written
    assert [page["name"] for page in data["classes"]] == list(explorer.study.class_names)
    assert data["chosen"] == 1
    for page in data["classes"]:
        assert len(data["line"]["cards"]) == len(page["pictures"]) == len(data["predicted"])
        assert len(page["features"]) == 4
        for one in page["pictures"]:
            assert len(one["cards"]) == len(one["order"]) == len(one["turned"]) == 4
            assert [step["kind"] for step in one["steps"]] == ["total", *["feature"] * 4, "rest", "total"]
            assert all(len(answers) == len(data["stops"]) for answers in one["turned"])
    first = data["classes"][1]["pictures"][data["line"]["chosen"]]
    do(explorer, explorer.why, unfolded=True)
    assert (first["sentence"], first["verdict"]) == (
        explorer.sentence,
        verdict_data(explorer.verdict, explorer.numbers),
    )
    assert first["cards"][0]["title"] == NASTY
    assert first["cards"][0]["lines"] == explorer.views.features.cards[0]["lines"]


def test_every_picture_is_written_once_and_every_tile_has_one(written):
    _, data = written
    assert len(set(data["pictures"])) == len(data["pictures"])
    indices = {int(index) for index in re.findall(r'"src": (\d+)', json.dumps([data["classes"], data["line"]]))}
    assert indices == set(range(1, len(data["pictures"])))

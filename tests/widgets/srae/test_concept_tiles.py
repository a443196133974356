"""Maps and words of ConceptExplorer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from xai_widgets.methods.srae.heatmaps import HEATMAP_METHODS
from xai_widgets.widgets.srae.tiles import feature_cards, features_line, shaded


@pytest.fixture
def found(srae):
    return srae.explain(srae.study.test[0][0], 0)


def test_white_is_nothing_and_dark_pictures_only_shade():
    nothing = shaded(torch.zeros(2, 3), torch.ones(3, 2, 3), 1.0)
    assert torch.allclose(nothing, torch.full((3, 2, 3), 247 / 255))
    dark = shaded(torch.zeros(2, 3), torch.zeros(1, 2, 3), 1.0)
    assert torch.allclose(dark, 0.65 * nothing)
    red, _, blue = shaded(torch.full((2, 3), 1.0), torch.ones(3, 2, 3), 1.0)[:, 0, 0]
    assert red > blue
    red, _, blue = shaded(torch.full((2, 3), -1.0), torch.ones(3, 2, 3), 1.0)[:, 0, 0]
    assert blue > red


def test_a_card_says_where_and_how_much(found):
    maps = torch.zeros(1, 4, 3, 3)
    maps[0, 0, 0, 2] = 5.0
    maps[0, 1, 2, 0] = -2.0
    maps[0, 2:] = 0.01
    made = replace(
        found, maps=maps, contributions=maps.sum((2, 3)), deletion=torch.tensor([[0.8, 0.1, 0.0, 1.0]]),
        alive=torch.tensor([True, True, True, False]), names=("crest", "beak", "c", "d"),
    )  # fmt: skip
    cards = feature_cards(made)
    assert [card["title"] for card in cards] == ["crest", "c", "d", "beak"]
    assert [card["mark"] for card in cards] == ["", "", "dead: never varies", ""]
    assert [card["lines"] for card in cards] == [
        ["+5.0", "blurring here removes 80%"], ["+0.09"], ["+0.09"],
        ["−2.0", "map fails its check: blurring here removes only 10%"],
    ]  # fmt: skip
    assert cards[0]["tiles"][0]["alt"] == "crest adds +5.0, most of it at the top right"
    assert cards[3]["tiles"][0]["alt"] == "beak adds −2.0, most of it at the bottom left"
    assert [card["dull"] for card in cards] == [False, False, True, False]


@pytest.mark.parametrize("method", HEATMAP_METHODS)
def test_every_heatmap_method_has_words(found, method):
    line = features_line(replace(found, heatmap_method=method))
    assert "orange supports north, blue opposes it" in line
    assert ("(" in line) == (method != "spatial")


def test_a_map_without_positions_is_everywhere(found):
    made = replace(found, maps=found.contributions[:, :, None, None])
    assert feature_cards(made)[0]["tiles"][0]["alt"].endswith("everywhere alike")

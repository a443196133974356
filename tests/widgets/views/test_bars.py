"""Prediction bars show the likeliest classes of any version, each under a name of its own."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.widgets.views.bars import MOST, PredictionBars
from xai_widgets.widgets.views.tools import close_all


@pytest.fixture
def bars():
    made = PredictionBars()
    yield made
    close_all(made.widget)


def names_of(bars):
    return list(bars._bars.x)


def test_the_likeliest_classes_of_any_version_in_order(bars):
    original = torch.tensor([0.5, 0.01, 0.3, 0.02, 0.03, 0.04, 0.1])
    cladec = torch.tensor([0.02, 0.9, 0.01, 0.01, 0.02, 0.03, 0.01])
    bars.show({"original": original, "cladec": cladec}, "abcdefg")
    assert names_of(bars) == list("bacgf")
    assert bars.heights("original").tolist() == pytest.approx([0.01, 0.5, 0.3, 0.1, 0.04])
    assert bars.heights("cladec").tolist() == pytest.approx([0.9, 0.02, 0.01, 0.01, 0.03])
    assert "ClaDec" in bars._legend.value
    assert "auto-encoder" not in bars._legend.value


def test_two_classes_have_two_bars(bars):
    bars.show({"original": torch.tensor([0.25, 0.75])}, ["oak", "elm"])
    assert names_of(bars) == ["elm", "oak"]
    bars.show({"original": torch.full((50,), 0.02)}, [str(i) for i in range(50)])
    assert names_of(bars) == list("01234")[:MOST]
    bars.clear()
    assert names_of(bars) == []
    assert bars._legend.value == ""


def test_long_names_are_cut_and_numbered_where_that_makes_them_alike(bars):
    names = ["a very long name of a class", "a very long name of another", "oak"]
    bars.show({"original": torch.tensor([0.5, 0.3, 0.2])}, names)
    assert names_of(bars) == ["a very long name … (1)", "a very long name … (2)", "oak"]


def test_classes_of_one_name_have_bars_apart(bars):
    """ImageNet has two cranes."""
    bars.show({"original": torch.tensor([0.5, 0.2, 0.3])}, ["crane", "oak", "crane"])
    assert len(set(names_of(bars))) == 3

"""X-features are turned to all stops at once, and the answers put into words."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.methods.srae.turning import STOPS, Turned, turn

PICTURE = torch.rand(3, 16, 16)


def test_each_stop_is_an_intervention_of_its_own(srae):
    one, other = turn(srae, PICTURE, 2, [3, 1])
    for stop, factor in enumerate(STOPS):
        alone = srae.intervene(PICTURE, 2, torch.ones(4).index_fill_(0, torch.tensor([1]), factor))
        assert float(other.real[stop]) == pytest.approx(float(alone.real), abs=1e-4)
        assert float(other.predicted[stop]) == pytest.approx(float(alone.predicted), abs=1e-4)
    assert one.real[STOPS.index(1)] == other.real[STOPS.index(1)]


def test_answers_in_words():
    turned = Turned(torch.linspace(0, 3, 13), torch.linspace(0, 2, 13), ("finch 90%",) * 13)
    assert turned.sentence(0, "crest", "logit") == (
        "crest removed: the sum predicts 0.00, the network gives 0.00 (−0.67). Predicted class: finch 90%."
    )
    assert turned.sentence(4, "crest", "logit") == "crest as it is: logit 0.67, predicted class finch 90%."
    assert turned.sentence(8, "crest", "logit").startswith("crest ×2: the sum predicts 2.0, the network gives 1.3 ")

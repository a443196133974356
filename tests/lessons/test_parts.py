"""Which parts the summaries of the lessons show."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from xai_widgets.lessons import evidence_and_worth, first_parts, parts, recognised_by_all, share_first

FINCH = SimpleNamespace(class_name="finch", kept=[SimpleNamespace(evidence=2.0), SimpleNamespace(evidence=1.0)])
LARK, NONE = SimpleNamespace(class_name="lark"), SimpleNamespace(class_name="wren")


@pytest.fixture(autouse=True)
def _truth(monkeypatch):
    """The finch's summaries show its crest, and no part; the lark's the ring; the wren has none."""
    found = {"finch": [1, -1, 0], "lark": [2, 1], "wren": []}
    truth = SimpleNamespace(
        parts=("beak", "crest", "cue"), kinds=lambda one: one, worth=lambda study, one: np.array([0.5, 3.0, 0.0])
    )
    monkeypatch.setattr(parts, "Truth", lambda birds: truth)
    monkeypatch.setattr(parts, "shown", lambda one, kinds: found[one.class_name])


def test_evidence_and_worth_of_sound_summaries():
    assert evidence_and_worth(None, None, FINCH) == {
        "1: crest": {"evidence": 2.0, "worth of the part": 3.0},
        "2: no part": {"evidence": 1.0, "worth of the part": 0.0},
    }


def test_first_parts():
    assert first_parts(None, [FINCH, LARK, NONE]) == {"finch": "crest", "lark": "cue", "wren": "none"}
    assert share_first(None, [FINCH, LARK], "cue") == 0.5


def test_birds_that_all_recognise():
    class Birds:
        labels = torch.tensor([0, 0, 1, 0])

        def __len__(self):
            return 4

        def __getitem__(self, index):
            return torch.zeros(3, 4, 4), int(self.labels[index])

    def study(*predicted):
        return SimpleNamespace(test=Birds(), predict=lambda pictures: torch.eye(2)[list(predicted)])

    assert recognised_by_all([study(0, 0, 0, 0), study(0, 1, 0, 0)], 0, count=9) == [0, 3]
    assert recognised_by_all([study(0, 0, 1, 1)], 0, count=1) == [0]

"""The film and the area of InversionExplorer: which masks are shown."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.methods.inversion.scene import film_of, stops_of, strongest


def test_stops_are_few_and_end_with_the_end():
    assert [stop.step for stop in film_of(6)] == list(range(7))
    assert [stop.step for stop in film_of(80)] == list(range(0, 81, 4))
    assert [stop.step for stop in film_of(41)][-3:] == [36, 39, 41]
    assert [stop.share for stop in stops_of(6)[7:]] == list(range(90, 0, -10))


def test_the_strongest_of_a_mask_holds_its_share():
    masks = torch.tensor([[[0.4, 0.1], [0.3, 0.2]], [[0.0, 0.0], [0.0, 0.0]]])
    assert torch.equal(strongest(masks, 0.7)[0] > 0, torch.tensor([[True, False], [True, False]]))
    assert torch.equal(strongest(masks, 0.01)[0] > 0, torch.tensor([[True, False], [False, False]]))
    assert not strongest(masks, 0.5)[1].any()
    many = torch.rand(3, 33, 47)
    assert (strongest(many, 0.3).sum((1, 2)) / many.sum((1, 2))).tolist() == pytest.approx([0.3] * 3, abs=0.01)

"""Summaries as tensors and plain values: nothing is lost on the way, even where there is nothing."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
import torch

from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.regions import Region
from xai_widgets.methods.summaries.stored import details_of, restored, tensors_of
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries


def assert_same(found, wanted):
    if isinstance(wanted, torch.Tensor):
        assert found.dtype == wanted.dtype
        assert torch.equal(found, wanted)
    elif isinstance(wanted, (ClassSummaries, Masks, Region)):
        assert type(found) is type(wanted)
        for field in fields(wanted):
            assert_same(getattr(found, field.name), getattr(wanted, field.name))
    elif isinstance(wanted, tuple):
        assert isinstance(found, tuple)
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    else:
        assert found == wanted


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 33, 47)])
@pytest.mark.parametrize(("blind", "errors"), [((), False), ((1, 4), False), (range(8), False), ((), True)])
def test_what_is_restored_is_what_was_stored(parts, planted, shape, blind, errors):
    study = parts(24, shape, class_names=("none", "parts"))
    found = VisualSummaries(study, masks=planted(study, blind), most=8).find(1, errors=errors)
    if found.summaries:
        found = found.named(len(found.summaries) - 1, "naïve \u2192 'name'")
    details = json.loads(json.dumps(details_of(found), allow_nan=False))
    tensors = tensors_of(found)
    assert all(isinstance(value, torch.Tensor) for value in tensors.values())
    assert_same(restored(tensors, details, study.class_names), found)

"""What is said before a search: photos take seconds each, and a search needs enough of them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xai_widgets.methods.summaries.scene import PHOTOS, Goal, Networks
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.study import Study
from xai_widgets.widgets.summaries.words import sentence


@pytest.mark.parametrize(("side", "photos"), [(32, False), (96, True)])
def test_what_photos_need_is_said_before(side, photos):
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=4, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    study = Study(model, [(torch.rand(3, side, side), 0)] * 2, class_names=["wren", "finch", "tit", "jay"])
    scene = Networks(VisualSummaries(study)).scene(Goal(0, errors=False))
    said = sentence(scene, left=True, running=False)
    assert said.startswith("Nothing was found of wren yet: press “Find summaries”.")
    assert (f"needs {PHOTOS} photos" in said) == photos

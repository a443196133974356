"""Large pictures: fewer and greater steps, a few at a time on a CPU, channels last if the classifier allows it."""

from __future__ import annotations

import pytest
import torch
from skimage.data import astronaut, chelsea
from torch import nn
from torch.nn import functional as F

import xai_widgets as xw
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.masking import references

SIDE = 160


def photo(pixels):
    whole = torch.from_numpy(pixels).permute(2, 0, 1).float()[None] / 255
    return F.interpolate(whole, (SIDE, SIDE), mode="bilinear", antialias=True)[0].clamp(0, 1)


class Net(nn.Module):
    """A small network, which notes how many pictures of a search came at once, and whether their channels were last."""

    seen: list[tuple[int, bool]] = []  # noqa: RUF012 - also of its copies

    def __init__(self, *, picky=False):
        super().__init__()
        self.act = nn.Sequential(nn.Conv2d(3, 8, 9, 8, 4), nn.ReLU())
        self.head = nn.Linear(8, 3)
        self.picky = picky

    def forward(self, x):
        if x.requires_grad:
            self.seen.append((len(x), not x.is_contiguous()))
        maps = self.act(x)
        if self.picky:
            maps.view(len(x), -1)  # needs channels first
        return self.head(maps.mean((2, 3)))


@pytest.fixture(params=[False, True], ids=["any layout", "channels first"])
def study(request):
    torch.manual_seed(0)
    photos = [(photo(astronaut()), 0), (photo(chelsea()), 1)]
    return xw.Study(Net(picky=request.param).eval(), photos, test=photos)


def test_settings_depend_on_the_size_and_small_pictures_keep_theirs(study):
    assert GuidedSettings.of_size((64, 64)) == GuidedSettings()
    assert GuidedSettings.of_size((127, 300)) == GuidedSettings()
    assert GuidedFeatureInversion(study).settings == GuidedSettings.of_size((SIDE, SIDE)) != GuidedSettings()
    assert GuidedFeatureInversion(study, settings=GuidedSettings(steps=3)).settings.steps == 3


def test_photos_are_searched_a_few_at_a_time_and_the_same_way_as_alone(study):
    pictures, _ = study.load(study.test, [0, 1, 0])
    search = GuidedFeatureInversion(study, "act", background="mean", settings=GuidedSettings(steps=4))
    Net.seen.clear()
    together = search.explain(pictures)
    searched = Net.seen[-8:]
    assert {last for _, last in searched} == {not study.model.picky}
    assert max(count for count, _ in searched) <= 4  # the kept and the removed pictures of two photos
    alone = search.explain(pictures[1])
    assert torch.allclose(alone.masks, together.masks[1:2], atol=1e-4)


def test_the_pictures_of_backgrounds_are_read_once(study, monkeypatch):
    picture, _ = study.load(study.test, [0])
    first = references.REFERENCES["average"](study, picture, torch.tensor([0]))
    monkeypatch.setattr(type(study), "load", None)
    assert torch.equal(references.REFERENCES["average"](study, picture, torch.tensor([0])), first)

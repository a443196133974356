"""Views of photos: crops and mirror images of photos, and what a fit says where there are too few of these."""

from __future__ import annotations

import warnings

import pytest
import torch
from skimage.data import chelsea
from torch import nn

import xai_widgets as xw
from xai_widgets.methods.common.resume import FinishedParts
from xai_widgets.methods.srae.enough import LEAST_PHOTOS
from xai_widgets.methods.srae.fit import SraeFit
from xai_widgets.methods.srae.fit_data import read_layer
from xai_widgets.methods.srae.report import measured
from xai_widgets.methods.srae.slopes import slopes
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.srae.views import EXAMPLES, MOST_VIEWS, WithViews, view, views_of
from xai_widgets.progress import Progress

CAT = torch.from_numpy(chelsea()).permute(2, 0, 1).float() / 255


def test_small_pictures_and_many_photos_have_no_views_and_few_photos_have_some():
    assert views_of((64, 64), 10) == 0
    assert views_of((224, 224), EXAMPLES) == 0
    assert views_of((224, 224), 10) == MOST_VIEWS
    assert views_of((224, 300), EXAMPLES // 2) == 1


def test_photos_come_first_and_views_are_the_same_every_time():
    photos = [(CAT, 4), (CAT.flip(1), 7), (CAT.flip(2), 9)]
    examples = WithViews(photos, [2, 0], 3, seed=1)
    assert len(examples) == 8
    assert [examples[index][1] for index in range(8)] == [9, 4] * 4
    assert torch.equal(examples[1][0], CAT)
    assert torch.equal(examples[5][0], examples[5][0])
    assert not torch.equal(examples[5][0], examples[7][0])
    assert not torch.equal(examples[5][0], WithViews(photos, [2, 0], 3, seed=2)[5][0])


def test_a_view_shows_a_part_of_the_photo_at_its_size():
    ramp = torch.linspace(0, 1, 200).expand(1, 100, 200)
    for seed in range(6):
        seen = view(ramp, torch.Generator().manual_seed(seed))
        assert seen.shape == ramp.shape
        assert 0 <= seen.min() <= seen.max() <= 1
        assert 0.35**0.5 - 0.02 < float(seen.max() - seen.min()) <= 1


class Means(nn.Module):
    """Logits of the means of a few maps."""

    def __init__(self):
        super().__init__()
        self.maps, self.act = nn.Conv2d(3, 6, 8, 8), nn.ReLU()
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.act(self.maps(x)).mean((2, 3)))


@pytest.fixture
def few():
    photos = [(torch.rand(3, 72, 72, generator=torch.Generator().manual_seed(seed)), 0) for seed in range(12)]
    torch.manual_seed(0)
    return xw.Study(Means().eval(), photos, test=photos[:4])


def test_a_fit_on_few_photos_says_before_it_begins_how_many_it_needs_and_learns_from_views(few):
    srae = SRAE(few, "maps", features=3, epochs=1)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        srae.fit(progress=Progress())
    assert f"12 photos to fit on, and x-features need at least {LEAST_PHOTOS}" in str(said[0].message)
    report = srae.report(0)
    assert "random features" in report.verdict()
    assert report.random is not None
    assert srae.exemplars(0, 0, count=20)[0].numel() == 12  # photos, and no views of them


def test_small_pictures_and_enough_photos_need_no_word(few):
    few.train = list(few.train) * 9
    assert SRAE(few, "maps").shortage() == ""


def test_slopes_are_the_weights_of_a_linear_head(few):
    settings = SRAE(few, "act", features=3).settings
    data = read_layer(few, few.train, range(12), settings, (0, 1), Progress())
    weights = few.model.head.weight.detach()
    assert torch.allclose(slopes(data), weights.T, atol=1e-5)


def test_a_fit_of_a_layer_that_is_averaged_is_the_score_from_the_start(few):
    srae = SRAE(few, "act", features=3)
    data = read_layer(few, few.train, range(12), srae.settings, (0, 1), Progress())
    fit = SraeFit(data, Progress(), FinishedParts(None, ""))
    network = fit._fresh([0, 1])
    fit.prepare(network, [0, 1], 0)
    for k in range(2):
        assert measured(network, k, data).r2_all == pytest.approx(1, abs=1e-3)

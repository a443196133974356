"""What ClaDec of large pictures begins with: small pictures of maps that are far from pixels."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.cladec.coarse import CoarseDecoder, small_recipe, starts_coarse
from xai_widgets.methods.cladec.large import LargeDecoder
from xai_widgets.methods.cladec.large_fit import LargeFit, witnesses
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.study import Study

SIDE, TILE = 128, 16


class Patches:
    """Pictures of tiles, each of one colour."""

    def __init__(self, count, seed):
        generator = torch.Generator().manual_seed(seed)
        self.tiles = torch.rand(count, 3, SIDE // TILE, SIDE // TILE, generator=generator)

    def __len__(self):
        return len(self.tiles)

    def __getitem__(self, index):
        return F.interpolate(self.tiles[[index]], scale_factor=TILE)[0], 0


@pytest.fixture(scope="module")
def study():
    """A classifier with a layer that has the colour of each tile, mixed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.AvgPool2d(TILE), nn.Conv2d(3, 6, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)
        )
    return Study(model.eval(), Patches(60, 0), test=Patches(12, 1))


@pytest.fixture
def made(study):
    cladec = ClaDec(study, "1", epochs=6, reference=None, width=8)
    cladec.settings = replace(cladec.settings, crops=160, perceptual=0.0)
    return cladec


@pytest.mark.parametrize(
    ("code", "starts"),
    [((4, 56, 56), False), ((4, 28, 28), True), ((4, 27, 27), True), ((4, 7, 9), True), ((4,), False)],
)
def test_maps_far_from_pixels_begin_with_small_pictures(code, starts):
    assert starts_coarse(code, (3, 224, 224)) is starts
    assert (LargeDecoder(code, (3, 224, 224), 4).coarse is not None) is starts


def test_finer_maps_have_fewer_photos_in_a_step_and_as_many_steps():
    recipes = [small_recipe(Recipe(epochs=13), (4, side, side)) for side in (7, 14, 28)]
    assert [(own.batch_size, own.epochs) for own in recipes] == [(32, 78), (16, 39), (4, 10)]
    assert small_recipe(Recipe(epochs=1), (4, 112, 112)).epochs == 1


def test_a_crop_of_the_maps_gives_a_crop_of_the_small_picture():
    decoder, code = CoarseDecoder((5, 9, 8), 3, 2).eval(), torch.randn(2, 5, 9, 8)
    conditions = torch.zeros(2, 6)
    whole, part = decoder(code, conditions), decoder(code[..., 1:, :6], conditions)
    assert whole.shape == (2, 3, 18, 16)
    torch.testing.assert_close(part[..., 6:, :6], whole[..., 8:, :6], atol=1e-5, rtol=1e-4)  # three places from the cut


def test_the_first_part_learns_colours_that_the_layer_has_and_stays_so(made, monkeypatch):
    kept, later = [], LargeFit._cladec_loss

    def loss(fit, indices, step):
        kept.append({name: value.clone() for name, value in fit.fitted.decoder.coarse.state_dict().items()})
        return later(fit, indices, step)

    monkeypatch.setattr(LargeFit, "_cladec_loss", loss)
    made.fit(progress=Progress())
    fitted = made._fitted["1"]
    for name, value in fitted.decoder.coarse.state_dict().items():
        assert torch.equal(value, kept[0][name]), name
    pictures, _ = made.study.load(made.study.test, range(12))
    with torch.no_grad(), made.study.borrowed():
        code, shown = made.study.record(pictures, ["1"])["1"], torch.ones(12, 6)
        small = fitted.decoder.small(fitted.standard(code, shown), shown, fitted.mean_picture)
    error = (small - F.interpolate(pictures, small.shape[2:], mode="area")).square().mean()
    assert small.shape == (12, 3, 16, 16)
    assert error < 0.1 * pictures.var()  # the mean colour is wrong by all of it
    assert made.report().kept["cladec"]["colour"] > 0.8


def test_a_layer_without_small_pictures_has_none():
    with pytest.raises(ValueError, match="without small pictures"):
        LargeDecoder((4, 56, 56), (3, 224, 224), 4).small(
            torch.zeros(1, 4, 56, 56), torch.ones(1, 4), torch.ones(3, 9, 9)
        )


def test_a_later_layer_looks_at_pictures_of_a_close_one():
    model = nn.Sequential(
        nn.AvgPool2d(8), nn.Conv2d(3, 4, 1), nn.AvgPool2d(2), nn.Conv2d(4, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    study = Study(model.eval(), Patches(2, 0), class_names=["a", "b", "c", "d"])
    assert witnesses(study, "0") == ["0", "3"]
    assert witnesses(study, "2") == ["1"]

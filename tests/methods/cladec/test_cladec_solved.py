"""The linear parts of networks for large pictures: what is linear is known exactly before any training."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xai_widgets.methods.cladec.large import LargeDecoder, PatchEncoder, fineness
from xai_widgets.methods.cladec.layer import FittedLayer, Settings
from xai_widgets.methods.cladec.solved import solve
from xai_widgets.methods.common.codes import cached_pass
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.study import Study

SIDE = 128


def smooth(count):
    """Pictures of 16 x 16 random colours, enlarged."""
    few = torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return F.interpolate(few, (SIDE, SIDE), mode="bilinear")


@pytest.fixture(scope="module")
def seen():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tiles = nn.Conv2d(3, 48, 8, stride=8)
        model = nn.Sequential(tiles, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 2))
    pictures = [(picture, 0) for picture in smooth(20)]
    study = Study(model.eval(), pictures, test=pictures[:2])
    return cached_pass(study, study.train, range(20), ["0", "2"], Progress())


@pytest.fixture(scope="module")
def fitted(seen):
    recipe = Recipe(epochs=1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = FittedLayer(seen.study, "0", (48, 16, 16), Settings("scratch", recipe, recipe, 4, 20))
    made.mean_picture.copy_(seen.picture(slice(None)).mean(0))
    solve(made, seen, 20)
    return made.eval()


def without_the_deep_part(decoder, code, colour):
    tiles = F.pixel_shuffle(decoder.linear(code), decoder.fine)
    return colour + F.interpolate(tiles, (SIDE, SIDE), mode="bilinear")


def test_a_linear_code_is_decoded_without_training(seen, fitted):
    pictures = seen.picture(slice(None))
    code = fitted.standard(seen.code("0", slice(None)), torch.ones(1, 48))
    colour = pictures.mean((0, 2, 3))[:, None, None]
    wrong = (without_the_deep_part(fitted.decoder, code, colour) - pictures).square().mean()
    assert wrong < 0.05 * (colour - pictures).square().mean()


def test_the_reference_begins_with_main_components(seen, fitted):
    pictures = seen.picture(slice(None))
    code = fitted.encoder.linear(pictures)
    assert code.shape == (20, 48, 16, 16)
    units = code.transpose(0, 1).flatten(1)
    assert torch.allclose(units[:3].mean(1), torch.zeros(3), atol=1e-2)
    assert torch.allclose(units[:3].std(1), torch.ones(3), atol=0.05)
    colour = pictures.mean((0, 2, 3))[:, None, None]
    wrong = (without_the_deep_part(fitted.reference_decoder, fitted.encoder(pictures), colour) - pictures).square()
    assert wrong.mean() < 0.05 * (colour - pictures).square().mean()


def test_what_is_solved_is_not_trained(fitted):
    parts = [fitted.decoder.linear, fitted.reference_decoder.linear, fitted.encoder.linear]
    assert all(not parameter.requires_grad for part in parts for parameter in part.parameters())


def test_a_vector_has_no_linear_picture(seen):
    recipe = Recipe(epochs=1)
    made = FittedLayer(seen.study, "2", (48,), Settings("scratch", recipe, recipe, 4, 20))
    solve(made, seen, 20)
    assert made.decoder.linear is None
    assert made.encoder.linear is None


@pytest.mark.parametrize(
    ("grid", "fine"), [((14, 14), 4), ((56, 56), 4), ((112, 112), 2), ((224, 224), 1), ((99, 150), 1)]
)
def test_tiles_are_no_finer_than_pixels(grid, fine):
    assert fineness(grid, (3, 224, 224)) == fine


def test_wide_layers_are_solved_from_one_place():
    assert LargeDecoder((256, 7, 7), (3, 224, 224), 4).linear.kernel_size == (3, 3)
    assert LargeDecoder((257, 7, 7), (3, 224, 224), 4).linear.kernel_size == (1, 1)
    assert PatchEncoder((257, 7, 7), (3, 224, 224), 4).tile == 16

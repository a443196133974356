"""Where the reference of photos begins: with the main components of tiles, and with nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional as F

from xai_widgets.methods.cladec.components import start_at_components
from xai_widgets.methods.cladec.large import PatchEncoder
from xai_widgets.methods.cladec.large_fit import SETTLED, LargeFit, _settle
from xai_widgets.methods.cladec.layer import FittedLayer, Settings
from xai_widgets.methods.common.codes import cached_pass
from xai_widgets.methods.common.resume import FinishedParts
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.study import Study
from xai_widgets.training import Step

SIDE, TILE, KEPT = 128, 8, 12


@pytest.fixture(scope="module")
def seen():
    """Twenty pictures of random colours, smooth and a little grainy."""
    generator = torch.Generator().manual_seed(0)
    few = torch.rand(20, 3, 16, 16, generator=generator)
    smooth = F.interpolate(few, (SIDE, SIDE), mode="bilinear")
    grainy = (smooth + 0.02 * torch.randn(smooth.shape, generator=generator)).clamp(0, 1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tiles = nn.Conv2d(3, KEPT, TILE, stride=TILE)
        model = nn.Sequential(tiles, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(KEPT, 2))
    pictures = [(picture, 0) for picture in grainy]
    study = Study(model.eval(), pictures, test=pictures[:2])
    return cached_pass(study, study.train, range(20), ["0", "2"], Progress())


@pytest.fixture(scope="module")
def truth(seen):
    """All tiles of all pictures, and what scikit-learn finds in them."""
    tiles = F.unfold(seen.picture(slice(None)), TILE, stride=TILE).transpose(1, 2).flatten(0, 1).numpy()
    return tiles, PCA(KEPT, svd_solver="full").fit(tiles)


@pytest.fixture(scope="module")
def fitted(seen):
    recipe = Recipe(epochs=5)
    settings = Settings("scratch", recipe, recipe, width=4, pictures=20)
    return LargeFit(settings, "0", seen, seen, Progress(), FinishedParts(None, "")).fitted


@pytest.fixture(scope="module")
def encoder(seen):
    """One that begins with components of all pictures, where a fit leaves out those that are held out."""
    made = PatchEncoder((KEPT, SIDE // TILE, SIDE // TILE), (3, SIDE, SIDE), 4).eval()
    start_at_components(made, seen, len(seen))
    return made


def linear_code(encoder, pictures):
    return encoder.linear(encoder.small(encoder.fitting(pictures)))


def test_it_begins_with_main_components(seen, encoder, truth):
    tiles, found = truth
    code = linear_code(encoder, seen.picture(slice(None))).flatten(2).transpose(1, 2).flatten(0, 1).numpy()
    wanted = found.transform(tiles) / np.sqrt(found.explained_variance_)
    signs = np.sign((code * wanted).sum(0))
    assert np.abs(code - wanted * signs).max() < 0.05
    assert code.std(0) == pytest.approx(1, abs=0.01)
    assert np.abs(code.mean(0)).max() < 0.01


def test_what_it_begins_with_loses_no_more_than_the_other_components(seen, encoder, truth):
    """From the code alone, the best linear guess of a tile is as wrong as scikit-learn's truncation."""
    tiles, found = truth
    code = linear_code(encoder, seen.picture(slice(None))).flatten(2).transpose(1, 2).flatten(0, 1).numpy()
    code = np.c_[code, np.ones(len(code))]
    guess = code @ np.linalg.lstsq(code, tiles, rcond=None)[0]
    truncated = found.inverse_transform(found.transform(tiles))
    assert np.square(guess - tiles).mean() == pytest.approx(np.square(truncated - tiles).mean(), rel=1e-3)
    assert np.square(truncated - tiles).mean() < 0.2 * tiles.var(0).mean()


def test_a_fit_begins_there_without_what_is_held_out(seen, fitted):
    expected = PatchEncoder((KEPT, SIDE // TILE, SIDE // TILE), (3, SIDE, SIDE), 4)
    start_at_components(expected, seen, 18)
    assert torch.equal(fitted.encoder.linear.weight, expected.linear.weight)
    assert not any(part.requires_grad for part in fitted.encoder.linear.parameters())
    assert fitted.reference_scale is None


def test_hidden_units_are_hidden_from_the_reference(seen, fitted):
    pictures, none = seen.picture(slice(0, 2)), torch.zeros(KEPT)
    with torch.no_grad():
        blind = fitted.eval().from_pictures(pictures, none)
    torch.testing.assert_close(blind[0], blind[1], rtol=0, atol=1e-6)


def test_a_vector_has_no_components(seen):
    recipe = Recipe(epochs=1)
    made = FittedLayer(seen.study, "2", (KEPT,), Settings("scratch", recipe, recipe, 4, 20))
    assert made.encoder.linear is None
    assert made.reference_scale is not None
    start_at_components(made.encoder, seen, 20)


@pytest.mark.parametrize(("side", "cells"), [(224, 7), (224, 27), (130, 65)])
def test_tiles_of_any_size(seen, side, cells):
    """Of coarse layers small copies, and of as many numbers as there are where a layer has more channels."""
    pictures = F.interpolate(seen.picture(slice(0, 4)), (side, side))

    class Four:
        def picture(self, which):
            return pictures[which]

    encoder = PatchEncoder((200, cells, cells), (3, side, side), 4).eval()
    start_at_components(encoder, Four(), 4)
    assert encoder(pictures).isfinite().all()
    assert int((encoder.linear.weight.flatten(1).abs().sum(1) > 0).sum()) == min(200, 3 * encoder.tile**2)


def test_normalised_by_averages_in_the_end():
    norm, recipe = nn.BatchNorm2d(2), Recipe(epochs=10)
    nothing = torch.empty(0, dtype=torch.int64)
    for epoch in range(10):
        norm.train()
        _settle(nn.Sequential(norm), Step(nothing, torch.Generator(), epoch, 0), recipe)
        assert norm.training is (epoch < 10 * SETTLED)

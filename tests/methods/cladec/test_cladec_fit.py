"""The losses beside slow textbook twins, and the random conditions under which a decoder is trained."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch

from xai_widgets.methods.cladec import fit as cladec_fit
from xai_widgets.methods.cladec.fit import LayerFit
from xai_widgets.methods.cladec.layer import Settings
from xai_widgets.methods.common.codes import cached_pass
from xai_widgets.methods.common.resume import FinishedParts
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.training import Step


def test_random_subsets_and_alphas():
    generator = torch.Generator().manual_seed(0)
    shown = cladec_fit._some_units(4000, 10, generator)
    assert set(shown.unique().tolist()) == {0.0, 1.0}
    assert (shown.mean(1) < 1).float().mean() == pytest.approx(cladec_fit.SUBSETS, abs=0.05)
    alphas = cladec_fit._some_alphas(4000, generator)
    assert (alphas > 0).float().mean() == pytest.approx(cladec_fit.DIALLED, abs=0.05)
    assert alphas.max() <= 0.96
    assert alphas[alphas > 0].min() > 0.003


def test_whitened_units_are_uncorrelated_and_never_wild():
    mixing = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.2, 0.0, 1.0]])
    units = mixing @ torch.randn(3, 5000) + 7
    whitened = cladec_fit._whitening(units).T @ (units - units.mean(1, keepdim=True))
    assert torch.allclose(torch.cov(whitened), torch.eye(3), atol=0.02)
    units = torch.cat([torch.randn(2, 500), torch.full((1, 500), 4.0)])
    assert torch.isfinite(cladec_fit._whitening(units)).all()
    assert torch.isfinite(cladec_fit._whitening(torch.zeros(3, 500))).all()


# --- the losses, beside slow twins -------------------------------------------------------------------------------


@pytest.fixture
def toy(new_study, squares, sure):
    """A cached pass of a few pictures, and reconstructions of three of them."""
    study = new_study(sure, squares(30))
    seen = cached_pass(study, study.train, range(24), ["fc"], Progress())
    return study, seen, torch.tensor([5, 0, 7]), torch.rand(3, 3, 16, 16)


def layer_fit(seen, **settings):
    settings = Settings(None, Recipe(1), Recipe(1), 4, 100, **settings)
    return LayerFit(settings, "fc", seen, seen, Progress(), FinishedParts(None, ""))


def step(indices):
    return Step(indices, torch.Generator().manual_seed(0), 0, 0)


def probabilities(logits):
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def twin(study, seen, indices, rebuilt, alphas, variance):
    """(1 - alpha) MSE / variance + alpha KL / log K, picture by picture."""
    total = 0.0
    for place, (index, alpha) in enumerate(zip(indices.tolist(), alphas, strict=True)):
        wanted = seen.pictures[index].double().numpy() / 255
        error = np.mean((rebuilt[place].double().numpy() - wanted) ** 2) / variance
        believed = probabilities(seen.logits[index].double().numpy())
        said = probabilities(study.logits(rebuilt[place])[0].double().numpy())
        divergence = sum(p * log(p / q) for p, q in zip(believed, said, strict=True)) / log(4)
        total += ((1 - alpha) * error + alpha * divergence) / len(alphas)
    return total


@pytest.mark.parametrize("alphas", [(0.0, 0.0, 0.0), (0.5, 0.0, 0.1), (1.0, 1.0, 1.0), (0.01, 0.9, 0.3)])
def test_the_loss_is_its_textbook_twin(toy, alphas):
    study, seen, indices, rebuilt = toy
    fit = layer_fit(seen)
    pixels = seen.pictures.double().numpy() / 255
    variance = pixels.var(0).mean()
    assert fit.variance == pytest.approx(variance, rel=1e-4)
    nothing = torch.zeros(3, 1, 16, 16)
    found = fit._loss(indices, rebuilt, nothing, torch.tensor(alphas), step(indices))
    likelihood = float(cladec_fit._likelihood(seen.picture(indices) - rebuilt, nothing))
    expected = twin(study, seen, indices, rebuilt, alphas, variance)
    assert float(found) - likelihood == pytest.approx(expected, rel=1e-4)


def test_the_likelihood_is_its_textbook_twin():
    residual, log_variance = torch.randn(2, 3, 4, 4) * 0.1, torch.randn(2, 1, 4, 4)
    total = 0.0
    for n in range(2):
        for row in range(4):
            for column in range(4):
                squared = np.mean(residual[n, :, row, column].double().numpy() ** 2)
                of_log = float(log_variance[n, 0, row, column])
                total += 0.5 * (min(of_log, 2.0) + squared / np.exp(min(of_log, 2.0))) / 32
    assert float(cladec_fit._likelihood(residual, log_variance)) == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 0.001, 0.5, 1.0])
def test_the_paper_s_loss_is_its_textbook_twin(toy, alpha):
    study, seen, indices, rebuilt = toy
    fit = layer_fit(seen, paper=True, alpha=alpha)
    shown, alphas = fit._conditions(3, step(indices))
    assert torch.equal(shown, torch.ones(3, 12))
    expected = 0.0
    for place, index in enumerate(indices.tolist()):
        error = np.mean((rebuilt[place].double().numpy() - seen.pictures[index].double().numpy() / 255) ** 2)
        said = probabilities(study.logits(rebuilt[place])[0].double().numpy())
        expected += ((1 - alpha) * error - alpha * log(said[int(seen.labels[index])])) / 3
    found = fit._loss(indices, rebuilt, torch.zeros(3, 1, 16, 16), alphas, step(indices))
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_the_validation_is_the_squared_error_alone(toy):
    _, seen, indices, rebuilt = toy
    found = layer_fit(seen)._loss(indices, rebuilt, torch.ones(3, 1, 16, 16), torch.ones(3), None)
    assert float(found) == pytest.approx(float((seen.picture(indices) - rebuilt).square().mean()), rel=1e-5)


@pytest.mark.parametrize(("count", "held_out"), [(1, 0), (2, 1), (9, 1), (24, 2)])
def test_the_last_tenth_decides_which_epoch_is_kept(new_study, squares, count, held_out):
    study = new_study(pictures=squares(30))
    seen = cached_pass(study, study.train, range(count), ["fc"], Progress())
    fit = layer_fit(seen)
    assert (fit.study, fit.held_out, fit.count) == (study, held_out, count - held_out)
    assert torch.allclose(fit.fitted.mean_picture, seen.picture(slice(0, fit.count)).mean(0))


def test_the_paper_trains_on_all_pictures(toy):
    _, seen, _, _ = toy
    fit = layer_fit(seen, paper=True)
    assert (fit.held_out, fit.count) == (0, 24)

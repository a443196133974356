"""PCA and PLS do what they should, in SRAE's form."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.methods.srae.baselines import fit_linear


class Data:
    """Places and scores, as a fit sees them."""

    def __init__(self, z, scores):
        self.z, self.scores = z, scores

    def each(self, compute):
        return compute(self.z)


@pytest.fixture
def linear():
    z = torch.rand(60, 4, 5)
    return Data(z, z.mean(1) @ torch.randn(5, 2) + 3)


def test_with_all_components_both_are_least_squares_and_rebuild_the_layer(linear):
    for model in fit_linear(linear, 5):
        assert torch.allclose(model.decoded(model.features(linear.z, 1), 1), linear.z, atol=1e-3)
        for k in range(2):
            got = model.contributions(linear.z, k).sum(1) + model.bias[k]
            assert torch.allclose(got, linear.scores[:, k], atol=1e-3)


def test_one_component_is_the_direction_of_most_variance(linear):
    pca, _ = fit_linear(linear, 1)
    x = linear.z.mean(1)
    axis = torch.linalg.eigh(torch.cov(x.T)).eigenvectors[:, -1]
    assert abs(float(pca.directions[0, :, 0] @ axis)) == pytest.approx(1, abs=1e-4)


def test_one_component_of_pls_is_the_covariance_with_the_score(linear):
    _, pls = fit_linear(linear, 1)
    x, y = linear.z.mean(1), linear.scores[:, 1]
    goal = torch.nn.functional.normalize((x - x.mean(0)).T @ (y - y.mean()), dim=0)
    assert abs(float(torch.nn.functional.normalize(pls.directions[1, :, 0], dim=0) @ goal)) == pytest.approx(
        1, abs=1e-4
    )


def test_more_x_features_than_channels_leave_the_rest_at_zero(linear):
    for model in fit_linear(linear, 8):
        found = model.contributions(linear.z, 0)
        assert found.shape == (60, 8)
        assert (found[:, 5:] == 0).all()


def test_a_constant_channel_and_a_constant_score():
    z = torch.cat([torch.rand(20, 1, 2), torch.ones(20, 1, 1)], dim=2)
    data = Data(z, torch.stack([torch.full((20,), 7.0), z[:, 0, 0]], dim=1))
    for model in fit_linear(data, 3):
        assert torch.isfinite(model.contributions(z, 0)).all()
        assert torch.allclose(model.contributions(z, 0).sum(1) + model.bias[0], torch.full((20,), 7.0), atol=1e-3)


@pytest.mark.parametrize("directions", [0, 1, 2])
def test_a_layer_of_few_directions(directions):
    generator = torch.Generator().manual_seed(0)
    z = torch.rand(9, 1, directions, generator=generator) @ torch.rand(directions, 40, generator=generator)
    scores = torch.rand(9, 3, generator=generator)
    for model in fit_linear(Data(z, scores), 4):
        assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())
        assert torch.isfinite(model.contributions(z, 0)).all()

r"""Simpler x-features: principal components with a regression, partial least squares, and a random dictionary.

The first two give a score as a sum :math:`\hat y = \sum_l v_l\, r_l \cdot (\bar z - \mu) + b`, as SRAE does, and are
as faithful on easy problems, so the verdict always compares SRAE with them. In the last one the directions
:math:`r_l` are drawn and never learnt; their positive parts are averaged, and only the read-out is fitted. Whatever
it explains, any x-features would.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xai_widgets.methods.srae.additive import Additive
from xai_widgets.methods.srae.fit_data import FitData

if TYPE_CHECKING:
    from sklearn.cross_decomposition import PLSRegression

Floats = npt.NDArray[np.float64]


class LinearFeatures(Additive):
    """X-features of K classes that are linear in a layer with D channels.

    They are its deviation from ``mean (D,)`` along ``directions (K, D, L)``; ``loadings (K, L, D)`` bring them back.
    """

    mean: Tensor
    directions: Tensor
    loadings: Tensor
    read_out: Tensor
    intercept: Tensor

    def __init__(self, classes: int, channels: int, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("directions", torch.zeros(classes, channels, features))
        self.register_buffer("loadings", torch.zeros(classes, features, channels))
        self.register_buffer("read_out", torch.zeros(classes, features))
        self.register_buffer("intercept", torch.zeros(classes))

    @property
    def weight(self) -> Tensor:
        """Read-out, ``(K, L)``."""
        return self.read_out

    @property
    def bias(self) -> Tensor:
        """Score of the mean picture, ``(K,)``."""
        return self.intercept

    def features(self, z: Tensor, k: int) -> Tensor:
        """Positions centred, and projected on the directions."""
        return (z - self.mean) @ self.directions[k]

    def decoded(self, e: Tensor, k: int) -> Tensor:
        """Loadings times x-features, and the mean."""
        return e @ self.loadings[k] + self.mean


class RandomFeatures(LinearFeatures):
    """X-features that nobody learnt: how far each position is along a direction that was drawn, 0 where it is not."""

    def features(self, z: Tensor, k: int) -> Tensor:
        """The positive part of the projections."""
        return super().features(z, k).relu()


def fit_random(data: FitData, features: int, seed: int) -> RandomFeatures:
    """As many directions, drawn by the seed and the same for all classes, and a regression on them."""
    x = data.each(lambda z: z.mean(1))
    made = RandomFeatures(data.scores.shape[1], x.shape[1], features)
    made.mean.copy_(x.mean(0))
    drawn = torch.randn(x.shape[1], features, generator=torch.Generator().manual_seed(seed))
    made.directions.copy_(drawn / drawn.norm(dim=0))
    made.loadings.copy_(made.directions.transpose(1, 2))
    found = data.each(lambda z: made.features(z.cpu(), 0).mean(1))
    known = torch.cat([found, torch.ones(len(found), 1)], 1).double()
    read_out = torch.linalg.lstsq(known, data.scores.double(), driver="gelsd").solution.float()
    made.read_out.copy_(read_out[:-1].T)
    made.intercept.copy_(read_out[-1])
    return made


def fit_linear(data: FitData, features: int) -> tuple[LinearFeatures, LinearFeatures]:
    """PCA with a regression, and PLS, of as many x-features (fewer where the layer has fewer channels)."""
    x = data.each(lambda z: z.mean(1))
    count = min(features, x.shape[1], len(x) - 1)
    return _pca(x, data.scores, count, features), _pls(x, data.scores, count, features)


def _pca(x: Tensor, y: Tensor, count: int, features: int) -> LinearFeatures:
    made = LinearFeatures(y.shape[1], x.shape[1], features)
    made.mean.copy_(x.mean(0))
    axes = torch.linalg.svd(x - made.mean, full_matrices=False).Vh[:count]
    made.directions[:, :, :count] = axes.T
    made.loadings[:, :count] = axes
    t = (x - made.mean) @ axes.T
    # Components are orthogonal, so that each one is regressed on alone; those without variance say nothing.
    spread = t.square().sum(0)
    slopes = (t.T @ (y - y.mean(0))) / spread.clamp_min(1e-12)[:, None] * (spread > 1e-9 * spread[0])[:, None]
    made.read_out[:, :count] = slopes.T
    made.intercept.copy_(y.mean(0))
    return made


def _pls(x: Tensor, y: Tensor, count: int, features: int) -> LinearFeatures:
    made = LinearFeatures(y.shape[1], x.shape[1], features)
    made.mean.copy_(x.mean(0))
    made.intercept.copy_(y.mean(0))
    for k, goal in enumerate(y.T):
        found = _regression(x.double().numpy(), goal.double().numpy(), count)
        if found is not None:
            own = found.n_components
            made.directions[k, :, :own] = _finite(found.x_rotations_)
            made.loadings[k, :own] = _finite(found.x_loadings_.T)
            made.read_out[k, :own] = _finite(found.y_loadings_[0])
    return made


def _regression(x: Floats, goal: Floats, count: int) -> PLSRegression | None:
    """As many components as the layer has directions, at most `count`; None where it is the same for all pictures."""
    from sklearn.cross_decomposition import PLSRegression  # noqa: PLC0415  (slow to import)

    if not count:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # once the score is explained, further components are zero
        try:
            return PLSRegression(count, scale=False).fit(x, goal)
        except ValueError:  # a component more than there are directions is NaN
            return _regression(x, goal, count - 1)


def _finite(values: object) -> Tensor:
    return torch.as_tensor(values).float().nan_to_num(0.0, 0.0, 0.0)

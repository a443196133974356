"""Both searches: against slow twins of their equations, for one picture and with loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from xai_widgets.methods.inversion.basis import Basis, basis_of, gates, signs
from xai_widgets.methods.inversion.guided import EPS, LEAST_WEIGHT, GuidedSettings, min_max
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.paper import PublishedSettings
from xai_widgets.methods.inversion.problem import log_rest
from xai_widgets.methods.inversion.targets import Targets
from xai_widgets.study import Study

from .conftest import Colours


@pytest.fixture(scope="module")
def study(colours):
    return colours()


def up(cells):
    return F.interpolate(cells[None, None], (28, 28), mode="bilinear", align_corners=False)


def weighted(weights, maps):
    total = sum(weight * channel for weight, channel in zip(weights, maps, strict=True))
    return (total - total.min()) / (total.max() - total.min())


def blends(study, mask, picture, background):
    both = torch.cat([picture * mask + background * (1 - mask), picture * (1 - mask) + background * mask])
    return both, study.forward(both).softmax(1)


def published_twin(study, maps, picture, background, colour, s):
    code = study.record(picture, ["maps"])["maps"]
    w = torch.full((3,), s.start, requires_grad=True)
    for steps, stage in ((s.inversion_steps, 1), (s.steps, 2)):
        adam = torch.optim.Adam([w], lr=s.lr)
        for step in range(steps):
            adam.param_groups[0]["lr"] = s.lr * (0.5 ** (step // s.halve_every) if stage == 2 else 1)
            both, p = blends(study, up(weighted(w, maps)), picture, background)
            if stage == 1:
                inverted = study.record(both[:1], ["maps"])["maps"]
                loss = ((inverted - code) ** 2).sum() + s.inversion_shrink * w.abs().sum()
            else:
                loss = -p[0, colour] + s.removed * p[1, colour] + s.shrink * w.abs().sum()
            adam.zero_grad()
            loss.backward()
            adam.step()
            with torch.no_grad():
                w.clamp_(0)
    return up(weighted(w, maps)).detach()[0], w.detach()


def guided_twin(study, maps, picture, background, colour, s):
    with study.borrowed():
        gate = gates(study, picture, Targets(torch.tensor([colour])), ["maps"])[0][0, 0]
    gated = [channel * gate for channel in maps]
    sums = torch.stack([channel.sum() for channel in gated])
    theta = (sums / sums.sum() + LEAST_WEIGHT).log()
    theta = (theta - theta.mean()).requires_grad_()
    tau = torch.tensor(math.log(s.level / (1 - s.level)), requires_grad=True)
    scaled = [channel / channel.max() if channel.max() > 0 else channel for channel in gated]
    adam = torch.optim.Adam([theta, tau], eps=EPS)

    def mask(sharpness):
        return up(torch.sigmoid(sharpness * (weighted(theta.softmax(0), scaled) - tau.sigmoid())))

    for rate, sharpness in zip(s.rates, s.slopes, strict=True):
        adam.param_groups[0]["lr"] = rate
        m = mask(sharpness)
        _, p = blends(study, m, picture, background)
        loss = -p[0, colour].log() - s.removed * torch.log(1 - p[1, colour]) + s.area * m.mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    return mask(s.sharpness).detach()[0], theta.softmax(0).detach()


@pytest.mark.parametrize(
    ("settings", "twin"),
    [(PublishedSettings(inversion_steps=4, steps=12), published_twin), (GuidedSettings(steps=6), guided_twin)],
)
def test_masks_are_those_of_a_slow_twin(colours, shown, settings, twin):
    study = colours(Colours(scale=20.0))  # unsure, so that the plain formulas do
    made = GuidedFeatureInversion(study, "maps", settings=settings, background="blur")
    found = made.explain(shown(study), torch.tensor([0, 1, 1]))
    for place, colour in enumerate((0, 1, 1)):
        picture, background = found.pictures[place : place + 1], found.backgrounds[place : place + 1]
        with study.borrowed():
            maps = study.record(picture, ["maps"])["maps"][0]
            mask, weights = twin(study, maps, picture, background, colour, settings)
        assert torch.allclose(found.masks[place], mask[0], atol=1e-4)
        assert torch.allclose(found.weights[place], weights, atol=1e-5)


def test_masks_do_not_depend_on_the_scale_of_the_weights():
    assert torch.equal(min_max(torch.full((1, 1, 3, 3), 7.0)), torch.zeros(1, 1, 3, 3))
    dice = torch.Generator().manual_seed(0)
    basis = Basis(("a", "b"), (torch.rand(2, 3, 8, 8, generator=dice), torch.rand(2, 4, 4, 4, generator=dice)))
    weights = torch.rand(2, 7, generator=dice)
    assert torch.allclose(min_max(basis.combine(weights)), min_max(basis.combine(5 * weights)), atol=1e-5)
    assert basis.sides == (8, 8)
    assert basis.channels[3] == ("b", 0)
    assert torch.allclose(basis.sums().sum(1), torch.ones(2))


def test_several_layers_are_added_where_they_are():
    coarse, fine = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 4, 4)
    coarse[..., 0, 0], fine[..., 3, 3] = 1, 1
    found = Basis(("fine", "coarse"), (fine, coarse)).combine(torch.tensor([[2.0, 1.0]]))
    assert found[0, 0, 3, 3] == 2
    assert found[0, 0, 0, 0] == 1
    assert found[0, 0, 0, 3] == 0


def test_channels_of_both_signs_are_told_apart(net, squares):
    study = Study(net(), squares(8))
    assert signs(study, ["norm", "relu"]) == {"norm": True, "relu": False}
    picture = study.load(study.train, [0])[0]
    with study.borrowed():
        basis = basis_of(study, picture, {"norm": True})
        given = study.record(picture, ["norm"])["norm"]
    assert torch.equal(basis.maps[0][:, :6] - basis.maps[0][:, 6:], given)
    assert basis.maps[0].min() >= 0


def test_gates_are_where_the_evidence_is(study, shown, squares_of):
    with study.borrowed():
        gate = gates(study, shown(study), Targets(torch.tensor([0, 1, 0])), ["maps"])[0]
    fine = F.interpolate(gate, (28, 28))[:, 0] > 0
    assert fine.shape == (3, 28, 28)
    for place, colour in enumerate((0, 1, 0)):
        assert fine[place][squares_of[colour]].all()
        assert not fine[place][squares_of[1 - colour]].any()


def test_what_is_left_of_a_sure_probability_is_finite():
    found = log_rest(torch.tensor([0.0, -1e-9, math.log(0.5), -50.0]))
    assert torch.isfinite(found).all()
    assert found[2] == pytest.approx(math.log(0.5), abs=1e-6)


def test_rates_fall_and_slopes_grow():
    settings = GuidedSettings(steps=10)
    assert settings.rates[0] == settings.lr
    assert settings.rates == sorted(settings.rates, reverse=True)
    assert settings.slopes[0] == settings.first_sharpness
    assert settings.slopes == sorted(settings.slopes)
    assert settings.slopes[7:] == [settings.sharpness] * 3


def test_another_start_is_the_same_for_the_same_seed(study, shown):
    settings = [GuidedSettings(steps=2, noise=1.0, seed=seed) for seed in (0, 0, 1)]
    weights = [GuidedFeatureInversion(study, settings=one).invert(shown(study)).weights for one in settings]
    assert torch.equal(weights[0], weights[1])
    assert not torch.allclose(weights[0], weights[2], atol=1e-3)

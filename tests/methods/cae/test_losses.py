"""The losses beside slow textbook twins, and what each of their gradients may reach."""

from __future__ import annotations

import copy
from math import exp, log

import pytest
import torch
from torch.nn import functional as F

from xai_widgets.methods.cae import losses
from xai_widgets.methods.cae.evidence import read_layer
from xai_widgets.methods.cae.losses import (
    CODE_NOISE,
    MOST_MIXED,
    NOISE,
    WEIGHTS,
    WHOLE_SWAPS,
    Batch,
    Trained,
    divergence,
    loss,
    map_loss,
    mixture,
    noisy,
)
from xai_widgets.methods.cae.networks import CaeNetworks
from xai_widgets.study import Study

LAYER = "flat"
SEED = 5


def generator():
    return torch.Generator().manual_seed(SEED)


@pytest.fixture(scope="module")
def study(reader, squares):
    return Study(reader(sharp=2.0), squares(20))


@pytest.fixture(scope="module")
def read(study):
    """Pictures, and evidence and logits of them and of their donors."""
    pictures, donors = (study.load(study.train, places)[0] for places in ([0, 1, 2, 3, 4], [7, 5, 9, 6, 8]))
    with torch.no_grad(), study.borrowed():
        return pictures, read_layer(study, pictures, LAYER), read_layer(study, donors, LAYER)


@pytest.fixture(scope="module")
def warmed(read):
    """Networks whose statistics are those of the batch, with a map that stays."""
    pictures, (_, evidence), (_, donors) = read
    made = Trained(*(CaeNetworks((3, 16, 16), evidence.shape[1], 4, 2, 3, 4) for _ in range(2)), channels=3)
    for networks in (made.networks, made.average):
        torch.nn.init.dirac_(networks.decoder.smooth.weight)
        networks.decoder.smooth.weight.data *= 12  # so bold that sums leave [0, 1]
        for _ in range(30):
            individual = networks.individual_code(pictures)
            networks.decoded(individual, networks.class_encoder(torch.cat([evidence, donors]))[:5])
            made.critic(individual)
    made.networks.class_encoder.requires_grad_(False)
    made.networks.head.requires_grad_(False)
    made.strength.copy_(torch.tensor([2.0, 0.25]))
    return made.eval()


@pytest.fixture(scope="module")
def batch(warmed, read):
    pictures, (logits, evidence), (_, donors) = read
    with torch.no_grad():
        own, donor = (warmed.networks.class_encoder(seen) for seen in (evidence, donors))
    gate = torch.rand(5, 1, 8, 8, generator=generator()) * (torch.arange(8) > 2)
    return Batch(pictures, gate, logits.argmax(1), own, donor)


@pytest.fixture
def trained(warmed):
    """A copy, whose gradients are a test's own."""
    return copy.deepcopy(warmed)


def found(trained, study, batch, ramp=0.5):
    with study.borrowed():
        return loss(trained, study, LAYER, batch, ramp, generator())


# --- textbook twins ----------------------------------------------------------------------------------------------


def probabilities(logits):
    powers = [exp(value - max(logits)) for value in logits]
    return [power / sum(powers) for power in powers]


def kl(wanted, logits):
    """From one row of logits to another, in nats."""
    pairs = zip(probabilities(wanted.tolist()), probabilities(logits.tolist()), strict=True)
    return sum(p * log(p / q) for p, q in pairs)


def mean(values):
    values = [float(value) for value in values]
    return sum(values) / len(values)


def seen(study, picture):
    """Logits and evidence of one picture, whose evidence is the mean of each cell of a 4 x 4 grid."""
    cells = [
        float(picture[c, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].mean())
        for c in range(3)
        for row in range(4)
        for column in range(4)
    ]
    with study.borrowed():
        return study.forward(picture[None])[0], torch.tensor(cells)


@torch.no_grad()
def twin(trained, study, batch, ramp):
    """Term by term and picture by picture, as the module says it."""
    n, networks, random = len(batch.pictures), trained.networks, generator()
    noise = torch.randn(n, 3, 8, 8, generator=random)
    mixed = mixture(batch.own, batch.donor, random)
    terms = {name: [] for name in [*WEIGHTS, "reading"]}
    for i, picture in enumerate(batch.pictures):
        u = networks.individual_code(picture[None]) + NOISE * batch.gate[i] * noise[i]
        rebuilt, moved = (networks.decoded(u, z[None])[0] for z in (batch.own[i], mixed[i]))
        swapped = (picture + moved - rebuilt).clamp(0, 1) if i < n // 2 else moved
        said, evidence = seen(study, swapped)
        critic = trained.critic(batch.gate[i] * u)[0]
        terms["reconstruction"].append(mean(((rebuilt - picture) ** 2).flatten()))
        terms["faithful map"].append(2.0 * kl(mixed[i] @ networks.head.weight.T + networks.head.bias, said))
        terms["class code"].append(mean((networks.class_encoder.of_decoded(evidence[None])[0] - mixed[i]).abs()))
        terms["sparse change"].append(0.25 * mean((moved - rebuilt).abs().flatten()))
        terms["class-free individual"].append(mean(-log(p) for p in probabilities(critic.tolist())))
        terms["reading"].append(-log(probabilities(critic.tolist())[int(batch.classes[i])]))
    from_the_start = {"reconstruction", "class-free individual"}
    factors = {name: weight * (1 if name in from_the_start else ramp) for name, weight in WEIGHTS.items()}
    return {name: (factors | {"reading": 1})[name] * mean(values) for name, values in terms.items()}


@pytest.mark.parametrize("ramp", [0.0, 0.3, 1.0])
def test_the_loss_is_its_textbook_twin(trained, study, batch, ramp):
    expected = twin(trained, study, batch, ramp)
    assert found(trained, study, batch, ramp).item() == pytest.approx(sum(expected.values()), rel=1e-4)


@torch.no_grad()
def test_there_is_something_to_clip(trained, batch):
    networks = trained.networks
    u = networks.individual_code(batch.pictures)
    swapped = (batch.pictures + networks.decoded(u, batch.donor) - networks.decoded(u, batch.own))[:2]
    assert swapped.min() < -0.05


def test_without_swaps_the_classifier_is_not_asked(trained, study, batch, monkeypatch):
    monkeypatch.setattr(losses, "read_layer", lambda *_: pytest.fail("it was asked"))
    assert found(trained, study, batch, ramp=0.0).item() > 0


@torch.no_grad()
def test_noise_gets_in_through_the_gate_alone():
    individual, gate = torch.randn(4, 3, 40, 40), torch.zeros(4, 1, 40, 40)
    gate[..., :20], gate[..., 20:30] = 1.0, 0.5
    added = noisy(individual, gate, generator()) - individual
    assert added[..., :20].std() == pytest.approx(NOISE, rel=0.03)
    assert added[..., 20:30].std() == pytest.approx(NOISE / 2, rel=0.03)
    assert not added[..., 30:].any()


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_term_counts_with_its_weight(trained, study, batch, name, monkeypatch):
    expected = twin(trained, study, batch, 0.7)
    assert expected[name] > 0
    monkeypatch.setattr(losses, "WEIGHTS", WEIGHTS | {other: 0.0 for other in WEIGHTS if other != name})
    assert found(trained, study, batch, 0.7).item() == pytest.approx(expected[name] + expected["reading"], rel=1e-4)


def test_the_loss_of_the_map_is_its_textbook_twin(trained, read):
    _, (logits, evidence), _ = read
    found_logits = trained.networks.head(trained.networks.class_encoder(evidence))
    expected = mean(kl(*rows) for rows in zip(logits, found_logits, strict=True))
    assert map_loss(trained.networks, evidence, logits).item() == pytest.approx(expected, rel=1e-4)


def test_a_divergence_is_zero_for_equal_logits_and_the_textbook_s_otherwise():
    wanted, other = torch.randn(2, 3, 5) * 4
    assert float(divergence(wanted, wanted + 7)) == pytest.approx(0, abs=1e-6)  # a constant changes no probability
    expected = mean(kl(one, two) for one, two in zip(wanted, other, strict=True))
    assert float(divergence(wanted, other)) == pytest.approx(expected, rel=1e-4)


# --- what learns from what ---------------------------------------------------------------------------------------


def gradients(module):
    """The gradients of a module that are there and not zero, by name."""
    found = {name: parameter.grad for name, parameter in module.named_parameters()}
    return {name: gradient for name, gradient in found.items() if gradient is not None and gradient.any()}


def after(trained, study, batch, weights, monkeypatch):
    """The gradients of networks and critic where only some terms of the loss count."""
    monkeypatch.setattr(losses, "WEIGHTS", dict.fromkeys(WEIGHTS, 0.0) | weights)
    trained.zero_grad()
    found(trained, study, batch, ramp=1.0).backward()
    return gradients(trained.networks), gradients(trained.critic)


def test_the_critic_learns_from_reading_alone(trained, study, batch, monkeypatch):
    individual = noisy(trained.networks.individual_code(batch.pictures), batch.gate, generator()).detach()
    reading = F.cross_entropy(trained.critic(batch.gate * individual), batch.classes)
    names, parameters = zip(*trained.critic.named_parameters(), strict=True)
    expected = dict(zip(names, torch.autograd.grad(reading, parameters), strict=True))
    for weights in (WEIGHTS, {}, {"class-free individual": 100.0}):
        networks, critic = after(trained, study, batch, weights, monkeypatch)
        assert bool(networks) == bool(weights)  # nothing else learns from reading
        assert set(critic) == set(expected)
        for name, gradient in critic.items():
            assert torch.allclose(gradient, expected[name], atol=1e-6), name


REACHED = {name: {"individual_encoder", "decoder"} for name in WEIGHTS} | {
    "class-free individual": {"individual_encoder"}
}
"""The map stays."""


@pytest.mark.parametrize("name", WEIGHTS)
def test_what_each_term_reaches(trained, study, batch, name, monkeypatch):
    networks, _ = after(trained, study, batch, {name: 1.0}, monkeypatch)
    assert {key.partition(".")[0] for key in networks} == REACHED[name]


def test_neither_classifier_nor_average_nor_the_pictures_get_a_gradient(trained, study, batch):
    found(trained, study, batch).backward()
    assert gradients(study.model) == {}
    assert gradients(trained.average) == {}
    assert not any(parameter.requires_grad for parameter in trained.average.parameters())
    assert batch.pictures.grad is None


# --- mixtures ----------------------------------------------------------------------------------------------------


def test_most_codes_are_swapped_as_a_whole_and_the_others_mixed_a_little_beyond():
    own, donor = torch.zeros(2, 20000, 2)
    donor[:, 0] = 1000.0
    share, across = mixture(own, donor, generator()).T / torch.tensor([[1000.0], [1.0]])
    whole = (share - 1).abs() < 1e-3
    assert whole.float().mean() == pytest.approx(WHOLE_SWAPS, abs=0.02)
    others = share[~whole]
    assert others.min() > -1e-3
    assert others.max() == pytest.approx(MOST_MIXED, abs=2e-3)
    assert others.mean() == pytest.approx(MOST_MIXED / 2, abs=0.02)
    assert (across == 0).float().mean() == pytest.approx(0.5, abs=0.02)  # every other one has noise
    assert across[across != 0].std() == pytest.approx(CODE_NOISE, rel=0.05)


def test_mixtures_are_drawn_by_the_generator_alone():
    own, donor, before = *torch.randn(2, 6, 3), torch.get_rng_state()
    assert torch.equal(mixture(own, donor, generator()), mixture(own, donor, generator()))
    assert torch.equal(torch.get_rng_state(), before)

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
    MASK_COST,
    MOST_MIXED,
    PATCHED_ERROR,
    WEIGHTS,
    WHOLE_SWAPS,
    Pair,
    Trained,
    divergence,
    loss,
    map_loss,
    mask_loss,
    mixture,
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
def pair(study):
    pictures, donors = (study.load(study.train, places)[0] for places in ([0, 1, 2, 3, 4], [7, 5, 9, 6, 8]))
    with torch.no_grad(), study.borrowed():
        logits, evidence = read_layer(study, pictures, LAYER)
        return Pair(pictures, evidence, read_layer(study, donors, LAYER)[1], logits)


@pytest.fixture(scope="module")
def warmed(pair):
    """Networks whose statistics are those of the batch, with a mask that masks."""
    made = Trained(*(CaeNetworks((3, 16, 16), pair.evidence.shape[1], 4, 2, 3, 4) for _ in range(2)), channels=3)
    for networks in (made.networks, made.average):
        torch.nn.init.normal_(networks.mask.mask.weight, std=10)
        torch.nn.init.dirac_(networks.decoder.smooth.weight)
        networks.decoder.smooth.weight.data *= 12  # so bold that sums leave [0, 1]
        for _ in range(30):
            individual = networks.individual_code(pair.pictures)
            networks.decoded(individual, networks.class_encoder(torch.cat([pair.evidence, pair.donor_evidence]))[:5])
            made.critic(individual)
    made.strength.copy_(torch.tensor([2.0, 0.25]))
    return made.eval()


@pytest.fixture
def trained(warmed):
    """A copy, whose gradients are a test's own."""
    return copy.deepcopy(warmed)


def found(trained, study, pair, ramp=0.5):
    with study.borrowed():
        return loss(trained, study, LAYER, pair, ramp, generator())


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
def twin(trained, study, pair, ramp):
    """Term by term and picture by picture, as the module says it."""
    n, networks = len(pair.pictures), trained.networks
    codes = [networks.class_encoder(row[None])[0] for row in pair.evidence]
    mixed = mixture(torch.stack(codes), networks.class_encoder(pair.donor_evidence), generator())
    terms = {name: [] for name in [*WEIGHTS, "reading"]}
    errors, weights = [], []
    for i, picture in enumerate(pair.pictures):
        u = networks.individual_code(picture[None])
        rebuilt, moved = (networks.decoded(u, z[None])[0] for z in (codes[i], mixed[i]))
        shown = (picture + moved - rebuilt).clamp(0, 1) if i < n // 2 else moved
        (said, evidence), (of_rebuilt, _) = seen(study, shown), seen(study, rebuilt)
        head_of = {
            name: z @ networks.head.weight.T + networks.head.bias for name, z in (("own", codes[i]), ("m", mixed[i]))
        }
        critic = trained.critic(u)[0]
        weights.append(PATCHED_ERROR if i % 2 == 0 else 1.0)
        errors.append(weights[-1] * mean(((rebuilt - picture) ** 2).flatten()))
        terms["map"].append(kl(pair.logits[i], head_of["own"]))
        terms["faithful map"].append(2.0 * kl(head_of["m"], said))
        terms["faithful reconstruction"].append(kl(pair.logits[i], of_rebuilt))
        terms["class code"].append(mean((networks.class_encoder.of_decoded(evidence[None])[0] - mixed[i]).abs()))
        terms["sparse change"].append(0.25 * mean((moved - rebuilt).abs().flatten()))
        if i % 2 == 0:  # every other picture has a patch
            terms["class-free individual"].append(mean(-log(p) for p in probabilities(critic.tolist())))
            terms["reading"].append(-log(probabilities(critic.tolist())[int(pair.logits[i].argmax())]))
    terms["reconstruction"] = [sum(errors) / sum(weights)]
    from_the_start = {"reconstruction", "map", "class-free individual"}
    factors = {name: weight * (1 if name in from_the_start else ramp) for name, weight in WEIGHTS.items()}
    return {name: (factors | {"reading": 1})[name] * mean(values) for name, values in terms.items()}


@pytest.mark.parametrize("ramp", [0.0, 0.3, 1.0])
def test_the_loss_is_its_textbook_twin(trained, study, pair, ramp):
    expected = twin(trained, study, pair, ramp)
    assert found(trained, study, pair, ramp).item() == pytest.approx(sum(expected.values()), rel=1e-4)


@torch.no_grad()
def test_there_is_something_to_clip(trained, pair):
    networks = trained.networks
    own, donor = networks.class_encoder(pair.evidence), networks.class_encoder(pair.donor_evidence)
    u = networks.individual_code(pair.pictures)
    shown = (pair.pictures + networks.decoded(u, donor) - networks.decoded(u, own))[:2]
    assert shown.min() < -0.05


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_term_counts_with_its_weight(trained, study, pair, name, monkeypatch):
    expected = twin(trained, study, pair, 0.7)
    assert expected[name] > 0
    monkeypatch.setattr(losses, "WEIGHTS", WEIGHTS | {other: 0.0 for other in WEIGHTS if other != name})
    assert found(trained, study, pair, 0.7).item() == pytest.approx(expected[name] + expected["reading"], rel=1e-4)


def test_the_loss_of_the_map_is_its_textbook_twin(trained, pair):
    said = trained.networks.head(trained.networks.class_encoder(pair.evidence))
    expected = mean(kl(wanted, found) for wanted, found in zip(pair.logits, said, strict=True))
    assert map_loss(trained.networks, pair.evidence, pair.logits).item() == pytest.approx(expected, rel=1e-4)


def test_a_divergence_is_zero_for_equal_logits_and_the_textbook_s_otherwise():
    wanted, other = torch.randn(2, 3, 5) * 4
    assert float(divergence(wanted, wanted + 7)) == pytest.approx(0, abs=1e-6)  # a constant changes no probability
    expected = mean(kl(one, two) for one, two in zip(wanted, other, strict=True))
    assert float(divergence(wanted, other)) == pytest.approx(expected, rel=1e-4)


@torch.no_grad()
def test_the_loss_of_the_mask_is_its_textbook_twin(trained, study, pair):
    networks, mixed = trained.average, torch.randn(5, 2)
    whole, masked, shown, everything = [], [], [], []
    for picture, evidence, z in zip(pair.pictures, pair.evidence, mixed, strict=True):
        u = networks.individual_code(picture[None])
        rebuilt, moved = (networks.decoded(u, code) for code in (networks.class_encoder(evidence[None]), z[None]))
        change = networks.mask(picture[None], rebuilt, moved) * (moved - rebuilt)
        whole.append(torch.cat(seen(study, (picture + moved - rebuilt)[0].clamp(0, 1))))
        masked.append(torch.cat(seen(study, (picture + change)[0].clamp(0, 1))))
        shown.append(mean(change.abs().flatten()))
        everything.append(mean((moved - rebuilt).abs().flatten()))
    expected = MASK_COST * mean(shown) / mean(everything)
    for columns in (range(4), range(4, 52)):  # logits, then evidence: each column in units of its spread
        deviations = [torch.stack(whole)[:, column].std(correction=0) for column in columns]
        floor = 0.1 * mean(deviations)
        missed = [
            float(((masked[i][column] - whole[i][column]) / max(float(deviation), floor)) ** 2)
            for i in range(5)
            for column, deviation in zip(columns, deviations, strict=True)
        ]
        expected += mean(missed)
    with study.borrowed():
        result = mask_loss(networks, study, LAYER, pair, mixed)
    assert float(result) == pytest.approx(expected, rel=1e-3)


# --- what learns from what ---------------------------------------------------------------------------------------


def gradients(module):
    """The gradients of a module that are there and not zero, by name."""
    found = {name: parameter.grad for name, parameter in module.named_parameters()}
    return {name: gradient for name, gradient in found.items() if gradient is not None and gradient.any()}


def after(trained, study, pair, weights, monkeypatch):
    """The gradients of networks and critic where only some terms of the loss count."""
    monkeypatch.setattr(losses, "WEIGHTS", dict.fromkeys(WEIGHTS, 0.0) | weights)
    trained.zero_grad()
    found(trained, study, pair, ramp=1.0).backward()
    return gradients(trained.networks), gradients(trained.critic)


def test_the_critic_learns_from_reading_alone(trained, study, pair, monkeypatch):
    individual = trained.networks.individual_code(pair.pictures[::2]).detach()
    reading = F.cross_entropy(trained.critic(individual), pair.logits[::2].argmax(1))
    names, parameters = zip(*trained.critic.named_parameters(), strict=True)
    expected = dict(zip(names, torch.autograd.grad(reading, parameters), strict=True))
    for weights in (WEIGHTS, {}, {"class-free individual": 100.0}):
        networks, critic = after(trained, study, pair, weights, monkeypatch)
        assert bool(networks) == bool(weights)  # nothing else learns from reading
        assert set(critic) == set(expected)
        for name, gradient in critic.items():
            assert torch.allclose(gradient, expected[name], atol=1e-6), name


REACHED = {
    "reconstruction": {"class_encoder", "individual_encoder", "decoder"},
    "map": {"class_encoder", "head"},
    "faithful map": {"class_encoder", "individual_encoder", "decoder"},  # not the head: it is what is to be met
    "faithful reconstruction": {"class_encoder", "individual_encoder", "decoder"},
    "class code": {"class_encoder", "individual_encoder", "decoder"},
    "class-free individual": {"individual_encoder"},
    "sparse change": {"class_encoder", "individual_encoder", "decoder"},
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_what_each_term_reaches(trained, study, pair, name, monkeypatch):
    networks, _ = after(trained, study, pair, {name: 1.0}, monkeypatch)
    assert {key.partition(".")[0] for key in networks} == REACHED[name]


def test_neither_classifier_nor_average_nor_the_pictures_get_a_gradient(trained, study, pair):
    found(trained, study, pair).backward()
    assert gradients(study.model) == {}
    assert gradients(trained.average) == {}
    assert not any(parameter.requires_grad for parameter in trained.average.parameters())
    assert pair.pictures.grad is None


def test_only_the_mask_learns_from_its_loss(trained, study, pair):
    networks = trained.networks
    with study.borrowed():
        mask_loss(networks, study, LAYER, pair, torch.randn(5, 2)).backward()
    assert {name.partition(".")[0] for name in gradients(networks)} == {"mask"}
    assert gradients(study.model) == {}


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

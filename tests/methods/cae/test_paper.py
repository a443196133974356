"""The published CAE: its losses are those of the formulas, and each network learns from its own alone."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.methods.cae.paper import losses as paper_losses
from xai_widgets.methods.cae.paper.losses import discriminator_loss, exchange, generator_loss, paper_loss
from xai_widgets.methods.cae.paper.networks import PaperNetworks

PICTURE, CLASSES = (3, 13, 16), 3


def parameters(*modules):
    return [parameter for module in modules for parameter in module.parameters()]


@pytest.fixture
def networks():
    """Networks in double precision, without dropout, whose discriminator is loud enough to be heard."""
    torch.manual_seed(0)
    networks = PaperNetworks(PICTURE, CLASSES, width=2).double().eval()
    with torch.no_grad():
        for parameter in parameters(networks.discriminator):
            parameter.copy_(0.3 * torch.randn_like(parameter))
    return networks


@pytest.fixture
def pair():
    """x_a, y_a, x_b, y_b."""
    x_a, x_b = torch.rand(2, 2, *PICTURE, dtype=torch.float64)
    return x_a, torch.tensor([0, 2]), x_b, torch.tensor([1, 0])


# --- the losses --------------------------------------------------------------------------------------------------


def distance(one, other):
    """Mean absolute difference, a number at a time."""
    pairs = list(zip(one.flatten(), other.flatten(), strict=True))
    return sum(abs(a - b) for a, b in pairs) / len(pairs)


def surprise(logits, wanted):
    return -torch.log(torch.exp(logits[wanted]) / torch.exp(logits).sum())


def textbook(networks, x_a, y_a, x_b, y_b):
    """Both losses of one pair of pictures in [-1, 1], term by term as published."""

    def encode_z(x):
        return networks.class_encoder((x[None] + 1) / 2)[0]

    def encode_u(x):
        return networks.individual_encoder((x[None] + 1) / 2)[0]

    def decode(u, z):
        return 2 * networks.decoder(u[None], z[None])[0] - 1

    def judge(x):
        return networks.discriminator((x[None] + 1) / 2)[0]

    z_a, u_a, z_b, u_b = encode_z(x_a), encode_u(x_a), encode_z(x_b), encode_u(x_b)
    a_with_b, b_with_a = decode(u_a, z_b), decode(u_b, z_a)
    z_a_again, z_b_again = encode_z(b_with_a), encode_z(a_with_b)
    u_a_again, u_b_again = encode_u(a_with_b), encode_u(b_with_a)
    generator = (
        10 * (distance(decode(u_a, z_a), x_a) + distance(decode(u_b, z_b), x_b))
        + (distance(z_a_again, z_a) + distance(z_b_again, z_b))
        + (distance(u_a_again, u_a) + distance(u_b_again, u_b))
        + 10 * (distance(decode(u_a_again, z_a), x_a) + distance(decode(u_b_again, z_b), x_b))
        + (surprise(judge(a_with_b)[:2], 1) + surprise(judge(b_with_a)[:2], 1))
        + (surprise(judge(a_with_b)[2:], y_b) + surprise(judge(b_with_a)[2:], y_a))
    )
    a_with_b, b_with_a = a_with_b.detach(), b_with_a.detach()
    discriminator = (
        (surprise(judge(a_with_b)[:2], 0) + surprise(judge(x_b)[:2], 1))
        + (surprise(judge(b_with_a)[:2], 0) + surprise(judge(x_a)[:2], 1))
        + 2 * (surprise(judge(x_a)[2:], y_a) + surprise(judge(x_b)[2:], y_b))
    )
    return generator, discriminator


def textbook_mean(networks, pair):
    """Both losses of a pair of batches: the means over their rows."""
    x_a, y_a, x_b, y_b = pair
    rows = zip(2 * x_a - 1, y_a, 2 * x_b - 1, y_b, strict=True)
    losses = [textbook(networks, *row) for row in rows]
    return [sum(each) / len(losses) for each in zip(*losses, strict=True)]


def test_the_losses_are_the_published_formulas(networks, pair):
    exchanged = exchange(networks, *pair)
    generator, discriminator = textbook_mean(networks, pair)
    assert torch.allclose(generator_loss(networks, exchanged), generator, rtol=1e-10)
    assert torch.allclose(discriminator_loss(networks, exchanged), discriminator, rtol=1e-10)
    assert torch.allclose(paper_loss(networks, *pair), generator + discriminator, rtol=1e-10)


@pytest.mark.parametrize("name", paper_losses.WEIGHTS)
def test_each_term_counts_with_its_weight(networks, pair, name, monkeypatch):
    """And none of the terms is too small for a mistake in it to show."""
    exchanged = exchange(networks, *pair)
    with_it, term = generator_loss(networks, exchanged), paper_losses.generator_terms(networks, exchanged)[name]
    weight = {"reconstruction": 10, "cycle": 10}.get(name, 1)
    monkeypatch.setitem(paper_losses.WEIGHTS, name, 0.0)
    assert term > 0.01
    assert (with_it - generator_loss(networks, exchanged)).item() == pytest.approx(2 * weight * term.item())


# --- the gradients -----------------------------------------------------------------------------------------------


def gradients(loss, *modules):
    return torch.autograd.grad(loss, parameters(*modules), allow_unused=True)


@pytest.mark.parametrize("compared", ["textbook", "own"])
def test_one_backward_gives_each_network_the_gradient_of_its_own_loss(networks, pair, compared):
    """As two optimizers would have it, of which each ignores what the other's loss leaves in its networks."""
    if compared == "textbook":
        generator, discriminator = textbook_mean(networks, pair)
    else:
        exchanged = exchange(networks, *pair)
        generator, discriminator = generator_loss(networks, exchanged), discriminator_loss(networks, exchanged)
    paper_loss(networks, *pair).backward()
    assert all(parameter.grad.any() for parameter in parameters(networks.discriminator))
    # Through instance normalisation, biases before it have none but rounding errors.
    tolerance = {"rtol": 1e-8, "atol": 1e-11} if compared == "textbook" else {"rtol": 0, "atol": 0}
    of_generator = [networks.class_encoder, networks.individual_encoder, networks.decoder]
    for loss, modules in ((generator, of_generator), (discriminator, [networks.discriminator])):
        for parameter, gradient in zip(parameters(*modules), gradients(loss, *modules), strict=True):
            assert torch.allclose(parameter.grad, gradient, **tolerance)

"""Decoders give the picture's size whatever the code's, and know what they do not know without harm."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.methods.cladec.decoder import ConditionalDecoder, PaperDecoder

SIDES = (1, 2, 3, 4, 7, 8, 16, 28, 32, 33, 64)


def decoded(decoder, code, count=2, alpha=0.0, prior=None, shown=None):
    codes = torch.randn(count, *code)
    shown = torch.ones(count, code[0]) if shown is None else shown
    prior = torch.full(decoder.picture, 0.5) if prior is None else prior
    return decoder(codes, shown, torch.full((count,), alpha), prior)


# --- the conditional decoder -------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", [(3, 32, 32), (1, 33, 47), (3, 28, 20), (1, 8, 8)])
@pytest.mark.parametrize("code", [(5,), (1,), *((5, side, side) for side in SIDES), (5, 3, 4), (2, 1, 9), (2, 50, 3)])
def test_the_picture_has_its_size(code, picture):
    mean, log_variance = decoded(ConditionalDecoder(code, picture, width=4), code)
    assert mean.shape == (2, *picture)
    assert log_variance.shape == (2, 1, *picture[1:])
    assert mean.min() >= 0
    assert mean.max() <= 1
    assert torch.isfinite(log_variance).all()


def test_the_mean_alone_or_without_evidence():
    decoder = ConditionalDecoder((5, 4, 4), (3, 16, 16), width=4).eval()
    codes, shown, prior = torch.randn(3, 5, 4, 4), torch.ones(3, 5), torch.rand(3, 16, 16)
    together = decoder(codes, shown, torch.zeros(3), prior)[0]
    alone = decoder(codes[1:2], shown[1:2], torch.zeros(1), prior)[0]
    assert torch.allclose(together[1:2], alone, atol=1e-6)
    decoder = ConditionalDecoder((5,), (3, 16, 16), width=4).eval()
    torch.nn.init.zeros_(decoder.mean[0].weight)
    torch.nn.init.zeros_(decoder.mean[0].bias)
    prior = 0.02 + 0.96 * torch.rand(3, 16, 16)
    mean, _ = decoded(decoder, (5,), prior=prior)
    assert torch.allclose(mean, prior.expand_as(mean), atol=1e-5)


@pytest.mark.parametrize("extreme", [0.0, 1.0])
def test_a_black_or_white_prior_can_still_be_learned_away_from(extreme):
    decoder = ConditionalDecoder((5,), (1, 8, 8), width=4)
    mean, _ = decoded(decoder, (5,), prior=torch.full((1, 8, 8), extreme))
    mean.sum().backward()
    assert torch.isfinite(mean).all()
    assert decoder.mean[0].bias.grad.abs().sum() > 0


@pytest.mark.parametrize("code", [(5,), (5, 4, 4), (5, 16, 16)])
def test_learning_the_variance_leaves_the_mean_alone(code):
    decoder = ConditionalDecoder(code, (3, 16, 16), width=4)
    decoded(decoder, code)[1].square().sum().backward()
    reached = {name.partition(".")[0] for name, p in decoder.named_parameters() if p.grad is not None and p.grad.any()}
    assert reached == {"log_variance"}


def test_learning_the_mean_leaves_the_variance_alone():
    decoder = ConditionalDecoder((5,), (3, 16, 16), width=4)
    decoded(decoder, (5,))[0].square().sum().backward()
    assert all(parameter.grad is None for parameter in decoder.log_variance.parameters())
    assert all(parameter.grad.any() for parameter in decoder.stem.parameters())


@pytest.mark.parametrize("code", [(5,), (5, 4, 4)])
def test_it_sees_alpha_and_which_units_are_shown(code):
    decoder = ConditionalDecoder(code, (1, 16, 16), width=4).eval()
    codes, prior = torch.zeros(1, *code), torch.full((1, 16, 16), 0.5)

    def mean(shown, alpha):
        return decoder(codes, torch.tensor([shown]), torch.tensor([alpha]), prior)[0]

    whole = mean([1.0] * 5, 0.0)
    assert torch.equal(whole, mean([1.0] * 5, 0.0))
    assert not torch.allclose(whole, mean([1.0] * 5, 0.5))
    assert not torch.allclose(whole, mean([1.0] * 4 + [0.0], 0.0))


# --- the authors' decoder ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "millions"),
    [((10,), 3.28), ((512,), 7.21), ((512, 2, 2), 5.11), ((256, 4, 4), 1.25), ((128, 8, 8), 0.28)],
)
def test_the_authors_decoder_has_their_number_of_parameters(code, millions):
    decoder = PaperDecoder(code, (1, 32, 32))
    assert round(sum(parameter.numel() for parameter in decoder.parameters()) / 1e6, 2) == millions
    with torch.no_grad():
        assert decoder(torch.randn(1, *code)).shape == (1, 1, 32, 32)


@pytest.mark.parametrize(
    ("code", "widths"),
    [((10,), [64, 512, 256, 128, 64, 1]), ((256, 4, 4), [256, 128, 64, 1]), ((32, 16, 16), [32, 1])],
)
def test_the_authors_decoder_halves_its_channels(code, widths):
    stages = [stage for stage in PaperDecoder(code, (1, 32, 32)).stages if hasattr(stage, "in_channels")]
    assert [stages[0].in_channels, *(stage.out_channels for stage in stages)] == widths


@pytest.mark.parametrize("picture", [(3, 32, 32), (1, 33, 47)])
@pytest.mark.parametrize("code", [(5,), (70,), *((5, side, side) for side in SIDES), (5, 3, 4)])
def test_the_authors_decoder_gives_any_size(code, picture):
    decoder = PaperDecoder(code, picture)
    with torch.no_grad():
        pictures = decoder(torch.randn(2, *code))
    assert pictures.shape == (2, *picture)
    assert pictures.min() >= 0
    assert pictures.max() <= 1

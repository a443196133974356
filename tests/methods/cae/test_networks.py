"""The default networks fit pictures of any shape, and treat every picture on its own."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.methods.cae.networks import (
    CaeNetworks,
    ClassCritic,
    ClassEncoder,
    Decoder,
    IndividualEncoder,
    default_width,
    grid_sides,
)

SHAPES = [(1, 28, 28), (3, 16, 16), (1, 33, 47), (3, 64, 64), (3, 9, 100), (1, 3, 3)]


def networks(picture=(3, 16, 16), evidence=5, classes=4, dimensions=2, channels=3, width=4):
    return CaeNetworks(picture, evidence, classes, dimensions, channels, width)


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ((28, 28), [(28, 28), (14, 14), (7, 7)]),
        ((32, 32), [(32, 32), (16, 16), (8, 8)]),
        ((33, 47), [(33, 47), (17, 24), (9, 12)]),
        ((64, 64), [(64, 64), (32, 32), (16, 16), (8, 8)]),
        ((8, 8), [(8, 8), (4, 4)]),
        ((5, 6), [(5, 6), (3, 3)]),
        ((128, 200), [(128, 200), (64, 100), (32, 50), (16, 25)]),
        ((224, 224), [(224, 224), (112, 112), (56, 56), (28, 28), (14, 14)]),
    ],
)
def test_the_grid_has_about_eight_cells_and_sixteen_for_large_pictures(sides, expected):
    assert grid_sides((3, *sides)) == expected


def test_larger_pictures_have_wider_networks():
    assert [default_width((3, side, 2 * side)) for side in (28, 64, 65, 128, 129, 256)] == [24, 24, 32, 32, 48, 48]


@pytest.mark.parametrize("picture", SHAPES)
def test_shapes(picture):
    made, pictures = networks(picture), torch.rand(2, *picture)
    z = made.class_code(pictures, torch.randn(2, 5))
    u = made.individual_code(pictures)
    assert z.shape == (2, 2)
    assert u.shape == (2, 3, *grid_sides(picture)[-1])
    drawn = made.decoded(u, z)
    assert drawn.shape == pictures.shape
    assert 0 <= drawn.min() <= drawn.max() <= 1
    assert torch.equal(made.shown(pictures, drawn, drawn), pictures)
    assert ClassCritic(3, 7)(u).shape == (2, 7)


def test_codes_are_standardised_and_statistics_are_kept():
    made, evidence = ClassEncoder(6, 3), 40 + 7 * torch.randn(400, 6)
    made.measure(evidence)
    code = made(evidence)
    assert torch.allclose(code.mean(0), torch.zeros(3), atol=1e-4)
    assert torch.allclose(code.std(0), torch.ones(3), atol=1e-2)
    u = IndividualEncoder((1, 16, 16), 2, 4)(torch.rand(64, 1, 16, 16))
    assert torch.allclose(u.mean((0, 2, 3)), torch.zeros(2), atol=1e-4)
    for _ in range(100):  # running averages get there
        made(evidence)
    assert torch.allclose(made.eval()(evidence), code, atol=0.05)


def test_decoded_pictures_are_measured_on_the_scale_of_real_ones():
    made, evidence = ClassEncoder(6, 3), torch.randn(50, 6)
    made.measure(evidence)
    for _ in range(100):
        made(evidence)
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    found = made.of_decoded(evidence + 1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in made.state_dict().items())
    assert torch.allclose(found, made.eval()(evidence + 1), atol=1e-5)
    assert found.mean(0).abs().max() > 0.1  # not standardised among themselves


def test_the_scale_of_the_evidence_does_not_matter_but_silent_units_stay_quiet():
    evidence = torch.randn(50, 4) * torch.tensor([1.0, 3.0, 2.0, 0.0]) + 5
    evidence[0, 3] += 1e-3
    made = ClassEncoder(4, 2)
    made.measure(evidence)
    expected = [float(column.std(correction=0)) for column in evidence.T]
    floor = 0.1 * sum(expected) / 4
    assert made.deviation.tolist() == pytest.approx([max(value, floor) for value in expected], rel=1e-4)
    assert torch.allclose(made.mean, evidence.mean(0))
    scaled = (evidence - made.mean) / made.deviation
    assert (scaled[:, 3].abs() < 0.01).all()
    assert scaled[:, :3].std(0, correction=0) == pytest.approx(torch.ones(3), abs=1e-4)


@pytest.mark.parametrize("picture", [(1, 33, 47), (3, 16, 16)])
def test_every_picture_is_on_its_own(picture):
    """In evaluation mode nobody's code depends on who else is in the batch."""
    made, pictures, evidence = networks(picture).eval(), torch.rand(4, *picture), torch.randn(4, 5)
    z, u = made.class_code(pictures, evidence), made.individual_code(pictures)
    drawn = made.decoded(u, z)
    alone = made.individual_code(pictures[2:3])
    assert torch.allclose(made.class_code(pictures[2:3], evidence[2:3]), z[2:3], atol=1e-5)
    assert torch.allclose(alone, u[2:3], atol=1e-5)
    assert torch.allclose(made.decoded(alone, z[2:3]), drawn[2:3], atol=1e-5)


def test_the_decoder_depends_on_both_codes():
    made = networks().eval()
    u, z = made.individual_code(torch.rand(2, 3, 16, 16)), torch.tensor([[0.0, 0.0], [2.0, -1.0]])
    for other in (made.decoded(u.flip(0), z), made.decoded(u, z.flip(0))):
        assert not torch.allclose(other, made.decoded(u, z), atol=1e-3)


def test_the_decoder_begins_near_its_prior():
    decoder = Decoder((1, 16, 16), 3, 2, 4).eval()
    with torch.no_grad():
        decoder.unfold.weight.zero_()
        decoder.unfold.bias.zero_()
        decoder.prior.copy_(torch.logit(torch.linspace(0.1, 0.9, 256).view(1, 16, 16)))
        drawn = decoder(torch.randn(2, 3, 8, 8), torch.randn(2, 2))
    assert torch.allclose(drawn, torch.linspace(0.1, 0.9, 256).view(1, 1, 16, 16).expand(2, -1, -1, -1), atol=1e-6)

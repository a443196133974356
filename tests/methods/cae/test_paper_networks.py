"""The networks of the published CAE are those of its tables, for pictures of any shape."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from xai_widgets.methods.cae.paper.networks import Convolution, PaperNetworks, adain

PICTURE, CLASSES = (3, 13, 16), 3


def size(*modules):
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def tiny(picture=PICTURE):
    """Networks in double precision, without dropout."""
    return PaperNetworks(picture, CLASSES, width=2).double().eval()


@pytest.fixture
def networks():
    return tiny()


@pytest.fixture(scope="module")
def published():
    """The published networks, without the memory for their numbers."""
    with torch.device("meta"):
        return PaperNetworks((3, 256, 256), classes=2)


def test_the_published_numbers_of_parameters(published):
    decoder = published.decoder
    assert size(published.class_encoder) == 2_764_936  # 2.76 M
    assert size(published.individual_encoder) == 7_746_176  # 7.75 M
    assert size(decoder.mlp) == 1_647_104  # 1.65 M
    assert size(decoder.blocks, decoder.doublings, decoder.last) == 8_114_947  # 8.11 M
    assert size(published.class_encoder, published.individual_encoder, decoder) == 20_273_163  # 20.27 M
    assert size(published.discriminator) == 12_328_132  # 12.33 M


def shapes(network, layers, *inputs):
    """Shapes of what these layers make of a picture, without the first dimension."""
    seen = []
    hooks = [layer.register_forward_hook(lambda *io: seen.append(tuple(io[2].shape[1:]))) for layer in layers]
    network(*inputs)
    for hook in hooks:
        hook.remove()
    return seen


def of_type(network, *types):
    return [layer for layer in network.modules() if isinstance(layer, types)]


def test_the_published_shapes(published):
    pictures = torch.rand(1, 3, 256, 256, device="meta")
    c, i, d = published.class_encoder, published.individual_encoder, published.discriminator
    down = [(64, 256, 256), (128, 128, 128), (256, 64, 64)]
    deeper = [(256, 32, 32), (256, 16, 16), (8, 16, 16)]
    assert shapes(c, of_type(c, nn.Conv2d), pictures) == down + deeper
    assert shapes(i, of_type(i, nn.Conv2d), pictures) == down + 12 * [(256, 64, 64)]
    halved = [(64, 128, 128), (128, 64, 64), (256, 32, 32), (512, 16, 16)]
    assert shapes(d, of_type(d, nn.Conv2d), pictures) == halved + 4 * [(512, 16, 16)]
    u, z = i(pictures), c(pictures)
    assert u.shape[1:] == (256, 64, 64)
    assert z.shape[1:] == (8,)
    g = published.decoder
    up = [(128, 128, 128), (64, 256, 256), (3, 256, 256)]
    assert shapes(g, of_type(g, nn.Conv2d), u, z) == 12 * [(256, 64, 64)] + up


@pytest.mark.parametrize(
    ("picture", "individual", "class_map", "judged"),
    [
        ((1, 28, 28), (16, 7, 7), (3, 3), (16, 3, 3)),
        ((3, 32, 32), (16, 8, 8), (4, 4), (16, 4, 4)),
        ((3, 64, 64), (16, 16, 16), (4, 4), (32, 4, 4)),
        ((1, 33, 47), (16, 8, 11), (4, 5), (16, 4, 5)),
        ((2, 128, 50), (16, 32, 12), (8, 3), (32, 8, 3)),
        ((3, 256, 256), (16, 64, 64), (16, 16), (32, 16, 16)),
        ((3, 12, 90), (16, 3, 22), (3, 22), (8, 3, 22)),
        ((1, 5, 5), (4, 5, 5), (5, 5), (1, 5, 5)),
        ((1, 2, 3), (4, 2, 3), (2, 3), (1, 2, 3)),
    ],
)
def test_other_pictures(picture, individual, class_map, judged):
    with torch.device("meta"):
        networks = PaperNetworks(picture, CLASSES, dimensions=5, width=4)
        pictures = torch.rand(2, *picture)
    u = networks.individual_encoder(pictures)
    z = networks.class_encoder(pictures)
    assert u.shape == (2, *individual)
    assert z.shape == (2, 5)
    assert networks.decoder(u, z).shape == pictures.shape
    assert networks.discriminator(pictures).shape == (2, 2 + CLASSES)
    for network, map_shape in ((networks.class_encoder, (5, *class_map)), (networks.discriminator, judged)):
        assert shapes(network, of_type(network, nn.Conv2d), pictures)[-1] == map_shape


@pytest.mark.parametrize("picture", [(1, 28, 28), (3, 33, 20), (1, 2, 3)])
def test_pictures_are_in_0_1(picture):
    networks = tiny(picture)
    pictures = torch.rand(2, *picture, dtype=torch.float64)
    decoded = networks.decoder(networks.individual_encoder(pictures), networks.class_encoder(pictures))
    assert decoded.min() >= 0
    assert decoded.max() <= 1
    assert decoded.std() > 0.01


@pytest.mark.parametrize("network", ["class_encoder", "individual_encoder", "discriminator"])
def test_mid_grey_is_zero_inside(networks, network):
    first = of_type(getattr(networks, network), nn.Conv2d)[0]
    nn.init.zeros_(first.bias)
    seen = []
    first.register_forward_hook(lambda *io: seen.append(io[2]))
    getattr(networks, network)(torch.full((1, *PICTURE), 0.5, dtype=torch.float64))
    assert not seen[0].any()


def reflected(index, side):
    return -index if index < 0 else 2 * (side - 1) - index if index >= side else index


@pytest.mark.parametrize(("kernel", "stride", "border"), [(7, 1, 3), (5, 1, 2), (4, 2, 1), (3, 1, 1), (1, 1, 0)])
def test_a_convolution_reflects_at_the_border(kernel, stride, border):
    convolution = Convolution(1, 1, kernel, stride)
    nn.init.ones_(convolution.weight)
    nn.init.constant_(convolution.bias, 0.5)
    image = torch.rand(1, 1, 6, 5)
    made = convolution(image)
    assert made.shape == (1, 1, 6 // stride, 5 // stride)
    for y in range(made.shape[2]):
        for x in range(made.shape[3]):
            rows = [reflected(y * stride - border + k, 6) for k in range(kernel)]
            columns = [reflected(x * stride - border + k, 5) for k in range(kernel)]
            expected = 0.5 + sum(image[0, 0, row, column] for row in rows for column in columns)
            assert made[0, 0, y, x].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("sides", [(1, 1), (2, 2), (3, 3), (1, 9)])
def test_maps_too_small_to_be_reflected_repeat_their_edge(sides):
    convolution = Convolution(1, 1, 7)
    nn.init.constant_(convolution.weight, 1 / 49)
    nn.init.zeros_(convolution.bias)
    assert torch.allclose(convolution(torch.full((1, 1, *sides), 0.7)), torch.full((1, 1, *sides), 0.7))


def slow_adain(features, shift, scale):
    """AdaIN from its formula, a picture and a channel at a time."""
    made = torch.empty_like(features)
    for n, channels in enumerate(features):
        for k, values in enumerate(channels):
            deviation = (((values - values.mean()) ** 2).mean() + 1e-5).sqrt()
            made[n, k] = scale[n, k] * (values - values.mean()) / deviation + shift[n, k]
    return made


def test_adain_is_its_formula():
    features, style = torch.randn(2, 3, 4, 5), torch.randn(2, 2, 3)
    assert torch.allclose(adain(features, style), slow_adain(features, style[:, 0], style[:, 1]), atol=1e-5)


def test_the_decoder_takes_its_style_in_the_published_order(networks):
    """Of the vector that the linear layers make: for each of the 12 layers first all shifts, then all scales."""
    decoder = networks.decoder
    u, z = torch.randn(2, 8, 3, 4, dtype=torch.float64), torch.randn(2, 8, dtype=torch.float64)
    vector = z
    for layer in decoder.mlp[:-1]:
        vector = layer(vector)
    assert vector.shape == (2, 12 * 2 * 8)
    styles = [(vector[:, 16 * k : 16 * k + 8], vector[:, 16 * k + 8 : 16 * k + 16]) for k in range(12)]
    features = u
    for block, first, second in zip(decoder.blocks, styles[::2], styles[1::2], strict=True):
        change = F.relu(slow_adain(block.first(features), *first))
        features = features + slow_adain(block.second(change), *second)
    expected = (torch.tanh(decoder.last(decoder.doublings(features))) + 1) / 2
    assert torch.allclose(decoder(u, z), expected)


def test_the_class_encoder_is_its_table(networks):
    pictures = torch.rand(2, *PICTURE, dtype=torch.float64)
    *convolutions, last = of_type(networks.class_encoder, nn.Conv2d)
    features = 2 * pictures - 1
    for convolution in convolutions:
        features = F.relu(convolution(features))
    assert torch.allclose(networks.class_encoder(pictures), last(features).mean((2, 3)))


def test_the_individual_encoder_is_its_table(networks):
    pictures = torch.rand(2, *PICTURE, dtype=torch.float64)
    plain = torch.zeros(2, 8), torch.ones(2, 8)
    features = 2 * pictures - 1
    for convolution in of_type(networks.individual_encoder, nn.Conv2d)[:3]:
        features = F.relu(slow_adain(convolution(features), *plain))
    for block in networks.individual_encoder.layers[-6:]:
        first, second = of_type(block, nn.Conv2d)
        features = features + slow_adain(second(F.relu(slow_adain(first(features), *plain))), *plain)
    assert torch.allclose(networks.individual_encoder(pictures), features)


def test_the_discriminator_is_its_table(networks):
    pictures = torch.rand(2, *PICTURE, dtype=torch.float64)
    convolutions = of_type(networks.discriminator, nn.Conv2d)
    hidden, last = of_type(networks.discriminator, nn.Linear)
    features = 2 * pictures - 1
    for convolution in convolutions[:-4]:
        features = F.leaky_relu(convolution(features), 0.2)
    for first, second in (convolutions[-4:-2], convolutions[-2:]):
        features = features + second(F.relu(first(features)))
    assert torch.allclose(networks.discriminator(pictures), last(F.relu(hidden(features.mean((2, 3))))))


def test_a_doubling_normalises_each_picture_over_channels_and_places(networks):
    norm = of_type(networks.decoder, nn.GroupNorm)[0]
    features = torch.randn(2, norm.num_channels, 3, 5, dtype=torch.float64)
    for picture, made in zip(features, norm(features), strict=True):
        standard = (picture - picture.mean()) / (picture.var(correction=0) + 1e-5).sqrt()
        assert torch.allclose(made, norm.weight[:, None, None] * standard)


def test_the_individual_code_is_blind_to_brightness_and_contrast(networks):
    """All the more must the class code tell them."""
    pictures = 0.2 + 0.6 * torch.rand(2, *PICTURE, dtype=torch.float64)
    u, z = networks.individual_encoder(pictures), networks.class_encoder(pictures)
    changed = 0.5 * pictures + 0.1
    assert torch.allclose(networks.individual_encoder(changed), u, atol=1e-2)
    assert (networks.class_encoder(changed) - z).abs().max() > 0.1


def test_first_weights():
    networks = PaperNetworks((3, 48, 48), CLASSES, width=32)
    weighted = of_type(networks, nn.Conv2d, nn.Linear)
    judges = set(of_type(networks.discriminator, nn.Conv2d, nn.Linear))
    assert not any(layer.bias.any() for layer in weighted)
    for layer in weighted:
        wanted = 0.02 if layer in judges else math.sqrt(2 / layer.weight[0].numel())
        assert layer.weight.std().item() == pytest.approx(wanted, rel=0.15)
    for norm in of_type(networks, nn.GroupNorm):
        assert 0 <= norm.weight.min() < 0.2
        assert 0.8 < norm.weight.max() < 1


def test_dropout_is_the_discriminator_s_alone():
    dropouts = of_type(PaperNetworks(PICTURE, CLASSES, width=2), nn.Dropout)
    assert [dropout.p for dropout in dropouts] == [0.4]
    torch.manual_seed(0)
    networks = PaperNetworks(PICTURE, CLASSES, width=2)
    pictures = torch.rand(2, *PICTURE)
    assert not torch.equal(networks.discriminator(pictures), networks.discriminator(pictures))
    assert torch.equal(networks.class_encoder(pictures), networks.class_encoder(pictures))

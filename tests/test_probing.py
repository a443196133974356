"""Layouts are found by experiment: exact answers for layers whose layout is known by construction."""

from __future__ import annotations

from collections import deque

import pytest
import torch
from torch import nn
from torchvision.models import SwinTransformer, VisionTransformer

from xai_widgets.errors import LayerError
from xai_widgets.layout import Layout
from xai_widgets.probing import found, listed, probes
from xai_widgets.study import Study


class Gives(nn.Module):
    """A module that gives whatever a function makes of its input."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, x):
        return self.make(x)


class Beside(nn.Module):
    """Runs modules on the same maps of 8 channels and a cell for every 4 pixels, beside the logits."""

    def __init__(self, **modules):
        super().__init__()
        torch.manual_seed(0)
        self.cut, self.head = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 4)
        self.beside = nn.ModuleDict(modules)

    def forward(self, pictures):
        maps = self.cut(pictures)
        for module in self.beside.values():
            module(maps)
        return self.head(maps.mean((2, 3)))


def layouts_of(model, shape=(3, 24, 32)):
    with torch.no_grad():
        return {layer.name.removeprefix("beside."): layer.layout for layer in listed(model.eval(), model, shape)}


def layout_of(make, shape=(3, 24, 32)):
    return layouts_of(Beside(one=Gives(make)), shape)["one"]


def tokens(maps):
    return maps.flatten(2).transpose(1, 2)


def with_extra(maps, before, after):
    """Tokens with some more that answer to all places alike, or to none."""
    cells = tokens(maps)
    mean, none = cells.mean(1, keepdim=True), torch.ones_like(cells[:, :1])
    return torch.cat([*([mean, none] * before)[:before], cells, *([mean, none] * after)[:after]], 1)


@pytest.mark.parametrize("shape", [(3, 24, 32), (3, 33, 47), (3, 16, 16), (3, 64, 12)])
def test_maps_and_tokens_of_pictures_of_any_proportions(shape):
    places = shape[1] // 4, shape[2] // 4
    assert layout_of(lambda x: x, shape) == Layout((2, 3), places)
    assert layout_of(lambda x: x.permute(0, 2, 3, 1), shape) == Layout((1, 2), places)
    assert layout_of(tokens, shape) == Layout((1,), places)
    assert layout_of(lambda x: x.flatten(2), shape) == Layout((2,), places)


@pytest.mark.parametrize(("before", "after"), [(1, 0), (2, 0), (5, 0), (0, 1), (1, 4), (8, 0)])
def test_tokens_that_belong_to_no_place(before, after):
    expected = Layout((1,), (6, 8), before, after)
    assert layout_of(lambda x: with_extra(x, before, after)) == expected


def test_as_many_channels_as_places():
    """Nothing in the shape (8, 8, 8) says what is what; (16, 16) as little."""
    assert layout_of(lambda x: x, (3, 32, 32)).axes == (2, 3)
    assert layout_of(lambda x: x.permute(0, 2, 3, 1), (3, 32, 32)).axes == (1, 2)
    assert layout_of(lambda x: tokens(torch.cat([x, x], 1)), (3, 16, 16)).axes == (1,)
    assert layout_of(lambda x: torch.cat([x, x], 1).flatten(2), (3, 16, 16)).axes == (2,)


def test_heads_of_an_attention_are_no_maps():
    heads = layout_of(lambda x: tokens(x).unflatten(2, (2, 4)).transpose(1, 2))
    assert heads.places is None
    assert "tokens into parts, such as the heads" in heads.reason
    assert layout_of(lambda x: tokens(x).unflatten(2, (2, 4))).places is None


def test_queries_that_are_everywhere_have_no_places():
    """16 vectors that look at all of the picture are no grid of 4 x 4, though there are as many."""
    layout = layout_of(lambda x: x.mean((2, 3))[:, None].expand(-1, 16, -1) * torch.rand(16, 8), (3, 32, 32))
    assert layout.places is None
    assert "no axis of its output (16, 8) is spatial" in layout.reason


def test_maps_of_one_pixel_that_are_enlarged_have_no_places():
    layout = layout_of(lambda x: nn.functional.adaptive_avg_pool2d(x.mean((2, 3), keepdim=True), 6))
    assert layout == Layout(reason="its maps are the same at all places")


def test_places_in_another_order_are_none():
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    assert layout_of(lambda x: tokens(x)[:, order], (3, 32, 32)).places is None


def test_what_answers_to_nothing_goes_by_its_shape():
    found = layouts_of(
        Beside(
            maps=Gives(torch.ones_like),
            tokens=Gives(lambda x: torch.ones(len(x), 50, 5)),
            nan=Gives(lambda x: x * torch.nan),
            numbers=Gives(lambda x: x.long()),
        )
    )
    assert found["maps"] == found["nan"] == found["numbers"] == Layout((2, 3), (6, 8))
    assert found["tokens"].places is None
    assert layout_of(lambda x: torch.ones(len(x), 49, 5), (3, 32, 24)) == Layout((1,), (8, 6), before=1)


def test_a_layer_that_mixes_everything_takes_the_layout_of_its_like():
    """Attention of random weights gives every token the same; as many tokens elsewhere say where they are."""
    found = layouts_of(
        Beside(
            told=Gives(lambda x: with_extra(x, 3, 0)),
            same=Gives(lambda x: with_extra(x, 3, 0).mean(1, keepdim=True).expand(-1, 51, -1)),
            wide=Gives(lambda x: with_extra(x, 3, 0).mean((1, 2))[:, None, None].expand(-1, 51, 11)),
            weights=Gives(lambda x: x.mean((1, 2, 3))[:, None, None, None].expand(-1, 2, 51, 51)),
        )
    )
    assert found["told"] == found["same"] == found["wide"] == Layout((1,), (6, 8), before=3)
    assert found["weights"].places is None


def test_modules_whose_output_has_no_row_for_each_picture_are_no_layers():
    model = Beside(
        windows=Gives(lambda x: x.reshape(-1, 8, 3, 4)),
        table=Gives(lambda x: torch.rand(5, 8)),
        single=Gives(lambda x: torch.rand(1, 8)),
    )
    nn.utils.parametrizations.spectral_norm(model.head)
    nn.utils.parametrizations.weight_norm(model.cut)
    assert set(layouts_of(model)) == {"cut", "head"}


def test_a_wrapper_is_no_layer():
    inner = nn.Sequential(nn.Conv2d(3, 4, 2, 2), nn.ReLU(), nn.Flatten())
    wrapped = nn.DataParallel(nn.Sequential(inner))
    assert list(layouts_of(wrapped, (3, 8, 8))) == ["module.0.0", "module.0.1", "module.0.2"]
    assert list(layouts_of(nn.Sequential(nn.Flatten()), (3, 8, 8))) == ["0"]


def test_a_model_of_one_picture_at_a_time_goes_by_shape(caplog):
    class Single(Beside):
        def forward(self, pictures):
            return super().forward(pictures.reshape(1, *pictures.shape[1:]))

    found = layouts_of(Single(one=Gives(tokens)), (3, 32, 32))
    assert found["one"] == Layout((1,), (8, 8))
    assert "no batch of 5" in caplog.text


def test_one_channel_and_pictures_of_few_pixels():
    model = nn.Sequential(nn.Conv2d(1, 4, 1), Gives(lambda x: x.permute(0, 2, 3, 1)), nn.Flatten())
    for sides in [(2, 2), (3, 2)]:
        found = layouts_of(model, (1, *sides))
        assert found["0"] == Layout((2, 3), sides)
        assert found["1"] == Layout((1, 2), sides)


def test_probes_differ_in_a_quarter_each_and_are_the_same_again():
    pictures = probes((3, 9, 8))
    assert pictures.shape == (5, 3, 9, 8)
    assert torch.equal(pictures, probes((3, 9, 8)))
    different = (pictures[1:] != pictures[:1]).any(1)
    assert torch.equal(different.sum(0), torch.ones(9, 8, dtype=torch.long))
    assert different[0, :4, :4].all()
    assert different[3, 4:, 4:].all()


def test_found_is_sure_of_what_it_saw():
    layout, sure = found(nn.functional.avg_pool2d(probes((3, 32, 32)), 4), (32, 32))
    assert sure
    assert layout == Layout((2, 3), (8, 8))


# --- a study ----------------------------------------------------------------------------------------------------------


def swin():
    return SwinTransformer([4, 4], 12, [1, 1], [2, 2], [4, 4], num_classes=4)


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_a_study_s_swin_has_its_channels_last(squares, scale):
    model = swin()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
    study = Study(model, squares(4, (3, 64, 48)))
    assert study.layer("features.3.0").shape == (8, 6, 24)
    assert study.layer("features.3.0").places == (8, 6)
    assert study.layer("permute").layout == Layout((2, 3), (8, 6))
    assert study.codes(torch.rand(2, 3, 64, 48), "features.3.0").shape == (2, 24, 8, 6)


def test_a_study_tells_what_is_no_layer(squares):
    model = VisionTransformer(16, 8, 1, 2, 12, 16, num_classes=4)
    nn.init.ones_(model.class_token)  # a norm of 0 would make NaN of it
    study = Study(nn.utils.parametrizations.spectral_norm(model, "class_token", dim=2), squares(4))
    assert not [layer.name for layer in study.layers() if "parametrizations" in layer.name]
    with pytest.raises(LayerError, match="gives no tensor with a row for each of them"):
        study.layer("parametrizations.class_token.0")


def test_the_dry_runs_are_made_once_and_leave_the_model_as_it_was(squares):
    model = swin().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    study = Study(model, squares(4, (3, 64, 64)))
    passes = deque()  # a list would be copied when the model is borrowed
    handle = model.register_forward_hook(lambda *_: passes.append(1))
    for _ in range(2):
        study.layers(), study.blocks(), study.layer("head")
    handle.remove()
    assert len(passes) == 2
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())

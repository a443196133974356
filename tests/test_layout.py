"""Activations of every layout as codes, and back."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.errors import LayerError
from xai_widgets.layers import Layer
from xai_widgets.layout import Layout, by_shape, nowhere

MAPS = torch.rand(2, 5, 3, 4)
CELLS = MAPS.flatten(2).transpose(1, 2)
EXTRA = torch.rand(2, 3, 5)


@pytest.mark.parametrize(
    ("layout", "activation"),
    [
        (Layout((2, 3), (3, 4)), MAPS),
        (Layout((1, 2), (3, 4)), MAPS.permute(0, 2, 3, 1)),
        (Layout((1,), (3, 4)), CELLS),
        (Layout((2,), (3, 4)), CELLS.transpose(1, 2)),
        (Layout((1,), (3, 4), before=3), torch.cat([EXTRA, CELLS], 1)),
        (Layout((1,), (3, 4), before=1, after=2), torch.cat([EXTRA[:, :1], CELLS, EXTRA[:, 1:]], 1)),
    ],
)
def test_a_code_is_maps_of_the_places_whatever_the_axes(layout, activation):
    assert torch.equal(layout.code(activation), MAPS)
    assert layout.places == (3, 4)
    moved = layout.put(2 * MAPS, activation)
    assert moved.shape == activation.shape
    assert torch.equal(layout.code(moved), 2 * MAPS)
    assert torch.equal(layout.placeless(moved), layout.placeless(activation))
    extra = layout.before + layout.after
    assert layout.placeless(activation).shape == (2, 5 * extra)
    whole = layout.whole(activation)
    assert torch.equal(whole[:, :5], MAPS)
    assert torch.equal(whole[:, 5:, 1, 2], layout.placeless(activation))


def test_without_places_it_is_a_vector():
    assert torch.equal(Layout().code(MAPS), MAPS.flatten(1))
    assert torch.equal(Layout().put(MAPS.flatten(1), MAPS), MAPS)
    assert torch.equal(Layout().whole(MAPS), MAPS.flatten(1))
    assert Layout().places is None


@pytest.mark.parametrize(
    ("shape", "picture", "places", "before"),
    [
        ((5, 7, 3), (33, 47), (7, 3), 0),
        ((5, 1, 2), (33, 47), (1, 2), 0),
        ((16, 5), (32, 32), (4, 4), 0),
        ((17, 5), (32, 32), (4, 4), 1),
        ((8, 5), (16, 32), (2, 4), 0),
        ((9, 5), (16, 32), (2, 4), 1),
        ((24, 5), (48, 32), (6, 4), 0),
    ],
)
def test_the_layout_that_a_shape_suggests(caplog, shape, picture, places, before):
    layout = by_shape(shape, picture)
    assert (layout.places, layout.before, layout.after) == (places, before, 0)
    assert layout.code(torch.rand(2, *shape)).shape == (2, shape[0] if len(shape) == 3 else 5, *places)
    assert not caplog.records


@pytest.mark.parametrize("shape", [(9,), (5, 1, 1), (1, 5)])
def test_one_number_for_each_unit(caplog, shape):
    layout = by_shape(shape, (32, 32))
    assert layout.places is None
    assert layout.reason == "it gives one number per unit"
    assert layout.code(torch.rand(2, *shape)).shape == (2, max(shape))
    assert not caplog.records


@pytest.mark.parametrize("shape", [(7, 5), (3, 2, 2, 2), (2, 4)])
def test_anything_else_is_flattened_with_a_warning(caplog, shape):
    activation = torch.rand(2, *shape)
    layout = by_shape(shape, (32, 32))
    assert layout == nowhere(shape)
    assert "no axis of its output" in layout.reason
    assert torch.equal(layout.code(activation), activation.flatten(1))
    assert "one flat vector" in caplog.text


def test_pictures_of_another_size_have_other_tokens():
    with pytest.raises(LayerError, match="16 tokens for these pictures, and 12 for those of the study"):
        Layout((1,), (3, 4)).code(torch.rand(2, 16, 5))


def test_a_layer_is_read_with_its_channels_first():
    assert Layer("one", "Block", (3, 4, 5), 0, Layout((1, 2), (3, 4))).form == (5, 3, 4)
    assert Layer("one", "Block", (5, 3, 4), 0, Layout((2, 3), (3, 4))).form == (5, 3, 4)
    assert Layer("one", "Block", (13, 5), 0, Layout((1,), (3, 4), before=1)).form == (13, 5)
    assert Layer("one", "Block", (5,), 0).form == (5,)

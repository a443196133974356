"""Shapes whose colours nearly give them away."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from xai_widgets.data.folder import folder
from xai_widgets.lessons import drawings, fill_folder, shape_or_colour, sums, train_network
from xai_widgets.lessons.shapes import COLOURS, SHAPES, draw


def colour_of(pixels):
    """The colour that most pixels of each picture ``(N, 3, H, W)`` have; shades of the ground do not count."""
    found = [(pixels == torch.tensor(colour).view(3, 1, 1) / 255).all(1).sum((1, 2)) for colour in COLOURS]
    return torch.stack(found, 1).argmax(1)


def test_a_folder_has_the_usual_colours(tmp_path):
    fill_folder(tmp_path, 9, agreement=1.0, seed=0)
    found = folder(tmp_path)
    assert (len(found), tuple(found.class_names)) == (9, SHAPES)
    pixels = torch.stack([found[index][0] for index in range(9)])
    assert colour_of(pixels).tolist() == [found[index][1] for index in range(9)]


def test_a_seed_draws_the_same_picture_again():
    assert np.array_equal(np.asarray(draw(1, 2, (9, 4))), np.asarray(draw(1, 2, (9, 4))))


def test_a_small_network_learns_a_folder(tmp_path):
    fill_folder(tmp_path, 30, agreement=1.0, seed=0)
    found = folder(tmp_path)
    model, before = train_network(found), torch.get_rng_state()
    assert not model.training
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 3)
    again = train_network(found)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(model.parameters(), again.parameters(), strict=True))


def test_one_change_only():
    own, shapes = drawings(count=6)
    recoloured, same = drawings(colour_shift=1, count=6)
    assert torch.equal(shapes, same)
    assert torch.equal(colour_of(recoloured), (colour_of(own) + 1) % 3)
    assert torch.equal((own != own[:, :, :1, :1]).any(1), (recoloured != recoloured[:, :, :1, :1]).any(1))


def test_a_classifier_of_colours_is_found_out():
    study = SimpleNamespace(predict=lambda pictures: torch.eye(3)[colour_of(pictures)])
    assert shape_or_colour(study, count=9) == {shape: {"its shape": 0.0, "its colour": 1.0} for shape in SHAPES}


def test_sums_follow_the_colour():
    def contributions(pictures, k):
        return (colour_of(pictures) == k).float()[:, None]

    found = sums(SimpleNamespace(contributions=contributions, bias=lambda k: 0.5), count=9)
    assert found["disc, score of disc"] == pytest.approx({"own colour": 1.5, "next colour": 0.5})
    assert found["triangle, score of disc"] == pytest.approx({"own colour": 0.5, "next colour": 1.5})

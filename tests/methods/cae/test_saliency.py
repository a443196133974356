"""Three maps of change, exact where the truth is known."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import pytest
import torch
from torch import nn

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.decoding import BATCH
from xai_widgets.methods.cae.path import film_strip
from xai_widgets.methods.cae.saliency import difference, path_integrated, several
from xai_widgets.methods.cae.walk import Walk

# --- difference --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 7, 5), (1, 4, 9), (1, 1, 1), (3, 2, 1)])
def test_the_difference_is_that_of_the_textbook(shape):
    before, after = torch.rand(2, *shape)
    change = (after - before).abs().mean(0)
    found = difference(before, after)
    assert found.shape == shape[1:]
    for row in range(shape[1]):
        for column in range(shape[2]):
            near = change[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
            assert found[row, column] == pytest.approx(float(near.mean()), abs=1e-6)


def test_one_scale_serves_many_pictures_and_larger_changes_are_cut():
    before, after = torch.zeros(2, 1, 4, 4)
    after[:, :, :2] = 0.2
    assert torch.allclose(difference(before, after, 0.4)[:, 0], torch.tensor(0.5))
    assert torch.equal(difference(before, after, 0.1)[:, 0], torch.ones(4))
    assert torch.equal(difference(before, after, 0.1)[:, 3], torch.zeros(4))


# --- along the path ----------------------------------------------------------------------------------------------


def test_of_a_linear_classifier_it_is_weight_times_move(exact):
    model = exact(((0.3, -1.0), (1.0, 0.5)), (0.0, 2.0))
    encoded = model.encode([-4.0, 1.0])
    strip = film_strip(Walk(model, encoded, torch.tensor([[-4.0, 1.0], [0.0, 5.0], [3.0, 0.0]])), 1)
    found, (total, change) = path_integrated(model.study, strip.pictures, 1, 0)
    weight = model.study.model[1].weight
    wanted = (weight[1] - weight[0]).view(3, 5) * (strip.pictures[-1] - strip.pictures[0])[0]
    assert found.shape == (3, 5)
    assert torch.allclose(found, wanted, atol=1e-4)
    z = strip.z[[0, -1]] @ (model.weight[1] - model.weight[0])
    assert change == pytest.approx(float(z[1] - z[0]), abs=1e-3)
    assert total == pytest.approx(change, abs=1e-3)
    backwards, (minus, _) = path_integrated(model.study, strip.pictures, 0, 1)
    assert torch.allclose(backwards, -found, atol=1e-5)
    assert minus == pytest.approx(-total, abs=1e-4)


class Squares(nn.Module):
    """Logits that are quadratic in the pixels, for which the midpoint rule is exact."""

    def forward(self, pictures):
        flat = pictures.flatten(1)
        return torch.stack([flat[:, 0] * 0, 3 * flat.square().sum(1), flat.sum(1)], dim=1)


def test_of_a_quadratic_classifier_it_is_complete_and_each_pixel_has_its_share(new_study):
    study = new_study(Squares(), [(torch.rand(2, 3, 4), 0)] * 3)
    frames = torch.rand(4, 2, 3, 4)
    found, (total, change) = path_integrated(study, frames, 1, 0, steps=1)
    assert torch.allclose(found, 3 * (frames[-1].square() - frames[0].square()).sum(0), atol=1e-5)
    assert total == pytest.approx(change, abs=1e-4)
    assert total == pytest.approx(float(found.sum()))


def test_it_is_that_of_the_textbook_for_any_network(sure, new_study):
    study = new_study(sure)
    frames = torch.rand(3, 3, 12, 20)
    found, _ = path_integrated(study, frames, 2, 1, steps=3)
    model, wanted = sure.eval(), torch.zeros(12, 20)
    for one, other in pairwise(frames):
        for part in (1 / 6, 3 / 6, 5 / 6):
            x = (one + part * (other - one)).requires_grad_()
            logits = model(x[None])[0]
            (logits[2] - logits[1]).backward()
            wanted += (x.grad * (other - one) / 3).sum(0)
    assert torch.allclose(found, wanted, atol=1e-4)


def test_more_steps_miss_less(new_study):
    smooth = nn.Sequential(nn.Flatten(), nn.Linear(24, 9), nn.Tanh(), nn.Linear(9, 3))
    study, frames = new_study(smooth, [(torch.rand(2, 3, 4), 0)] * 3), 0.1 + 0.8 * torch.eye(24)[:3].view(3, 2, 3, 4)
    for module in (smooth[1], smooth[3]):
        nn.init.normal_(module.weight)
    coarse, fine = (path_integrated(study, frames, 2, 0, steps=steps)[1] for steps in (2, 20))
    assert coarse[1] == fine[1]
    assert abs(fine[0] - fine[1]) < abs(coarse[0] - coarse[1]) / 10
    assert abs(fine[0] - fine[1]) < 0.01


class Counting(nn.Module):
    """Notes how many pictures come at once, to it or to a copy of it."""

    sizes: ClassVar = []

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(12, 3)

    def forward(self, pictures):
        self.sizes.append(len(pictures))
        return self.linear(pictures.flatten(1))


@pytest.mark.parametrize("batch_size", [3, 500])
def test_batches_are_small_and_change_nothing(new_study, batch_size):
    model = Counting()
    study = new_study(model, [(torch.rand(1, 3, 4), 0)] * 3, batch_size=batch_size)
    model.sizes.clear()
    frames = torch.rand(40, 1, 3, 4)
    _, (total, change) = path_integrated(study, frames, 1, 0)
    assert max(model.sizes) == min(batch_size, BATCH)
    assert total == pytest.approx(change, abs=1e-4)


def test_it_works_where_gradients_are_off(sure, new_study):
    study, frames = new_study(sure), torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        found, _ = path_integrated(study, frames, 1, 0)
    assert torch.equal(found, path_integrated(study, frames, 1, 0)[0])
    assert not found.requires_grad


class Deaf(nn.Module):
    def forward(self, pictures):
        return pictures.detach().flatten(1)[:, :3]


def test_a_path_that_cannot_be(net, new_study):
    study, frames = new_study(net()), torch.rand(3, 3, 16, 16)
    with pytest.raises(XaiWidgetsError, match="both class 1"):
        path_integrated(study, frames, 1, 1)
    with pytest.raises(XaiWidgetsError, match="target is 4"):
        path_integrated(study, frames, 4, 1)
    with pytest.raises(XaiWidgetsError, match="no gradients"):
        path_integrated(new_study(Deaf(), [(torch.rand(1, 3, 4), 0)] * 3), torch.rand(3, 1, 3, 4), 1, 0)


# --- several directions ------------------------------------------------------------------------------------------


def test_directions_that_change_the_same_agree(exact):
    model = exact()
    encoded = model.encode([0.0, 0.0])
    target = torch.tensor([[4.0, 0.0]])
    mean, agreement = several(model, encoded, target.expand(3, 2))
    moved = model.decode(encoded, target)[0]
    assert torch.allclose(mean, difference(encoded.pictures[0], moved), atol=1e-6)
    assert torch.allclose(agreement[:2], torch.ones(2, 5), atol=1e-4)
    assert torch.equal(agreement[2], torch.zeros(5))  # the first number brightens row 0, and 3x3 pixels reach row 1


def test_directions_that_change_something_else_or_the_opposite_do_not(exact):
    model = exact()
    encoded = model.encode([0.0, 0.0])
    rows = several(model, encoded, torch.tensor([[4.0, 0.0], [0.0, 4.0]]))[1]
    assert torch.allclose(rows, torch.full((3, 5), 0.5), atol=1e-4)
    mean, opposite = several(model, encoded, torch.tensor([[4.0, 0.0], [-4.0, 0.0]]))
    assert opposite.max() < 1e-4
    assert torch.allclose(mean[0], torch.full((5,), 0.04), atol=1e-6)  # 4 * 0.02 over one of two rows


def test_the_reconstruction_is_no_change_even_where_nothing_is_pasted(exact):
    model = exact()
    model.decode = lambda encoded, z: model.draw(z)
    mean, agreement = several(model, model.encode([1.0, 2.0]), torch.tensor([[1.0, 2.0]]))
    assert torch.equal(mean, torch.zeros(3, 5))
    assert torch.equal(agreement, torch.zeros(3, 5))


def test_many_directions_come_in_batches_and_share_a_scale(exact):
    model = exact()
    encoded, targets = model.encode([0.0, 0.0]), torch.randn(150, 2)
    mean, agreement = several(model, encoded, targets, scale=0.5)
    assert max(model.batches) <= BATCH
    assert torch.allclose(mean, 2 * several(model, encoded, targets)[0], atol=1e-6)
    assert ((agreement >= 0) & (agreement <= 1)).all()

"""Measures of maps give 1, 0 or chance where it is known that they must."""

from __future__ import annotations

import math

import pytest
import torch

from xai_widgets.scores.attribution import (
    FILLS,
    deletion,
    excess_mass,
    insertion,
    margin,
    max_sensitivity,
    mean_of,
    part_agreement,
    pointing,
    removal_ranks,
    similarity,
    spearman,
)


@pytest.fixture(params=[(16, 16), (33, 47), (5, 6)])
def linear(request):
    """A score that is the mean of a picture times weights: its true map is the weights."""
    height, width = request.param
    weights = torch.rand(height, width, generator=torch.Generator().manual_seed(0)) ** 4
    weights /= weights.sum()

    def score(pictures):
        return (pictures.mean(1) * weights).sum((1, 2))

    return score, torch.ones(3, 3, height, width), torch.zeros(3, 3, height, width), weights.expand(3, -1, -1)


def best_area(weights):
    """The smallest area under the score while cells of the weights are removed one by one."""
    ranks = removal_ranks(weights[:1], 0)[0]
    sums = torch.stack([weights[0][ranks == rank].sum() for rank in ranks.unique()])
    left = torch.cat([torch.tensor([1.0]), 1 - sums.cumsum(0)])
    return float(torch.trapezoid(left, dx=1 / len(sums)))


def test_the_true_map_of_a_linear_score_has_the_smallest_area(linear):
    score, picture, nothing, weights = linear
    cells = len(removal_ranks(weights[:1], 0).unique())
    area = deletion(score, picture, nothing, weights, 0, steps=cells)
    torch.testing.assert_close(area, torch.full((3,), best_area(weights), dtype=torch.double), atol=1e-4, rtol=0)
    grown = insertion(score, picture, nothing, weights, 0, steps=cells)
    torch.testing.assert_close(grown, 1 - area, atol=1e-5, rtol=0)
    assert (deletion(score, picture, nothing, -weights, 0, steps=cells) > 0.5).all()


def test_the_area_begins_with_the_whole_picture_and_does_not_depend_on_the_steps():
    def score(pictures):
        return pictures.mean((1, 2, 3))

    picture, nothing = torch.ones(1, 1, 32, 32), torch.zeros(1, 1, 32, 32)
    for steps in (1, 2, 16):
        for measure in (deletion, insertion):
            assert measure(score, picture, nothing, torch.rand(1, 32, 32), 0, steps=steps) == pytest.approx(0.5)


def test_only_the_first_step_counts_where_one_cell_is_everything():
    def score(pictures):
        return pictures[:, 0, 0, 0]

    picture, nothing, maps = torch.ones(1, 1, 16, 16), torch.zeros(1, 1, 16, 16), torch.zeros(1, 16, 16)
    maps[0, 0, 0] = 1
    assert deletion(score, picture, nothing, maps, 0, steps=16) == pytest.approx(1 / 32)
    assert insertion(score, picture, nothing, maps, 0, steps=16) == pytest.approx(31 / 32)


def test_equal_cells_are_removed_in_random_order():
    maps = torch.zeros(2, 16, 16)
    ranks = removal_ranks(maps, 0)
    assert not torch.equal(ranks[0], ranks[1])
    assert torch.equal(ranks, removal_ranks(maps, 0))
    assert not torch.equal(ranks, removal_ranks(maps, 1))
    assert sorted(ranks[0].flatten().tolist()) == list(range(256))


def test_fills_keep_the_shape_and_lose_the_detail():
    pictures = torch.rand(2, 3, 33, 47)
    for fill in FILLS.values():
        assert fill(pictures).shape == pictures.shape
        assert fill(pictures).std() < pictures.std() / 2
    torch.testing.assert_close(FILLS["mean"](pictures)[:, :, 0, 0], pictures.mean((2, 3)))


# --- places ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def region():
    found = torch.zeros(1, 20, 30, dtype=torch.bool)
    found[0, 4:8, 6:12] = True
    return found


def test_pointing(region):
    inside, beside, far = (torch.zeros(1, 20, 30) for _ in range(3))
    inside[0, 5, 7], beside[0, 2, 7], far[0, 15, 20] = 1, 1, 1
    assert [float(pointing(maps, region)) for maps in (inside, beside, far)] == [1, 1, 0]
    assert float(pointing(inside + far, region)) == 0.5
    constant = torch.ones(1, 20, 30)
    assert float(pointing(constant, region)) == pytest.approx(8 * 10 / 600)
    assert pointing(constant, torch.zeros_like(region)).isnan().all()


def test_excess_mass(region):
    assert float(excess_mass(region.float(), region)) == 1
    assert float(excess_mass(torch.ones(1, 20, 30), region)) == pytest.approx(0)
    assert float(excess_mass(-region.float(), region)) == 0  # nothing positive: nothing was said
    outside = (~region).float()
    assert float(excess_mass(outside, region)) == pytest.approx(-24 / 576)
    assert float(excess_mass(region.float() - 5 * outside, region)) == 1  # what is negative is no evidence
    for empty in (torch.zeros_like(region), torch.ones_like(region)):
        assert excess_mass(torch.rand(1, 20, 30), empty).isnan().all()


@pytest.fixture
def parts():
    """Four parts of very different sizes, far from each other, and how much each matters."""
    found = torch.zeros(1, 4, 40, 40, dtype=torch.bool)
    found[0, 0, 2:4, 2:4] = True
    found[0, 1, 2:16, 20:38] = True
    found[0, 2, 24:28, 4:8] = True
    found[0, 3, 22:36, 20:36] = True
    return found, torch.tensor([[4.0, 3.0, 2.0, 1.0]])


def test_part_agreement(parts):
    where, falls = parts
    for by_area in (True, False):
        density = (where * falls[..., None, None]).sum(1)
        if not by_area:
            density = (where * (falls / where.sum((2, 3)))[..., None, None]).sum(1)
        assert float(part_agreement(density, where, falls, by_area=by_area)) == pytest.approx(1)
        assert float(part_agreement(-density, where, falls, by_area=by_area)) == pytest.approx(-1)


def test_a_part_that_cannot_be_seen_is_left_out(parts):
    where, falls = parts
    where[0, 0] = False
    falls[0, 0] = 100
    density = (where * falls[..., None, None]).sum(1)
    assert float(part_agreement(density, where, falls, by_area=True)) == pytest.approx(1)
    where[0, 1] = False  # two are left
    assert part_agreement(density, where, falls, by_area=True).isnan().all()


def test_without_the_area_noise_looks_good_where_large_parts_matter(parts):
    where, _ = parts
    where, falls = where.expand(200, -1, -1, -1), where.sum((2, 3)).float().expand(200, -1)
    noise = torch.rand(200, 40, 40, generator=torch.Generator().manual_seed(0))
    assert mean_of(part_agreement(noise, where, falls, by_area=False)) > 0.95
    assert abs(mean_of(part_agreement(noise, where, falls, by_area=True))) < 0.15


# --- sanity ----------------------------------------------------------------------------------------------------------


def test_similarity_keeps_signs():
    maps = torch.randn(2, 8, 9)
    torch.testing.assert_close(similarity(maps, 3 * maps + 1), torch.ones(2, dtype=torch.double))
    torch.testing.assert_close(similarity(maps, -maps), -torch.ones(2, dtype=torch.double))
    assert similarity(maps, torch.zeros_like(maps)).isnan().all()
    one, other = torch.randn(2, 50, 40, 40, generator=torch.Generator().manual_seed(0))
    assert abs(mean_of(similarity(one, other))) < 0.02


def test_spearman_of_too_few():
    assert math.isnan(spearman(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0])))


def always(pictures):
    return torch.zeros(len(pictures), dtype=torch.long)


def test_max_sensitivity():
    pictures = 0.5 * torch.ones(3, 1, 8, 8)

    def steady(shown, draw):
        return torch.ones(len(shown), 8, 8)

    def doubling(shown, draw):
        return (1.0 + (draw == 2)) * torch.ones(len(shown), 8, 8)

    def linear(shown, draw):
        return shown[:, 0]

    assert max_sensitivity(steady, always, pictures, 0).tolist() == [0, 0, 0]
    assert max_sensitivity(doubling, always, pictures, 0).tolist() == [1, 1, 1]
    found = max_sensitivity(linear, always, pictures, 0)
    assert ((found > 0) & (found <= 0.04)).all()


def test_draws_that_change_the_class_are_ignored():
    pictures = 0.5 * torch.ones(2, 1, 8, 8)

    def explain(shown, draw):
        return (1.0 + draw) * torch.ones(len(shown), 8, 8)

    def first_flips(shown):
        flipped = (shown != 0.5).flatten(1).any(1)
        return torch.stack([flipped[0], flipped[1] & False])

    found = max_sensitivity(explain, first_flips, pictures, 0, draws=3)
    assert found[0].isnan()
    assert found[1] == 3


def test_summing_up():
    values = torch.tensor([1.0, math.nan, 3.0])
    assert mean_of(values) == 2
    assert margin(values) == pytest.approx(1.959964 * math.sqrt(2) / math.sqrt(2))
    assert math.isnan(margin(torch.tensor([1.0, math.nan])))
    assert math.isnan(mean_of(torch.tensor([math.nan])))

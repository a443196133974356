"""What counterfactuals and maps are measured by has the right answer where it is known."""

from __future__ import annotations

import math

import pytest
import torch

from xai_widgets.scores.counterfactual_measures import (
    MOST_DB,
    chance_iou,
    dilated,
    matched_iou,
    pearson,
    psnr,
    psnr_gain,
    share_inside,
    smoothed,
)


def region(*pixels, side=(5, 7)):
    found = torch.zeros(1, *side, dtype=torch.bool)
    for row, column in pixels:
        found[0, row, column] = True
    return found


def test_psnr_of_a_constant_error():
    dark = torch.zeros(2, 3, 4, 5)
    bright = dark + torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)
    torch.testing.assert_close(psnr(bright, dark), torch.tensor([20.0, 40.0]))
    assert psnr(dark, dark).tolist() == [MOST_DB] * 2


def test_gain_over_the_input():
    truth = torch.zeros(1, 1, 4, 4)
    assert psnr_gain(truth + 0.1, truth + 0.01, truth).item() == pytest.approx(20, abs=1e-3)
    assert psnr_gain(truth + 0.1, truth + 0.1, truth).item() == 0
    assert math.isnan(psnr_gain(truth, truth + 0.1, truth))  # nothing was to be changed


@pytest.mark.parametrize(("pixel", "share"), [((1, 1), 0.2), ((2, 2), 0.8), ((0, 0), 0.0)])
def test_share_of_the_squared_change(pixel, share):
    before, change = torch.rand(1, 3, 5, 7), torch.zeros(1, 3, 5, 7)
    change[0, :, 1, 1], change[0, :, 2, 2] = 0.1, -0.2
    assert share_inside(before, before + change, region(pixel)).item() == pytest.approx(share, abs=1e-5)
    assert math.isnan(share_inside(before, before, region(pixel)))  # of no change


def test_dilation_by_two_pixels_and_at_the_edge():
    assert dilated(region((2, 3))).sum() == 25
    assert dilated(region((0, 0))).sum() == 9
    assert not dilated(region()).any()


def test_smoothing_counts_only_what_is_there():
    constant = torch.full((2, 3, 4), 0.7)
    torch.testing.assert_close(smoothed(constant), constant)
    spot = region((2, 3)).float()
    assert smoothed(spot)[0, 1, 2] == pytest.approx(1 / 9)
    assert smoothed(region((0, 0)).float())[0, 0, 0] == pytest.approx(1 / 4)


def test_iou_of_the_region_itself_is_1_and_of_its_opposite_0():
    where = region((0, 0), (2, 3), (4, 6))
    assert matched_iou(where.float(), where).tolist() == [1.0]
    assert matched_iou(-where.float(), where).tolist() == [0.0]
    assert math.isnan(matched_iou(where.float(), region()))


def test_iou_is_matched_by_area():
    where = region((0, 0), (0, 1))
    values = torch.zeros(1, 5, 7)
    values[0, 0, 1], values[0, 3, 3], values[0, 0, 0] = 3, 2, 1  # one hit among the two highest
    assert matched_iou(values, where).item() == pytest.approx(1 / 3)


def test_random_maps_have_about_the_iou_of_chance():
    where = torch.zeros(1, 40, 40, dtype=torch.bool)
    where[:, :20] = True
    assert chance_iou(where).item() == pytest.approx(1 / 3)
    found = matched_iou(torch.rand(200, 40, 40), where.expand(200, -1, -1))
    assert found.mean().item() == pytest.approx(1 / 3, abs=0.01)


def test_correlation():
    series = torch.tensor([0.1, 0.5, 0.3])
    assert pearson(series, 2 * series + 1) == pytest.approx(1)
    assert pearson(series, -series) == pytest.approx(-1)
    assert math.isnan(pearson(series, torch.ones(3)))

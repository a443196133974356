"""Bits and shares are exact where the answer is known."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.methods.cladec.information import (
    ASPECTS,
    FLOOR,
    aspects_kept,
    bits,
    blur,
    correlation_kept,
    smoothed_error,
    variance_kept,
)


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


# --- bits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("divided_by", "kept"), [(1, 0), (4, 1), (16, 2), (64, 3)])
def test_a_bit_is_a_quarter_of_the_error(divided_by, kept):
    baseline = torch.tensor([0.04, 1.0])
    error = (baseline + FLOOR) / divided_by - FLOOR
    assert torch.allclose(bits(error, baseline), torch.full((2,), float(kept)), atol=1e-5)
    assert torch.allclose(bits(baseline / divided_by, baseline), torch.full((2,), float(kept)), atol=0.02)


def test_bits_are_finite_and_below_zero_for_worse():
    nothing = torch.zeros(1)
    assert bits(nothing, nothing) == 0
    assert bits(nothing, torch.ones(1)) == pytest.approx(8, abs=0.01)  # all of an 8-bit picture
    assert bits(torch.ones(1), nothing) < 0
    assert bits(torch.tensor(0.04), torch.tensor(0.01)) == pytest.approx(-1, abs=0.01)


# --- error maps --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (1, 1, 33, 47), (2, 3, 64, 32), (1, 1, 2, 2)])
def test_the_smoothed_error_of_a_constant_error_is_that_error(shape):
    pictures = noise(*shape) * 0.5
    error = smoothed_error(pictures, pictures + 0.1)
    assert error.shape == (shape[0], *shape[2:])
    assert torch.allclose(error, torch.full_like(error, 0.01), atol=1e-6)


def test_colours_are_averaged():
    error = smoothed_error(torch.zeros(1, 3, 8, 8), torch.tensor([0.3, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 8, 8))
    assert torch.allclose(error, torch.full((1, 8, 8), 0.03))


@pytest.mark.parametrize("side", [8, 33, 224])
def test_smoothing_moves_the_error_and_loses_none(side):
    rebuilt = torch.zeros(1, 1, side, side)
    rebuilt[..., side // 2, side // 2] = 1
    error = smoothed_error(torch.zeros_like(rebuilt), rebuilt)[0]
    assert error.sum() == pytest.approx(1, abs=1e-4)
    assert error.argmax() == side // 2 * side + side // 2


@pytest.mark.parametrize(("side", "sigma"), [(2, 5.0), (3, 0.0), (8, 0.25), (8, 100.0), (33, 1.03)])
def test_a_blur_of_any_width_fits_any_side(side, sigma):
    flat = torch.full((1, 2, side, side), 0.7)
    assert torch.allclose(blur(flat, sigma), flat)


# --- shares ------------------------------------------------------------------------------------------------------


def test_variance_kept():
    pictures = noise(6, 3, 8, 8)
    mean = pictures.mean(0).expand_as(pictures)
    assert variance_kept(pictures, pictures) == 1
    assert variance_kept(pictures, mean) == pytest.approx(0, abs=1e-6)
    assert variance_kept(pictures, (pictures + mean) / 2) == pytest.approx(0.75, abs=1e-5)
    assert variance_kept(pictures, 1 - pictures) < 0
    flat = torch.full((4, 1, 8, 8), 0.5)
    assert variance_kept(flat, flat) == 1
    assert variance_kept(flat, flat + 0.5) == pytest.approx(1 - 0.25 / FLOOR)
    assert variance_kept(flat[:1], flat[:1]) == 1


@pytest.mark.parametrize("shape", [(5, 3, 8, 8), (5, 3, 33, 47), (5, 1, 8, 8)])
def test_perfect_pictures_keep_every_aspect(shape):
    pictures = noise(*shape) * noise(*shape[:2], 1, shape[3], seed=1)
    kept = aspects_kept(pictures, pictures)
    assert list(kept) == [name for name in ASPECTS if name != "colour" or shape[1] == 3]
    assert list(kept.values()) == pytest.approx([1] * len(kept), abs=1e-4)


def test_the_mean_picture_keeps_no_aspect():
    pictures = noise(40, 3, 16, 16) * noise(40, 3, 1, 1, seed=1)
    kept = aspects_kept(pictures, pictures.mean(0).expand_as(pictures))
    assert list(kept.values()) == pytest.approx([0] * 6, abs=1e-4)


def test_grey_pictures_have_no_colour_and_grey_ones_of_coloured_have_lost_it():
    pictures = noise(20, 3, 16, 16)
    assert "colour" not in aspects_kept(pictures[:, :1], pictures[:, :1])
    kept = aspects_kept(pictures, pictures.mean(1, keepdim=True).expand_as(pictures))
    assert kept.pop("colour") == pytest.approx(0, abs=0.1)
    assert list(kept.values()) == pytest.approx([1] * 5, abs=1e-4)


def test_less_contrast_or_random_brightness_loses_nothing_else():
    pictures = noise(100, 3, 16, 16) * 0.5
    kept = aspects_kept(pictures, pictures + 0.3 * noise(100, 1, 1, 1, seed=1))
    assert kept.pop("luminance") < 0.1
    assert list(kept.values()) == pytest.approx([1] * 5, abs=1e-3)
    pictures = noise(20, 3, 16, 16) * noise(20, 1, 1, 1, seed=1)
    assert aspects_kept(pictures, 0.3 + 0.1 * pictures)["contrast"] == pytest.approx(1, abs=1e-4)


def spots(places, side=32):
    pictures = torch.zeros(len(places), 1, side, side)
    for picture, (row, column) in zip(pictures, places, strict=True):
        picture[:, row : row + 4, column : column + 4] = 1
    return pictures


def test_spots_elsewhere_have_lost_their_position():
    here = spots([(2, 2), (2, 26), (26, 2), (26, 26)])
    assert aspects_kept(here, here)["position"] == pytest.approx(1, abs=1e-5)
    swapped = aspects_kept(here, spots([(2, 2), (26, 2), (2, 26), (26, 26)]))
    assert swapped["position"] == pytest.approx(0, abs=1e-4)  # the column tells the row, and the row the column
    mirrored = aspects_kept(here, spots([(26, 26), (26, 2), (2, 26), (2, 2)]))
    assert mirrored["position"] == 0  # a negative correlation
    assert swapped["shape"] < 0.5
    here = spots([(2, 2), (2, 26), (26, 2), (26, 26)])
    kept = aspects_kept(here, spots([(2, 2), (2, 2), (2, 26), (2, 26)]))
    assert kept["position"] == pytest.approx(0, abs=1e-4)
    here = spots([(2, 2), (2, 26), (2, 12)])
    there = spots([(2, 2), (26, 26), (12, 12)])  # wrong in what is not asked
    assert aspects_kept(here, there)["position"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("pictures", [torch.zeros(4, 3, 8, 8), noise(1, 3, 8, 8), noise(1, 3, 8, 8).expand(5, 3, 8, 8)])
def test_what_does_not_vary_is_left_out(pictures):
    assert aspects_kept(pictures, noise(*pictures.shape, seed=1)) == {}


def test_what_does_not_vary_is_left_out_and_divides_by_nothing():
    found = set(aspects_kept(spots([(2, 2), (20, 20)]), spots([(2, 2), (20, 20)])))
    assert {"position", "shape", "texture"} <= found
    assert found.isdisjoint({"luminance", "contrast", "colour"})
    black = torch.zeros(4, 3, 8, 8)
    for first, second in ((black, black), (black, noise(4, 3, 8, 8)), (noise(4, 3, 8, 8), black)):
        assert all(torch.isfinite(torch.tensor(list(aspects_kept(first, second).values()))))
    assert all(torch.isfinite(torch.tensor(list(aspects_kept(noise(1, 3, 8, 8), noise(1, 3, 8, 8)).values()))))


@pytest.mark.parametrize(("factor", "kept"), [(1, 1), (0.2, 1), (0, 0), (-1, 0)])
def test_correlation_does_not_mind_the_scale(factor, kept):
    numbers = noise(9, 2)
    assert correlation_kept(numbers, factor * numbers + 3) == pytest.approx(kept, abs=1e-5)

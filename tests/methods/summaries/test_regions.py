"""Regions: connected pieces, split where parts touch, and what each does alone."""

from __future__ import annotations

from dataclasses import replace
from math import exp, inf, log

import numpy as np
import pytest
import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.summaries.masks import CrispMasks, components, crisp
from xai_widgets.methods.summaries.regions import regions, split
from xai_widgets.probabilities import SOFTMAX


def drawn(*boxes, sides=(24, 30)):
    mask = np.zeros(sides, dtype=bool)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


def assert_partition(pieces, mask):
    assert np.array_equal(np.sum(pieces, 0, dtype=int), mask.astype(int))


def test_components_touch_over_corners_and_come_largest_first():
    found = components(drawn((0, 0, 2, 2), (2, 2, 4, 4), (10, 10, 20, 20)))
    assert [int(one.sum()) for one in found] == [100, 8]
    assert components(drawn()) == []


def test_crisp_masks_have_no_small_components_but_keep_the_largest():
    soft = torch.stack([torch.from_numpy(drawn((0, 0, 6, 6), (10, 10, 12, 12))), torch.from_numpy(drawn((3, 3, 4, 4)))])
    kept = crisp(soft.float() * 0.9, 0.01)
    assert kept.sum((1, 2)).tolist() == [36, 1]
    assert crisp(soft.float() * 0.9, 0.0).sum((1, 2)).tolist() == [40, 1]
    assert not crisp(soft.float() * 0.5, 0.0).any()


def test_squares_joined_by_a_bridge_are_regions():
    mask = drawn((4, 2, 14, 12), (8, 12, 10, 15), (4, 15, 14, 25))
    pieces = split(mask)
    assert len(pieces) == 2
    assert_partition(pieces, mask)
    assert all(piece[4:14, 2:12].all() or piece[4:14, 15:25].all() for piece in pieces)
    assert len(split(mask, inf)) == 1
    three = drawn((4, 1, 12, 9), (7, 9, 9, 11), (4, 11, 12, 19), (7, 19, 9, 21), (4, 21, 12, 29))
    assert len(split(three)) == 3
    assert_partition(split(three), three)


@pytest.mark.parametrize(
    "boxes", [((3, 3, 10, 10),), ((0, 0, 24, 30),), ((5, 2, 7, 28),), ((2, 2, 20, 6), (16, 2, 20, 20)), ((3, 3, 4, 4),)]
)
def test_what_has_no_neck_stays_whole(boxes):
    mask = drawn(*boxes)
    pieces = split(mask)
    assert len(pieces) == 1
    assert_partition(pieces, mask)


@pytest.mark.parametrize("seed", range(5))
def test_pieces_of_any_mask_make_it_up(seed):
    noise = np.random.default_rng(seed).random((33, 47)) < 0.6
    assert_partition(split(noise), noise)


def test_each_region_is_asked_about_alone(looking, seen):
    study = looking(squares=((slice(4, 12), slice(6, 14)), (slice(16, 24), slice(14, 22))))
    found = CrispMasks(study).find(study.test[0][0])
    first, second = regions(study, found)
    assert {bool(region.pixels[seen["first"]].any()) for region in (first, second)} == {True, False}
    for region in (first, second):
        assert region.kept > 0.8  # either square is enough,
        assert region.drop < 0.2  # so that neither is needed
        assert region.picture == region.mask == 0
    assert first.area >= second.area
    assert torch.equal(first.pixels | second.pixels, found.masks[0, 0])
    assert regions(study, found, smallest=0.5) == ()


def test_numbers_of_a_region_by_hand(looking):
    study = looking()
    found = CrispMasks(study).find(study.test[0][0])
    pixels = torch.zeros_like(found.masks)
    pixels[0, 0, 4:12, 6:14] = True
    (region,) = regions(study, replace(found, masks=pixels))
    assert region.area == pytest.approx(64 / 784)
    assert region.centre == (pytest.approx(8 / 28), pytest.approx(10 / 28))
    assert region.box == (4, 6, 12, 14)
    x, r = found.pictures.clone(), found.baselines.clone()
    x[..., 4:12, 6:14], r[..., 4:12, 6:14] = found.baselines[..., 4:12, 6:14], found.pictures[..., 4:12, 6:14]
    assert region.removed == pytest.approx(float(study.predict(x)[0, 1]), abs=1e-6)
    assert region.kept == pytest.approx(float(study.predict(r)[0, 1]), abs=1e-6)
    assert region.drop == pytest.approx(1 - region.removed / region.before)
    assert region.drop_per_pixel == pytest.approx(region.drop / 64)
    odds = [log(p / (1 - p)) for p in (float(study.predict(found.pictures)[0, 1]), region.removed)]
    assert region.evidence == pytest.approx(odds[0] - odds[1], abs=1e-4)


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 33, 47)])
def test_the_evidence_of_a_region_is_what_it_adds_to_the_log_odds(parts, planted, shape):
    study = parts(shape=shape, weights=(60.0, 3.0, 0.0))
    found = regions(study, planted(study).find(study.train.pictures, torch.ones(12, dtype=torch.long)))
    assert len(found) == 36
    for region in found:
        kind = int(shape[2] * region.centre[1] // 10)
        assert region.before == 1
        assert region.evidence == pytest.approx((60, 3, 0)[kind], abs=1e-3)
        assert region.drop == pytest.approx((1 / (1 + exp(2)), 0, 0)[kind], abs=1e-3)


def test_log_odds_by_hand():
    logits, classes = torch.randn(5, 4, dtype=torch.float64), torch.tensor([3, 0, 1, 1, 2])
    chances = logits.softmax(1)
    for row, own in enumerate(classes.tolist()):
        others = 1 - float(chances[row, own])
        assert float(SOFTMAX.log_odds(logits, classes)[row]) == pytest.approx(log(float(chances[row, own]) / others))


def test_log_odds_are_finite_where_probabilities_are_0_and_1():
    logits = torch.tensor([[200.0, 0.0, 0.0], [200.0, 0.0, 0.0], [-300.0, 0.0, 100.0]])
    wanted = [200 - log(2), -200, -400]
    assert SOFTMAX.log_odds(logits, torch.tensor([0, 1, 0])).tolist() == pytest.approx(wanted)
    assert SOFTMAX.log_odds(logits[:, :2], torch.tensor([0, 0, 1])).tolist() == [200, 200, 300]


def test_settings_outside_their_range_and_masks_of_another_classifier_are_refused(looking, new_study):
    study = looking()
    found = CrispMasks(study).find(study.test[0][0])
    for wrong in ({"smallest": 1.0}, {"neck": 0.5}, {"neck": float("nan")}):
        with pytest.raises(XaiWidgetsError, match="smallest is"):
            regions(study, found, **wrong)
    with pytest.raises(XaiWidgetsError, match="belong to another classifier than Study"):
        regions(new_study(), found)

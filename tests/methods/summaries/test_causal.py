"""The causal test: exact answers of classifiers whose evidence adds up, and controls that hide nothing."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch

from xai_widgets.methods.summaries import causal
from xai_widgets.methods.summaries.causal import apart, effects, elsewhere, interval


def asked(study, planted, count=6):
    """Masks of some pictures, and the pixels of each of their parts (n, 3, H, W)."""
    masks = planted(study).find(study.train.pictures[:count], torch.ones(count, dtype=torch.long))
    columns = torch.arange(masks.masks.shape[3]) // 10
    return masks, torch.stack([masks.masks[:, 0] & (columns == kind) for kind in range(3)], 1)


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


@pytest.mark.parametrize("shape", [(3, 28, 28), (1, 33, 47)])
def test_evidence_is_the_weight_of_what_is_removed(parts, planted, shape):
    masks, pixels = asked(parts(shape=shape), planted)
    pictures = torch.tensor([5, 0, 3])
    for kind, weight in enumerate((3.0, 2.0, 0.0)):
        found = effects(parts(shape=shape), masks, pictures, pixels[pictures, kind])
        assert found.evidence == pytest.approx([weight] * 3, abs=1e-4)
        assert found.drop == pytest.approx([1 - sigmoid(4 - weight) / sigmoid(4)] * 3, abs=1e-4)
    nothing = effects(parts(shape=shape), masks, pictures, torch.zeros_like(pixels[pictures, 0]))
    assert (*nothing.evidence, *nothing.drop) == pytest.approx([0] * 6, abs=1e-5)


def test_evidence_does_not_saturate_where_the_probability_does(parts, planted):
    study = parts(weights=(60.0, 3.0, 0.0))
    masks, pixels = asked(study, planted)
    found = effects(study, masks, torch.arange(6), pixels[:, 1])
    assert found.drop.tolist() == [0] * 6
    assert found.evidence == pytest.approx([3.0] * 6, abs=1e-3)


def test_effects_by_hand(net, new_study, squares, looking):
    """Pictures, masks and a network of chance: one picture at a time, with the odds of probabilities."""
    from xai_widgets.methods.summaries.dual import DualSettings
    from xai_widgets.methods.summaries.masks import CrispMasks

    study = new_study(pictures=squares(shape=(3, 33, 47)))
    masks = CrispMasks(study, settings=DualSettings(steps=2, cooling=2)).find(study.load(study.test, range(4))[0])
    rows, pixels = torch.tensor([2, 0]), torch.zeros(2, 33, 47, dtype=torch.bool)
    pixels[0, 3:20, 5:30] = pixels[1, 10:33, 0:47] = True
    found = effects(study, masks, rows, pixels, seed=4)
    controls = elsewhere(pixels, masks.masks[rows, 0], 4)
    for row, index in enumerate(rows.tolist()):
        own = int(masks.class_index[index])

        def score(gone, index=index, own=own):
            changed = torch.where(gone, masks.baselines[index], masks.pictures[index])
            return float(study.predict(changed)[0, own])

        left, control, before = score(pixels[row]), score(controls[row]), float(masks.before[index])
        assert found.drop[row] == pytest.approx((before - left) / before, abs=1e-5)
        odds = [log(p / (1 - p)) for p in (control, left)]
        assert found.evidence[row] == pytest.approx(odds[0] - odds[1], abs=1e-4)


def test_controls_have_the_same_shape_elsewhere(parts, planted):
    masks, pixels = asked(parts(shape=(1, 33, 47)), planted)
    found = elsewhere(pixels[:, 0], masks.masks[:, 0], seed=0)
    for control, shape in zip(found, pixels[:, 0], strict=True):
        shifts = [(down, right) for down in range(1, 33) for right in range(1, 47)]
        assert any(torch.equal(control, torch.roll(shape, shift, (0, 1))) for shift in shifts)
    assert not (found & masks.masks[:, 0]).any()


def test_controls_leave_out_what_is_to_be_avoided():
    shape, avoided = torch.zeros(2, 20, 22, dtype=torch.bool), torch.zeros(2, 20, 22, dtype=torch.bool)
    shape[:, 4:10, 4:10] = True
    avoided[0], avoided[1, :, 12:] = True, True
    nowhere, beside = elsewhere(shape, avoided, seed=0)
    assert not nowhere.any()
    assert not (beside & avoided[1]).any()
    assert 0 < beside.sum() <= 36
    assert torch.equal(elsewhere(shape, avoided, seed=0)[1], beside)


def test_the_control_is_the_one_of_all_tries_with_the_least_evidence_below_it(monkeypatch):
    shape, avoided = torch.zeros(1, 20, 22, dtype=torch.bool), torch.rand(1, 20, 22) < 0.5
    shape[:, 4:10, 4:10] = True
    dice = np.random.default_rng(7)
    downs, rights = dice.integers(1, 20, causal.TRIES), dice.integers(1, 22, causal.TRIES)
    moved = [shape[0].roll((int(d), int(r)), (0, 1)) & ~avoided[0] for d, r in zip(downs, rights, strict=True)]
    assert int(elsewhere(shape, avoided, 7).sum()) == max(int(one.sum()) for one in moved)


def test_controls_of_photos_have_the_full_shape_and_cover_little_of_the_region():
    shape = torch.zeros(3, 100, 120, dtype=torch.bool)
    shape[:, 30:60, 20:90], shape[1, 30:35, 20:30], shape[2] = True, False, True
    dice = np.random.default_rng(0)
    for _ in range(20):
        found = apart(shape, dice)
        assert found.sum((1, 2)).tolist() == shape.sum((1, 2)).tolist()
        covered = ((found & shape).sum((1, 2)) / shape.sum((1, 2))).tolist()
        assert max(covered[:2]) <= causal.SHARED
        assert covered[2] == 1  # there is no other place


def test_a_part_of_a_photo_has_to_matter_more_than_an_average_place(looking_far):
    """The score is the mean of all pixels: no place matters more than others."""
    study, masks, pixels = looking_far
    found = effects(study, masks, torch.arange(6), pixels)
    assert found.drop.min() > 0
    assert found.evidence == pytest.approx([0] * 6, abs=1e-3)


@pytest.fixture
def looking_far():
    from xai_widgets.methods.summaries.dual import DualSettings
    from xai_widgets.methods.summaries.masks import CrispMasks
    from xai_widgets.study import Study

    flat = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 2))
    with torch.no_grad():
        flat[2].weight.copy_(torch.tensor([[-3.0] * 3, [3.0] * 3]))
    study = Study(flat, [(torch.full((3, 100, 100), 0.8), 1), (torch.zeros(3, 100, 100), 0)] * 3)
    pictures = torch.full((6, 3, 100, 100), 0.8)
    masks = CrispMasks(study, baselines=("other",), settings=DualSettings(steps=1, cooling=1)).find(pictures, 1)
    pixels = torch.zeros(6, 100, 100, dtype=torch.bool)
    pixels[:, 20:60, 30:70] = True
    return study, masks, pixels


def test_intervals_by_hand():
    values = np.random.default_rng(1).normal(2, 1, 30)
    mean, low, high = interval(values, seed=5)
    dice = np.random.default_rng(5).integers(0, 30, (causal.SAMPLES, 30))
    means = sorted(np.mean([values[index] for index in row]) for row in dice)
    assert mean == pytest.approx(np.mean(values))
    assert (low, high) == pytest.approx((np.quantile(means, 0.025), np.quantile(means, 0.975)))
    assert low < mean < high
    for count in (1, 7):
        assert interval(np.full(count, 0.25)) == (0.25, 0.25, 0.25)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    dice = np.random.default_rng(0)
    held = [low <= 0 <= high for _, low, high in (interval(dice.normal(size=30)) for _ in range(60))]
    assert 0.85 <= np.mean(held) <= 1

"""Local offset matching: against a slow twin, and what must hold for any regions."""

from __future__ import annotations

from itertools import product
from math import exp, hypot

import numpy as np
import pytest
import torch

from xai_widgets.errors import CancelledError, XaiWidgetsError
from xai_widgets.methods.summaries import paper_likeness as flow
from xai_widgets.methods.summaries.paper_likeness import Boxes, proposal_flow
from xai_widgets.methods.summaries.regions import Region
from xai_widgets.progress import Progress

from .conftest import where


@pytest.fixture(autouse=True)
def _few_background_boxes(monkeypatch):
    monkeypatch.setattr(flow, "BACKGROUND", 30)


def pictures(count=4, shape=(1, 33, 47), seed=0):
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed))


def region(picture, top, left, bottom, right, sides=(33, 47)):
    return Region(picture, 0, where((slice(top, bottom), slice(left, right)), sides=sides), 0.9, 0.1, 0.8, 1.0)


def some_regions():
    """Of four pictures: overlapping ones, lone ones, one at the edge, and some long ones."""
    boxes = [(0, 2, 3, 12, 15), (0, 8, 10, 20, 22), (0, 20, 30, 33, 47), (1, 4, 4, 15, 16), (1, 10, 8, 22, 24)]
    return [region(*box) for box in (*boxes, (2, 0, 0, 10, 9), (2, 5, 5, 9, 30), (3, 12, 12, 24, 20))]


def twin_middle(offsets):
    """Coordinate by coordinate, twenty times the mean with weights of one over the distance; from ones."""
    middle = [1.0, 1.0, 1.0]
    for _ in range(20):
        for axis in range(3):
            weights = [1 / max(abs(one[axis] - middle[axis]), 1e-9) for one in offsets]
            middle[axis] = sum(w * one[axis] for w, one in zip(weights, offsets, strict=True)) / sum(weights)
    return middle


def twin_scores(likeness, boxes, pictures_of, side):
    """Local offset matching, pair by pair."""
    count = len(boxes)

    def offset(i, j):
        (t, f, b, r), (t2, f2, b2, r2) = boxes[i], boxes[j]
        down, right = (t + b - t2 - b2) / 2 / side, (f + r - f2 - r2) / 2 / side
        return down, right, (b - t) * (r - f) / ((b2 - t2) * (r2 - f2))

    def overlap(i, k):
        (t, f, b, r), (t2, f2, b2, r2) = boxes[i], boxes[k]
        return min(b, b2) > max(t, t2) and min(r, r2) > max(f, f2)

    scores = np.zeros((count, count))
    for i, j in product(range(count), repeat=2):
        own, other = ([n for n in range(count) if pictures_of[n] == pictures_of[p]] for p in (i, j))
        partner = {k: max(other, key=lambda n: likeness[k, n]) for k in own}
        best = {k: likeness[k, partner[k]] for k in own}
        near = [k for k in own if overlap(i, k)]
        if likeness[i, j] == 0:
            continue
        middle = twin_middle([offset(k, partner[k]) for k in near if best[k] > 0])
        away = [a - b for a, b in zip(offset(i, j), middle, strict=True)]
        place = exp(-11.2 * hypot(away[0], away[1]) - 0.3 * abs(away[2]))
        scores[i, j] = likeness[i, j] * place * sum(best[k] for k in near) / sum(best.values())
    return scores


def twin_likeness(values, usual, boxes, pictures_of):
    """The whitened product by the inverse covariance itself."""
    from sklearn.covariance import ledoit_wolf

    covariance = ledoit_wolf(usual)[0]
    inverse = np.linalg.inv(covariance + (1e-6 * np.trace(covariance) / len(covariance) + 1e-9) * np.eye(len(usual.T)))
    centred = values - usual.mean(0)
    found = np.zeros((len(values), len(values)))
    for i, j in product(range(len(values)), repeat=2):
        aspects = [(b - t) / (r - f) for t, f, b, r in (boxes[i], boxes[j])]
        alike = max(aspects) / min(aspects) < 2 and pictures_of[i] != pictures_of[j]
        found[i, j] = max(0.0, centred[i] @ inverse @ centred[j]) if alike else 0.0
    return found


def twin_histograms(crop):
    """Each inner cell, each block of 2 x 2 cells that holds it, cell by cell."""
    from skimage.feature import hog

    raw = hog(crop, 9, (8, 8), (2, 2), "L2-Hys", feature_vector=False, channel_axis=0)
    out = np.zeros((8, 8, 13))
    for row, column in product(range(8), repeat=2):
        cell = (row + 1, column + 1)
        blocks = [(r, c) for r in (cell[0] - 1, cell[0]) for c in (cell[1] - 1, cell[1])]
        views = [raw[r, c, cell[0] - r, cell[1] - c] for r, c in blocks]
        out[row, column, :9] = np.mean(views, 0)
        textures = {block: view.mean() for block, view in zip(blocks, views, strict=True)}
        out[row, column, 9:] = [textures[block] for block in sorted(blocks, reverse=True)]
    return out


def random_likeness(seed, owners, empty=0.3):
    random = np.random.default_rng(seed)
    values = random.random((len(owners), len(owners)))
    values = (values + values.T) * (random.random(values.shape) > empty)
    return values * (np.array(owners)[:, None] != np.array(owners))


@pytest.mark.parametrize("seed", range(4))
def test_local_offset_matching_is_the_slow_one(seed):
    regions = some_regions()
    boxes, owners = Boxes.around(regions), [one.picture for one in regions]
    likeness = random_likeness(seed, owners)
    expected = twin_scores(likeness, [one.box for one in regions], owners, 33)
    found = flow.matched(torch.from_numpy(likeness), boxes, 33)
    assert expected.max() > 0
    assert np.allclose(found.numpy(), expected, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("channels", [1, 3])
def test_appearance_is_the_product_by_the_inverse_covariance(channels):
    given, regions = pictures(shape=(channels, 33, 47)), some_regions()
    boxes = Boxes.around(regions)
    usual = flow.described(given, Boxes.at_random(boxes, given, 30, 0), Progress())
    values = flow.described(given, boxes, Progress())
    expected = twin_likeness(values, usual, [one.box for one in regions], [one.picture for one in regions])
    assert (expected > 0).any()
    assert np.allclose(flow.appearance(given, boxes, 0).numpy(), expected, rtol=1e-4, atol=1e-6 * expected.max())


def test_histograms_are_those_of_the_inner_cells():
    crop = pictures(1, (3, 80, 80))[0].numpy()
    assert np.allclose(flow.histograms(crop), twin_histograms(crop), atol=1e-6)


def test_a_crop_is_the_box_and_one_cell_around_it_and_goes_on_beyond_the_edges():
    ramp = (torch.arange(160.0)[:, None] + torch.arange(160.0) / 10)[None, None] / 200
    inside = Boxes(torch.tensor([0]), torch.tensor([[48.0, 40.0, 112.0, 104.0]]).double())
    # 64 pixels are 8 cells of 8, so that a pixel is a pixel.
    assert torch.allclose(flow.cut_out(ramp, inside)[0].float(), ramp[0, :, 40:120, 32:112], atol=1e-5)
    picture = torch.zeros(1, 1, 64, 64)
    picture[..., :8] = 1.0
    whole = Boxes(torch.tensor([0]), torch.tensor([[0.0, 0.0, 64.0, 64.0]]).double())
    crop = flow.cut_out(picture, whole)[0, 0].float()
    assert torch.allclose(crop[:, :16], torch.ones(80, 16))
    assert torch.allclose(crop[:, 17:], torch.zeros(80, 63))


def test_similarity_is_symmetric_and_between_0_and_1(made_masks):
    regions = some_regions()
    found = proposal_flow(made_masks(pictures()), regions)
    owners = torch.tensor([one.picture for one in regions])
    assert torch.equal(found, found.T)
    assert torch.equal(found.diag(), torch.ones(len(regions)))
    different = owners[:, None] != owners
    assert float(found[different].max()) == pytest.approx(1.0)
    assert float(found[different].min()) >= 0
    assert not found[~different & ~torch.eye(len(regions), dtype=torch.bool)].any()


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_regions_does_not_matter(made_masks, seed):
    regions, masks = some_regions(), made_masks(pictures())
    order = torch.randperm(len(regions), generator=torch.Generator().manual_seed(seed))
    found = proposal_flow(masks, regions, seed=seed)
    again = proposal_flow(masks, [regions[place] for place in order], seed=seed)
    assert torch.allclose(again, found[order][:, order], atol=1e-6)
    assert not torch.equal(found, proposal_flow(masks, regions, seed=seed + 1))


def test_the_same_shape_in_other_pictures_is_the_most_alike(made_masks):
    given = 0.1 * pictures(3, (3, 48, 48))
    cross = torch.zeros(16, 16)
    cross[6:10], cross[:, 6:10] = 1.0, 1.0
    disc = ((torch.arange(16) - 7.5)[:, None] ** 2 + (torch.arange(16) - 7.5) ** 2 < 50).float()
    for picture in given:
        picture[:, 4:20, 4:20] += 0.8 * cross
        picture[:, 24:40, 26:42] += 0.8 * disc
    boxes = [(4, 4, 20, 20), (24, 26, 40, 42)]
    regions = [region(picture, *box, sides=(48, 48)) for picture in range(3) for box in boxes]
    found = proposal_flow(made_masks(given), regions)
    kind = torch.arange(6) % 2
    other_picture = (torch.arange(6) // 2)[:, None] != torch.arange(6) // 2
    same = found[other_picture & (kind[:, None] == kind)]
    assert same.min() > 3 * found[kind[:, None] != kind].max()


def test_one_region_and_none_and_pictures_of_one_colour_give_no_nan(made_masks):
    masks = made_masks(pictures(1))
    assert proposal_flow(masks, [region(0, 3, 3, 9, 9)]).tolist() == [[1.0]]
    assert proposal_flow(masks, []).shape == (0, 0)
    found = proposal_flow(made_masks(torch.full((4, 1, 33, 47), 0.5)), some_regions())
    assert torch.equal(found, torch.eye(len(found)))


def test_regions_of_other_masks_are_refused(made_masks):
    with pytest.raises(XaiWidgetsError, match="region 0 is of picture 7"):
        proposal_flow(made_masks(pictures()), [region(7, 3, 3, 9, 9)])
    with pytest.raises(XaiWidgetsError, match=r"sides \(20, 20\)"):
        proposal_flow(made_masks(pictures()), [region(0, 3, 3, 9, 9, sides=(20, 20))])


@pytest.mark.parametrize("task", ["histograms of gradients", "local offset matching"])
def test_it_can_be_cancelled(made_masks, cancelling, task):
    progress = cancelling(task, 2)
    with pytest.raises(CancelledError, match=task):
        proposal_flow(made_masks(pictures()), some_regions(), progress=progress)

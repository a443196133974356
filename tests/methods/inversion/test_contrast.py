"""The contrast with more probable classes, and pieces of a mask that are not needed: answers by construction."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from xai_widgets.methods.inversion import contrast as module
from xai_widgets.methods.inversion.contrast import contrast, rivals_of, within
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.pieces import MOST, pieces_of, without_needless
from xai_widgets.methods.inversion.targets import Targets

RED, GREEN, BLUE = range(3)


@pytest.fixture(scope="module")
def study(colours):
    return colours()


def test_rivals_are_the_more_probable_classes(monkeypatch):
    logits = torch.tensor([[3.0, 2.0, 1.0, 0.0], [0.0, 5.0, 1.0, 2.0]])
    assert rivals_of(logits, Targets(torch.tensor([2, 3]))).tolist() == [[0, 1], [1, -1]]
    assert rivals_of(logits, Targets(torch.tensor([0, 1]))).shape == (2, 0)
    monkeypatch.setattr(module, "RIVALS", 1)
    assert rivals_of(logits, Targets(torch.tensor([2, 3]))).tolist() == [[0], [1]]


def test_a_class_that_is_compared_already_and_a_score_of_ones_own_have_no_rivals():
    logits, classes = torch.tensor([[3.0, 2.0]]), torch.tensor([1])
    assert rivals_of(logits, Targets(classes, torch.tensor([0]))).shape == (1, 0)
    assert rivals_of(logits, Targets(classes, score=lambda given: given[:, 0] - 9)).shape == (1, 0)


def test_the_contrast_is_where_the_class_is_and_its_rival_is_not(study, shown, squares_of):
    with study.borrowed():
        found = contrast(study, shown(study, 2), Targets(torch.tensor([GREEN, RED])), ["maps"])
    where = F.interpolate(found, (28, 28))[:, 0]
    assert where[0].max() == 1
    assert (where[0][squares_of[GREEN]] > 0).all()
    assert not where[0][squares_of[RED]].any()
    assert (where[1] == 1).all()  # the most probable class has no rivals


def test_of_a_batch_each_picture_has_its_own_rivals(study, shown):
    pictures = shown(study, 3)
    with study.borrowed():
        together = contrast(study, pictures, Targets(torch.tensor([GREEN, RED, BLUE])), ["levels", "maps"])
        for row, colour in enumerate((GREEN, RED, BLUE)):
            alone = contrast(study, pictures[[row]], Targets(torch.tensor([colour])), ["levels", "maps"])
            torch.testing.assert_close(together[[row]], alone.expand_as(together[[row]]))


def test_masks_end_with_the_contrast():
    edge = within(torch.tensor([[[[0.0, 0.1, 0.25, 1.0]]]]), (1, 4))
    torch.testing.assert_close(edge, torch.tensor([[[[0.0, 0.4, 1.0, 1.0]]]]))


def test_the_mask_of_the_second_class_is_its_square_alone(study, shown, squares_of):
    settings = GuidedSettings(steps=10, contrast=True, grounded=True, tidy=True)
    found = GuidedFeatureInversion(study, "maps", settings=settings).explain(shown(study), GREEN)
    assert (found.mass(F.max_pool2d(squares_of[GREEN][None].float(), 3, 1, 1)[0] > 0) > 0.99).all()
    assert (found.masks[:, squares_of[GREEN]].mean(1) > 0.5).all()


# --- masks without what is not needed ---------------------------------------------------------------------------------


def spots(*places, side=12):
    mask = torch.zeros(1, 1, side, side)
    for number, (row, column) in enumerate(places):
        mask[..., row : row + 3, column : column + 3] = 1 - 0.1 * number
    return mask


def test_each_pixel_is_in_the_nearest_piece_the_greatest_first():
    pieces = pieces_of(spots((8, 8), (1, 1))[0, 0])
    assert pieces.shape == (MOST + 1, 12, 12)
    assert (pieces.sum(0) == 1).all()
    assert pieces[0, 9, 9]
    assert pieces[0, 11, 11]
    assert pieces[1, 0, 0]
    assert not pieces[2:].any()


def test_small_pieces_are_together_in_the_last_one():
    mask = spots(*((row, column) for row in (0, 4, 8) for column in (0, 4, 8)))[0, 0]
    pieces = pieces_of(mask)
    assert [int((one & (mask > 0)).sum()) for one in pieces] == [9] * MOST + [27]


def test_an_empty_mask_has_no_pieces():
    assert not pieces_of(torch.full((4, 4), 0.05)).any()


def test_only_what_the_picture_does_without_is_dropped():
    masks = torch.cat([spots((1, 1), (8, 8)), spots((1, 1)), spots((8, 8), (1, 1))])

    def losses(given):
        return -given[:, 0, 1:4, 1:4].mean((1, 2)) + 0.1 * given.mean((1, 2, 3))

    found = without_needless(masks, losses)
    torch.testing.assert_close(found[0], spots((1, 1))[0])
    torch.testing.assert_close(found[1], masks[1])
    torch.testing.assert_close(found[2], 0.9 * spots((1, 1))[0])


def test_pieces_of_which_one_is_needed_stay():
    masks = spots((1, 1), (8, 8))
    found = without_needless(masks, lambda given: -given.amax((1, 2, 3)).round())  # either is enough
    torch.testing.assert_close(found, masks)

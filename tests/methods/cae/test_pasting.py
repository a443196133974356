"""A change is pasted where there is one, and a picture without one comes back bit by bit."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.methods.cae.pasting import SEEN, UNSEEN, paste_mask, pasted


@pytest.mark.parametrize("shape", [(1, 1, 33, 47), (2, 3, 16, 16), (1, 3, 1, 1)])
def test_what_does_not_change_is_the_picture(shape):
    pictures, rebuilt = torch.rand(2, *shape)
    assert torch.equal(pasted(pictures, rebuilt, rebuilt), pictures)


def test_a_large_change_replaces_the_picture_and_leaves_no_ghost():
    """The reconstruction missed the picture's spot, which a sum would therefore keep."""
    pictures, rebuilt, moved = torch.full((3, 1, 1, 9, 9), 0.5)
    pictures[..., 4, 4], moved[..., 2:7, 2:7] = 1.0, 0.1
    shown = pasted(pictures, rebuilt, moved)
    assert torch.allclose(shown[..., 3:6, 3:6], torch.tensor(0.1))
    assert torch.equal(shown[..., 0, :], pictures[..., 0, :])


@pytest.mark.parametrize(("change", "share"), [(UNSEEN, 0.0), ((UNSEEN + SEEN) / 2, 0.5), (SEEN, 1.0), (0.9, 1.0)])
def test_the_mask_is_its_equation(change, share):
    rebuilt, moved = torch.zeros(2, 1, 3, 5, 5)
    moved[:, 1] = change  # the channel that changes most counts
    moved[:, 0] = change / 2
    assert torch.allclose(paste_mask(rebuilt, moved), torch.full((1, 1, 5, 5), share), atol=1e-6)
    lower = paste_mask(rebuilt, moved / 2, level=0.5)  # half the changes count as much at half the level
    assert torch.allclose(lower, torch.full((1, 1, 5, 5), share), atol=1e-6)


def test_the_mask_is_averaged_over_neighbours():
    rebuilt, moved = torch.zeros(2, 1, 1, 7, 7)
    moved[..., 3, 3] = 0.9  # a ninth of it at each of nine pixels
    found = paste_mask(rebuilt, moved)[0, 0]
    assert torch.allclose(found[2:5, 2:5], torch.tensor((0.1 - UNSEEN) / (SEEN - UNSEEN)))
    assert (found > 0).sum() == 9

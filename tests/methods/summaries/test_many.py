"""Groups of many descriptors: planted ones are found, in any number of parts, in a sample of a stated size."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.methods.summaries.many import centres, nearest, sampled


def planted(count, groups=3):
    """Descriptors around the unit vectors, and the unit vector of each."""
    dice = torch.Generator().manual_seed(0)
    labels = torch.randint(groups, (count,), generator=dice)
    return torch.eye(groups)[labels] + 0.05 * torch.randn(count, groups, generator=dice), labels


def test_planted_groups_are_found():
    descriptors, labels = planted(300)
    found = nearest(descriptors, centres([descriptors], 3))
    assert len({(a, b) for a, b in zip(found.tolist(), labels.tolist(), strict=True)}) == 3


@pytest.mark.parametrize("most", [50, 20_000])
def test_the_parts_make_no_difference(most):
    descriptors, _ = planted(300)
    whole = centres([descriptors], 3, most=most)
    for size in (7, 100):
        assert torch.equal(centres(descriptors.split(size), 3, most=most), whole)


def test_a_sample_has_the_stated_size_and_every_row_is_as_likely():
    rows = torch.arange(40.0)[:, None]
    drawn = [sampled(rows.split(9), 10, seed) for seed in range(400)]
    assert all(len(one.unique()) == 10 and (one.diff(dim=0) > 0).all() for one in drawn)
    times = torch.cat(drawn).long().flatten().bincount(minlength=40)
    assert times.min() > 60
    assert times.max() < 140


def test_nearest_is_what_distances_say():
    descriptors, _ = planted(50)
    middles = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(nearest(descriptors, middles), torch.cdist(descriptors, middles).argmin(1))


def test_too_few_descriptors_are_said():
    with pytest.raises(PictureError, match="2 descriptors cannot make 3 groups"):
        centres([torch.eye(2)], 3)
    with pytest.raises(XaiWidgetsError, match="count"):
        centres([torch.eye(2)], 0)

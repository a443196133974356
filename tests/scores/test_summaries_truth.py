"""What summaries of birds are compared with: exact answers on masks and groups made by hand, and on drawn birds."""

from __future__ import annotations

from math import isnan
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import PARTS, SLOTS
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.scores.bird_cases import CUE, drawn_without
from xai_widgets.scores.summaries_exam import examine
from xai_widgets.scores.summaries_truth import NOTHING, Truth, groups, hits, precision, purity, shown


def rows(*filled, height=4):
    """A region ``(height, 4)`` of whole rows."""
    region = torch.zeros(height, 4, dtype=torch.bool)
    region[list(filled)] = True
    return region


def test_precision_and_hits_by_hand():
    deciding = torch.stack([rows(0), rows(2, 3), rows()])[None]
    masks = torch.stack([rows(0, 1), rows()])[None]
    found = precision(masks, deciding)
    assert found[0, 0] == 0.5
    assert isnan(found[0, 1])  # an empty mask is on nothing
    assert hits(masks, deciding).tolist() == [1, 0]  # the third part cannot be seen


def test_purity_by_hand():
    kinds = np.array([0, 0, 1, 2, NOTHING])
    assert purity(kinds, np.array([0, 0, 0, 1, 1])) == 3 / 5
    assert purity(kinds, np.arange(5)) == 1
    assert isnan(purity(kinds[:0], kinds[:0]))


def test_groups_and_what_they_show():
    summaries = [SimpleNamespace(members=(2, 0), sound=True), SimpleNamespace(members=(1,), sound=False)]
    found = SimpleNamespace(regions=[None] * 3, summaries=summaries)
    assert groups(found).tolist() == [0, 1, 0]
    assert groups(found, sound=True).tolist() == [0, -1, 0]
    assert shown(found, np.array([4, NOTHING, 4])) == [4, NOTHING]


@pytest.mark.parametrize(("cheat", "parts"), [(None, 5), (1.0, 6)])
def test_a_region_shows_the_part_it_is_on(cheat, parts):
    birds = BirdPictures(2, cheat=cheat)
    truth = Truth(birds)
    indices = torch.tensor([1, 0])
    where = truth.where(indices)
    assert where.shape[:2] == (2, parts)
    regions = [SimpleNamespace(picture=0, pixels=where[0, part]) for part in range(parts)]
    sky = torch.from_numpy(birds.part_map(1) == PARTS["background"])
    found = SimpleNamespace(regions=[*regions, SimpleNamespace(picture=0, pixels=sky)], indices=indices)
    assert truth.kinds(found).tolist() == [*range(parts), NOTHING]
    assert truth.deciding(indices).shape[1] == (5 if cheat is None else 1)


@pytest.mark.parametrize("part", [*SLOTS, CUE])
def test_a_bird_without_a_part_differs_there(part):
    birds = BirdPictures(3, cheat=1.0)
    truth, indices = Truth(birds), [2, 0]
    before = torch.stack([birds[index][0] for index in indices])
    changed = (drawn_without(birds, indices, part) - before).abs().amax(1) > 0.3
    there = truth.where(torch.tensor(indices))[:, truth.parts.index(part)]
    assert changed.flatten(1).any(1).all()
    assert (changed & there).sum() > 0.5 * changed.sum()


def test_the_exam_needs_the_field_guide():
    with pytest.raises(XaiWidgetsError, match="field guide"):
        examine(SimpleNamespace(test=[1, 2]), 0, Progress())

"""Pictures to choose from: which are shown, how they are found again, and what cannot be chosen."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.pool import EVERYTHING, MISSED, MISTAKEN, OWN, Pool


@pytest.fixture
def study(columns, new_study, squares):
    """A classifier that is right; the first unseen picture has a wrong label, that of the second one is not known."""
    unseen = squares(12, seed=1)
    unseen.labels[0] = (unseen.labels[0] + 1) % 4
    unseen.labels[1] = -1
    return new_study(columns(), test=unseen)


def test_pictures_are_those_of_their_indices(study):
    pool = study.pool
    assert sorted(pool.indices) == list(range(12))
    assert pool is study.pool
    assert torch.equal(pool.pictures, study.test.pictures[pool.indices])
    assert torch.equal(pool.labels, study.test.labels[pool.indices])
    assert [pool.index_of(index) for index in pool.indices] == list(range(12))
    assert pool.index_of(None) is None
    assert Pool.unseen(study, 5).indices == pool.indices[:5]


def test_kinds_and_names_of_pictures(study):
    pool = study.pool
    wrong, foreign = pool.index_of(0), pool.index_of(1)
    labelled = int(pool.labels[wrong])
    predicted = int(study.predict(pool.pictures[[wrong]]).argmax())
    assert pool.chosen(EVERYTHING, 0) == list(range(12))
    assert pool.chosen(OWN, labelled) == [n for n in range(12) if int(pool.labels[n]) == labelled]
    assert pool.chosen(MISSED, labelled) == [wrong]
    assert wrong in pool.chosen(MISTAKEN, f"class {predicted}")
    assert pool.chosen(MISTAKEN, predicted) == pool.mistakes == [wrong]
    assert all(foreign not in pool.chosen(kind, k) for kind in (OWN, MISSED, MISTAKEN) for k in range(4))
    with pytest.raises(XaiWidgetsError, match="there is no class 'class 9'"):
        pool.chosen(OWN, "class 9")
    pool = study.pool
    assert (pool.name(foreign), pool.title(foreign)) == ("", "picture 1")
    assert pool.name(pool.index_of(0)) == f"class {int(study.test.labels[0])}"


def test_one_more_picture(study):
    pool = Pool.unseen(study, 5)
    index = study.pool.indices[7]
    more = pool.with_picture(index)
    assert (len(pool), len(more), more.index_of(index)) == (5, 6, 5)
    assert torch.equal(more.pictures[5], study.test.pictures[index])
    assert more.with_picture(index) is more
    for missing in (12, -1):
        with pytest.raises(XaiWidgetsError, match=f"picture {missing} is not one of the 5"):
            pool.with_picture(missing)
    with pytest.raises(XaiWidgetsError, match=f"picture {index} is not one of the 5"):
        pool.index_of(index)


def test_pictures_of_one_s_own(study):
    pool = Pool.of(study, torch.rand(3, 3, 16, 16).double())
    assert (pool.indices, pool.pictures.dtype, pool.name(0), pool.parts) == ([0, 1, 2], torch.float32, "", None)
    assert pool.chosen(OWN, 0) == []
    with pytest.raises(XaiWidgetsError, match="picture 3 is not one of the 3"):
        pool.with_picture(3)
    with pytest.raises(PictureError, match="no pictures to choose from"):
        Pool.of(study, torch.rand(0, 3, 16, 16))
    with pytest.raises(PictureError, match="must have shape"):
        Pool.of(study, torch.rand(3, 1, 16, 16))

"""Pictures to choose from: which are shown, how they are found again, and what cannot be chosen."""

from __future__ import annotations

import pytest
import torch

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.demos import bird_classifier
from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.pictures import load
from xai_widgets.pool import EVERYTHING, MISSED, MISTAKEN, OWN, Everything, Guest, Pool, invite
from xai_widgets.study import Study


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


class Counted:
    """Squares, and the indices that were read; their labels are known without."""

    def __init__(self, squares, *, odd=None):
        self.squares, self.labels, self.odd, self.read = squares, squares.labels.tolist(), odd, []

    def __len__(self):
        return len(self.squares)

    def __getitem__(self, index):
        self.read.append(index)
        picture, label = self.squares[index]
        return (picture[:, 1:] if index == self.odd else picture), label


def test_pictures_are_read_when_they_are_looked_at_and_once(columns, new_study, squares):
    test = Counted(squares(12, seed=1))
    study = new_study(columns(), test=test)
    test.read.clear()
    pool, few = study.pool, Pool.unseen(study, 5)
    assert pool.labels.tolist() == [test.labels[index] for index in pool.indices]
    assert pool.chosen(OWN, 0) + pool.chosen(EVERYTHING, 0)
    assert not test.read
    assert torch.equal(pool.picture(3), test.squares[pool.indices[3]][0])
    assert torch.equal(few.picture(3), pool.picture(3))
    assert test.read == [pool.indices[3]]
    assert torch.equal(pool.pictures, test.squares.pictures[pool.indices])
    assert torch.equal(few.pictures, pool.pictures[:5])
    assert sorted(test.read) == list(range(12))


def test_a_picture_of_another_shape_is_an_error_when_it_is_read(columns, new_study, squares):
    study = new_study(columns(), test=Counted(squares(12, seed=1), odd=7))
    with pytest.raises(PictureError, match="must share one shape"):
        study.pool.pictures  # noqa: B018


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
    assert (pool.indices, pool.pictures.dtype, pool.name(0), pool.part_names) == ([0, 1, 2], torch.float32, "", ())
    assert pool.chosen(OWN, 0) == []
    with pytest.raises(XaiWidgetsError, match="picture 3 is not one of the 3"):
        pool.with_picture(3)
    with pytest.raises(PictureError, match="no pictures to choose from"):
        Pool.of(study, torch.rand(0, 3, 16, 16))
    with pytest.raises(PictureError, match="must have shape"):
        Pool.of(study, torch.rand(3, 1, 16, 16))


# --- guests --------------------------------------------------------------------------------------------------------


def guest(value, label=-1, title="yours", parts=None):
    return Guest(title, label, lambda: (torch.full((3, 16, 16), value), parts))


def test_a_guest_is_chosen_first_and_measured_never(study):
    pool, few = study.pool, Pool.unseen(study, 3)
    before, tested = len(pool), len(study.test)
    assert pool.mistakes  # the predictions of the others are known by now
    index = invite([pool], guest(0.25, label=2))
    assert index == tested
    assert len(study.test) == tested
    number = pool.index_of(index)
    assert pool.chosen(EVERYTHING, 0) == [number, *range(before)]
    assert all(number not in pool.chosen(kind, k) for kind in (OWN, MISSED, MISTAKEN) for k in range(4))
    assert number not in pool.mistakes + pool.like(2)
    assert (pool.name(number), pool.title(number), pool.index_title(number)) == ("class 2", "yours", "yours")
    assert pool.picture(number).unique().tolist() == [0.25]
    assert torch.equal(pool.batch([number, 0])[1], pool.pictures[0])
    far = next(n for n in range(5, 12) if int(pool.labels[n]) >= 0)
    more = few.with_picture(index).with_picture(pool.indices[far])
    assert (more.index_of(index), more.index_of(pool.indices[far])) == (3, 4)
    assert torch.equal(more.picture(4), study.test.pictures[pool.indices[far]])
    assert torch.equal(more.picture(3), pool.picture(number))
    assert more.chosen(OWN, int(more.labels[4]))[-1] == 4


def test_one_that_was_replaced_is_there_and_not_offered(study):
    pool, old, new = study.pool, guest(0.0), guest(1.0)
    first = invite([pool], old)
    old.offered = False
    second = invite([pool], new)
    assert (first, second) == (12, 13)
    assert pool.chosen(EVERYTHING, 0)[:2] == [13, 0]
    assert pool.picture(12).unique().tolist() == [0.0]
    assert load(Everything(study), [first, second])[0].flatten(1).amax(1).tolist() == [0.0, 1.0]
    with pytest.raises(XaiWidgetsError, match="picture 12 is not one of"):
        pool.index_of(first)
    old.offered = True
    assert pool.chosen(EVERYTHING, 0)[:2] == [13, 12]


def test_a_guest_of_two_studies_has_one_index(study, columns, new_study, squares):
    other = new_study(columns(), test=squares(20, seed=2))
    invite([study.pool], guest(0.5))
    index = invite([study.pool, other.pool], guest(0.75))
    assert index == 20
    for pool in (study.pool, other.pool):
        assert pool.picture(pool.index_of(index)).unique().tolist() == [0.75]
    assert Pool.of(study, torch.rand(2, 3, 16, 16)).guests == {}


def test_a_guest_that_the_study_cannot_take(study, columns, new_study, squares):
    other = new_study(columns(), test=squares(20, seed=2))
    for bad in (torch.rand(3, 20, 16), torch.rand(1, 16, 16), torch.rand(3, 16, 16) * 255):
        with pytest.raises(PictureError):
            invite([other.pool, study.pool], Guest("yours", -1, lambda bad=bad: (bad, None)))
    assert other.guests == study.guests == {}
    assert (len(study.pool), len(other.pool)) == (12, 20)


def test_parts_of_a_guest():
    birds = BirdPictures(40)
    study = Study(bird_classifier(), birds, test=BirdPictures(6, first=40))
    pool, scene = study.pool, birds.altered(0)
    drawn = invite([pool], Guest("experiment", 0, scene.draw))
    brought = invite([pool], Guest("yours", -1, lambda: (birds[1][0], None)))
    assert pool.part_map(drawn).tolist() == birds.part_map(0).tolist()
    assert pool.part_map(brought) is None
    assert pool.part_map(2).tolist() == study.test.part_map(2).tolist()

"""A study's pictures have numbers of logits as labels, whatever set they come from, and names are found in all sets."""

from __future__ import annotations

import copy
import logging
import pickle

import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset, random_split

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.folder import folder
from xai_widgets.errors import PictureError
from xai_widgets.pictures import KnowsParts
from xai_widgets.relabelling import own_names
from xai_widgets.runs.keeping import keep_in, open_run


class Named(list):
    """Three pictures of each class."""

    def __init__(self, *names, attribute="class_names"):
        super().__init__((torch.rand(3, 16, 16), k) for k in range(len(names)) for _ in range(3))
        setattr(self, attribute, list(names))


class Parts(Named):
    part_names = ("ground", "thing")

    def part_map(self, index):
        return torch.zeros(16, 16)


@pytest.fixture
def animals(tmp_path):
    """A folder with three pictures of each class."""
    for name in ("ants", "bees", "kites"):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.new("RGB", (16, 16), (80 * i, 40, 90)).save(tmp_path / name / f"{i}.png")
    return folder(tmp_path)


NAMES = ["bee", "ant", "toad", "newt"]


def labels(pictures):
    return [pictures[i][1] for i in range(len(pictures))]


def test_a_folder_is_labelled_for_the_study_and_for_who_gave_it(new_study, animals, caplog):
    with caplog.at_level(logging.WARNING, "xai_widgets"):
        study = new_study(pictures=animals, class_names=NAMES)
    assert labels(animals) == labels(study.train.dataset) == [1, 1, 1, 0, 0, 0, -1, -1, -1]
    assert study.class_names[animals[0][1]] == "ant"
    assert "labels: ants -> ant, bees -> bee by name; kites not known" in repr(study)
    assert [record.getMessage() for record in caplog.records] == [
        "of the 3 classes of the pictures, the model has none called kites: the true classes of these pictures are "
        "unknown; labels={'kites': name or number of the model's class} gives them"
    ]


def test_each_study_has_labels_of_its_own(new_study, animals):
    first = new_study(pictures=animals, class_names=NAMES)
    second = new_study(pictures=animals, class_names=NAMES, labels={"kites": "newt"})
    assert labels(first.train.dataset)[-1] == -1
    assert labels(second.train.dataset) == labels(animals) == [1, 1, 1, 0, 0, 0, 3, 3, 3]
    third = new_study(pictures=animals, class_names=["kite", "x", "bee", "ant"])
    assert labels(third.train.dataset) == [3, 3, 3, 2, 2, 2, 0, 0, 0]


def test_parts_of_a_folder_are_matched_as_the_folder(new_study, animals):
    few, unseen = random_split(animals, [6, 3])
    study = new_study(pictures=few, test=Subset(unseen, [2, 0]), class_names=NAMES)
    expected = [[1, 0, -1][index // 3] for index in few.indices]
    assert labels(study.train) == expected
    assert labels(study.test) == [[1, 0, -1][unseen.indices[i] // 3] for i in (2, 0)]
    assert own_names(few) == own_names(ConcatDataset([few, animals])) == ("ants", "bees", "kites")
    both = new_study(pictures=ConcatDataset([animals, Named("toad", "newt")]), class_names=NAMES)
    assert labels(both.train.dataset) == [1, 1, 1, 0, 0, 0, -1, -1, -1, 2, 2, 2, 3, 3, 3]


@pytest.mark.parametrize("attribute", ["class_names", "classes"])
def test_names_of_any_set(new_study, attribute):
    study = new_study(pictures=Named("ants", "newts", attribute=attribute), class_names=NAMES)
    assert labels(study.train.dataset) == [1, 1, 1, 3, 3, 3]
    four = Named("oak", "elm", "ash", "fir", attribute=attribute)
    assert new_study(pictures=Subset(Subset(four, range(9)), range(6))).class_names == ("oak", "elm", "ash", "fir")


def test_unseen_pictures_are_matched_by_their_own_names(new_study):
    study = new_study(pictures=Named("ants", "bees"), test=Named("bees", "ants"), class_names=NAMES)
    assert labels(study.test) == [0, 0, 0, 1, 1, 1]
    with pytest.raises(PictureError, match="no class of the pictures 'frogs'"):
        new_study(pictures=Named("ants"), test=Named("bees"), class_names=NAMES, labels={"frogs": 0})
    assert (
        new_study(pictures=Named("ants"), test=Named("frogs"), class_names=NAMES, labels={"frogs": "toad"}).test[0][1]
        == 2
    )


def test_parts_of_pictures_and_other_attributes_are_kept(new_study):
    pictures = Parts("ants", "bees")
    study = new_study(pictures=pictures, test=pictures, class_names=NAMES)
    assert isinstance(study.test, KnowsParts)
    assert study.test.part_map(0).shape == (16, 16)
    assert study.test.part_names == ("ground", "thing")
    assert not isinstance(new_study(pictures=pictures, test=Named("ants")).test, KnowsParts)
    for same in (copy.deepcopy(study.test), pickle.loads(pickle.dumps(study.test))):  # noqa: S301
        assert labels(same) == labels(study.test)
    with pytest.raises(AttributeError, match="nothing"):
        study.test.nothing  # noqa: B018


def test_labels_without_names_are_numbers_of_logits(new_study):
    pictures = [(torch.rand(3, 16, 16), label) for label in (0, 3, torch.tensor(2), -1, None)]
    study = new_study(pictures=pictures, test=pictures)
    assert study.load(study.test, range(5))[1].tolist() == [0, 3, 2, -1, -1]
    assert "labels" not in repr(study)
    wrong = [*pictures, (torch.rand(3, 16, 16), 4)]
    study = new_study(pictures=wrong, test=wrong)
    with pytest.raises(PictureError, match=r"has the label 4, and the model's classes are numbered 0 to 3; give"):
        study.pool  # noqa: B018
    from_one = new_study(pictures=wrong, test=wrong, labels={0: 0, 2: 1, 3: 2, 4: 3})
    assert from_one.load(from_one.test, range(6))[1].tolist() == [0, 2, 1, -1, -1, 3]
    with pytest.raises(PictureError, match="no class of the pictures 'ants'"):
        new_study(pictures=wrong, labels={"ants": 0})


def test_pictures_without_labels(new_study):
    pictures = torch.rand(6, 3, 16, 16)
    for given in (TensorDataset(pictures), list(pictures), pictures, [[each] for each in pictures]):
        pool = new_study(pictures=given).pool
        assert not pool.labelled
        assert pool.name(0) == ""


@pytest.mark.parametrize(
    "given",
    [
        3, "ab", {0: 1, 1: 2}, iter([1, 2]), object(), [1, 2], [(), ()], [{"image": 1}] * 3,
        DataLoader([(torch.rand(3, 16, 16), 0)] * 4), [(torch.rand(3, 16, 16), "cat")] * 4,
        [(torch.rand(3, 16, 16), 1.5)] * 4, Named("a", None), Named("a", "a"), Named("a", " "), Named(b"a", "b"),
    ],
)  # fmt: skip
def test_what_is_no_set_of_pictures(new_study, given):
    with pytest.raises(PictureError):
        new_study(pictures=given)
    with pytest.raises(PictureError):
        new_study(test=given).pool  # noqa: B018


def test_a_run_is_opened_with_the_same_labels(new_study, animals, tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("runs")
    study = new_study(pictures=animals, class_names=NAMES, labels={"kites": "newt"})
    keep_in(study, tmp_path / "run")
    for images in (None, folder(animals.root), animals):
        again = open_run(tmp_path / "run", model=study.model, images=images)
        assert repr(again) == repr(study)
        assert labels(again.train) == labels(study.train)
    few = Subset(animals, range(2, 9))
    study = keep_in(new_study(pictures=few, class_names=NAMES), tmp_path / "few")
    again = open_run(tmp_path / "few", model=study.model, images=Subset(folder(animals.root), range(2, 9)))
    assert labels(again.train) == labels(study.train)


def test_a_set_that_is_right_stays_as_it_is(new_study):
    birds = BirdPictures(8, species=4, size=16)
    study = new_study(pictures=birds, test=birds)
    assert study.train is study.test is birds
    first, second, *_ = birds.class_names
    swapped = new_study(pictures=birds, test=birds, labels={first: second, second: first})
    assert [swapped.test[i][1] for i in range(8)] == [{0: 1, 1: 0}.get(birds[i][1], birds[i][1]) for i in range(8)]
    assert swapped.test.labels == [swapped.test[i][1] for i in range(8)]

"""SVMs of summaries: where their regions are found, what they are fed, and what they add."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from xai_widgets.errors import CancelledError, LayerError, PictureError, XaiWidgetsError
from xai_widgets.methods.summaries.features import Features, features, penultimate
from xai_widgets.methods.summaries.located import Part, parts_of
from xai_widgets.methods.summaries.specialise import Fusion, Specialised, best_weight, specialise
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.study import Study

SIDES = (33, 47)
CORNER = (slice(4, 14), slice(6, 18))


class Corners:
    """Grey noise; in half of the pictures, those of class 1, one corner is bright."""

    def __init__(self, count=60, seed=0):
        dice = torch.Generator().manual_seed(seed)
        self.labels = torch.arange(count) % 2
        self.pictures = 0.3 * torch.rand(count, 1, *SIDES, generator=dice)
        self.pictures[self.labels == 1, :, CORNER[0], CORNER[1]] += 0.6

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.pictures[index], int(self.labels[index])


class Swayed(nn.Module):
    """Has features that tell the classes, and logits that say one thing of all pictures."""

    def __init__(self, sees=0.0):
        super().__init__()
        self.maps = nn.AvgPool2d(2, ceil_mode=True)
        self.features = nn.Linear(2, 2)
        self.logits = nn.Linear(2, 2)
        with torch.no_grad():
            self.features.weight.copy_(torch.eye(2))
            self.features.bias.zero_()
            # Some noise, or all pictures would tie.
            self.logits.weight.copy_(torch.tensor([[0.0, 0.01], [sees, 0.0]]))
            self.logits.bias.copy_(torch.tensor([0.0, -sees / 2]))

    def forward(self, x):
        maps = self.maps(x)
        found = torch.stack([maps[:, 0, 2:7, 3:9].mean((1, 2)), maps[:, 0, 9:].mean((1, 2))], 1)
        return self.logits(self.features(found))


def study_of(model=None, count=60):
    return Study(model or Swayed(), Corners(count), test=Corners(40, seed=1))


@pytest.fixture(scope="module")
def found_by_hand(made_masks, region, summary):
    """One summary of class 1: the corner; and another group, all other regions, that is not sound."""

    def found_by_hand(study, *, sound=True):
        indices = [index for index in range(len(study.train)) if study.train[index][1] == 1][:6]
        pictures, _ = study.load(study.train, indices)
        rows = range(len(indices))
        boxes = [(row, CORNER) for row in rows] + [(row, (slice(25, 33), slice(30, 47))) for row in rows]
        kinds = (tuple(rows), () if sound else ("rare",)), (tuple(range(6, 12)), ("not used",))
        found = tuple(summary(*kind) for kind in kinds)
        regions = tuple(region(*box, row, SIDES) for row, box in boxes)
        given = torch.tensor(indices), made_masks(pictures), regions, torch.eye(12), found
        return ClassSummaries(1, "class 1", False, *given, {"model": study.fingerprint, "layer": "maps"})

    return found_by_hand


def test_a_summary_is_found_where_it_is_in_new_pictures(found_by_hand):
    study = study_of()
    (part,) = parts_of(study, found_by_hand(study))
    pictures, labels = study.load(study.test, range(20))
    found = part.where(study.activations(pictures, "maps"), SIDES)[labels == 1]
    assert part.class_index == 1
    assert part.area == pytest.approx(120 / (33 * 47))
    assert found.shape == (10, 1, *SIDES)
    assert found.dtype == torch.bool
    assert found[:, :, CORNER[0], CORNER[1]].float().mean() > 0.7
    assert found.sum((1, 2, 3)).tolist() == [120] * 10


def test_a_region_has_its_area_even_where_all_is_alike():
    part = Part(0, "maps", torch.zeros(2), torch.ones(2), torch.tensor([1.0, 0.0]), 0.1)
    found = part.where(torch.zeros(3, 2, 4, 5), (20, 30))
    assert found.sum((1, 2, 3)).tolist() == [60] * 3
    tiny = replace(part, area=1e-9).where(torch.zeros(1, 2, 4, 5), (20, 30))
    assert int(tiny.sum()) == 1
    # A channel that never changes says nothing.
    deaf, maps = replace(part, deviation=torch.tensor([1.0, torch.inf])), torch.randn(1, 2, 4, 4)
    assert torch.equal(deaf.where(maps, (8, 8)), deaf.where(maps + torch.tensor([0.0, 100.0])[:, None, None], (8, 8)))


def test_a_region_is_where_the_cosine_is_the_greatest():
    maps = torch.zeros(1, 2, 2, 2)
    # Long but askew, short but straight, opposite, across.
    maps[0, :, 0, 0], maps[0, :, 0, 1] = torch.tensor([9.0, 9.0]), torch.tensor([0.2, 0.0])
    maps[0, :, 1, 0], maps[0, :, 1, 1] = torch.tensor([-9.0, 0.0]), torch.tensor([0.0, 9.0])
    part = Part(0, "maps", torch.zeros(2), torch.ones(2), torch.tensor([1.0, 0.0]), 0.25)
    found = part.where(maps, (2, 2))
    assert found[0, 0].tolist() == [[False, True], [False, False]]
    # Seen from another origin, the first is straight and the second askew.
    moved = replace(part, origin=torch.tensor([0.0, 9.0])).where(maps, (2, 2))
    assert moved[0, 0].tolist() == [[True, False], [False, False]]


def test_the_penultimate_layer_is_the_last_that_gives_no_logits(new_study):
    assert penultimate(new_study()) == "fc"
    sequence = nn.Sequential(nn.Flatten(), nn.Linear(768, 5), nn.Sequential(nn.Linear(5, 4), nn.Softmax(1)))
    assert penultimate(new_study(sequence)) == "1"
    with pytest.raises(LayerError, match="no layer before its logits"):
        penultimate(new_study(OneStep()))


class OneStep(nn.Module):
    def __init__(self):
        super().__init__()
        self.logits = nn.Linear(768, 4)

    def forward(self, x):
        return self.logits(x.flatten(1))


def test_of_maps_the_mean_over_places_counts(new_study):
    study = new_study()
    pictures, _ = study.load(study.test, range(3))
    maps = study.activations(pictures, "conv2")
    assert torch.allclose(features(study, pictures, "conv2"), maps.mean((2, 3)))
    assert torch.equal(features(study, pictures, "fc"), study.activations(pictures, "fc"))


def test_the_least_weight_with_the_best_accuracy_is_taken():
    logits, labels = np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([0, 0])
    experts = np.array([[3.0, 0.0], [1.0, 0.0]])
    # The first is right from 1/4 on, the second from 1/2 on, at which there is a tie that the first class wins.
    assert best_weight(logits, experts, labels) == pytest.approx(0.5)
    assert best_weight(logits, experts, np.array([1, 1])) == 0.0


def test_a_class_without_svms_keeps_its_logit():
    dice = np.random.default_rng(0)
    labels = np.arange(60) % 3
    views = [Features(labels, dice.normal(size=(60, 3)), np.zeros((60, 2)), np.zeros((1, 60, 2))) for _ in range(2)]
    # Of class 1 there is an SVM, which knows.
    values = [(labels == 1)[None, :, None] + 0.1 * dice.normal(size=(1, 60, 2)) for _ in range(2)]
    found = Fusion(*views, 40, 0)([1], *values)
    assert found.weight > 0
    mine = labels == 1
    assert (found.predicted == 1)[mine].mean() > (views[1].logits.argmax(1) == 1)[mine].mean()
    others = views[1].logits[:, [0, 2]]
    assert np.array_equal(
        found.predicted[found.predicted != 1] == 0, (others[:, 0] > others[:, 1])[found.predicted != 1]
    )


def test_what_the_network_overlooks_the_svms_add(found_by_hand):
    study = study_of()
    before = {name: value.clone() for name, value in study.model.state_dict().items()}
    found = specialise(study, [found_by_hand(study)])
    assert found.accuracy_alone == pytest.approx(0.5)
    assert found.accuracy == found.accuracy_whole == 1.0
    assert found.gain == pytest.approx(0.5)
    assert 0.3 < found.gain_low < found.gain < found.gain_high < 0.7
    assert (found.summaries, found.pictures) == (1, 40)
    assert 0 < found.weight <= 1
    assert "This is a gain: +50.0 points" in found.verdict()
    assert all(torch.equal(value, before[name]) for name, value in study.model.state_dict().items())
    assert study.model.training


def test_a_network_that_is_always_right_gains_nothing(found_by_hand):
    study = study_of(Swayed(sees=10.0))
    found = specialise(study, [found_by_hand(study)])
    assert found.accuracy == found.accuracy_alone == 1.0
    assert found.weight == found.gain == found.gain_low == found.gain_high == 0.0
    assert "no weight on the held-out pictures, so nothing changes: +0.0 points" in found.verdict()


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.01, 0.03, "This is a gain"), (-0.03, -0.01, "This is a loss"), (-0.01, 0.01, "This may be chance")],
)
def test_the_verdict_says_whether_it_is_a_gain(low, high, words):
    found = Specialised(0.9, 0.88, 0.87, (low + high) / 2, low, high, 0.4, 7, 200)
    assert words in found.verdict()
    assert "Accuracy on 200 held-out pictures: 90.0% with 7 SVMs on summaries (weight 0.40)" in found.verdict()


def test_summaries_that_are_not_sound_or_of_another_network_and_too_few_pictures_are_refused(found_by_hand):
    study = study_of()
    found = found_by_hand(study)
    for unsound in ([], [found_by_hand(study, sound=False)]):
        with pytest.raises(XaiWidgetsError, match="no summary is sound"):
            specialise(study, unsound)
    with pytest.raises(XaiWidgetsError, match="'class 1' belong to another network"):
        specialise(study_of(Swayed(sees=1.0)), [found])
    with pytest.raises(PictureError, match="too few to hold any out"):
        specialise(study, [found], most=1)
    study.train.labels[:] = 1
    with pytest.raises(PictureError, match=r"missing: \[0\]"):
        specialise(study, [replace(found, class_index=0)])
    with pytest.raises(PictureError, match="of more classes"):
        specialise(study, [found])


def test_it_can_be_cancelled(found_by_hand, cancelling):
    study = study_of()
    with pytest.raises(CancelledError, match="features of summaries"):
        specialise(study, [found_by_hand(study)], progress=cancelling("features of summaries", 1))

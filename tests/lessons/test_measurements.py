"""The lessons' numbers, where the answer is known by construction."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.lessons import (
    arriving,
    as_species,
    changed,
    clearness,
    confusion,
    counterfactuals,
    decibels_gained,
    dial,
    errors,
    fall_without,
    kept,
    lost_beyond,
    on_regions,
    probabilities,
    share,
    share_of_change,
    strengths,
    with_and_without,
)
from xai_widgets.lessons.parts import best_detection, detection
from xai_widgets.study import Study

PICTURES = torch.rand(3, 3, 8, 8)


@pytest.fixture(scope="module")
def brightest():
    """Predicts the brightest channel."""
    return SimpleNamespace(
        predict=lambda pictures: torch.softmax(9 * torch.as_tensor(pictures).reshape(-1, 3, 64).mean(2), 1),
        class_names=("red", "green", "blue"),
        classes=3,
    )


def coloured(*channels):
    return torch.stack([torch.eye(3)[channel].view(3, 1, 1).expand(3, 8, 8) for channel in channels])


# --- predictions ---------------------------------------------------------------------------------------------------


def test_shares_and_changes_of_predictions(brightest):
    before, after = coloured(0, 1, 2, 2), coloured(0, 2, 1, 2)
    assert share(brightest, before, torch.tensor([0, 1, 2, 0])) == 0.75
    assert changed(brightest, before, after) == 0.5
    assert changed(brightest, before, before) == 0


def test_a_confusion_has_a_row_for_each_true_class(brightest):
    found = confusion(brightest, coloured(0, 1, 1, 2), torch.tensor([0, 0, 1, 2]))
    assert found["red"] == {"red": 0.5, "green": 0.5, "blue": 0.0}
    assert found["green"] == {"red": 0.0, "green": 1.0, "blue": 0.0}


def test_probabilities_of_one_picture(brightest):
    found = probabilities(brightest, coloured(1)[0])
    assert list(found) == ["red", "green", "blue"]
    assert sum(row["probability"] for row in found.values()) == pytest.approx(1)
    assert max(found, key=lambda name: found[name]["probability"]) == "green"


# --- ClaDec --------------------------------------------------------------------------------------------------------


class Decoders:
    """ClaDec keeps half of each picture, the auto-encoder all of it; alpha adds to the error."""

    layers = ("a",)

    def explain(self, pictures, layer, alpha=0.0):
        versions = {"original": pictures, "cladec": 0.5 * pictures - alpha, "reference": pictures}
        chances = {name: torch.eye(4)[: len(pictures)] for name in versions}
        if alpha == 0:
            chances["cladec"] = chances["cladec"].roll(1, 1)
        mean = torch.zeros_like(pictures[0])
        return SimpleNamespace(
            versions=lambda: versions, cladec=versions["cladec"], predictions=chances, mean_picture=mean
        )


def test_half_of_a_change_arrives_in_half_a_picture():
    assert arriving(Decoders(), "a", PICTURES, 1 - PICTURES) == pytest.approx({"ClaDec": 0.5, "auto-encoder": 1.0})


def test_the_dial_shows_error_and_class():
    found = dial(Decoders(), "a", torch.ones(3, 3, 8, 8), (0.0, 0.5))
    assert found == {"error, relative": [1.0, 4.0], "same predicted class": [0.0, 1.0]}


def test_the_loss_is_a_share_of_that_of_the_mean_picture():
    found = lost_beyond(Decoders(), BirdPictures(3), 3)
    assert found == {"a": pytest.approx({"background": 0.25, "deciding parts": 0.25})}


def test_reports_as_tables(fitted):
    assert list(errors(fitted)) == ["conv2", "fc"]
    assert errors(fitted)["fc"]["linear decoder"] == fitted.report("fc").error["ridge"]
    shares = fitted.report("fc").shares()
    assert {aspect: values[1] for aspect, values in kept(fitted).items()} == shares


# --- x-features, masks and changes ---------------------------------------------------------------------------------


class Sums:
    """The first x-feature is the mean of a picture, the second one nothing; the network changes half as much."""

    classes = (0,)
    settings = SimpleNamespace(features=2)

    def contributions(self, pictures, species, basis="srae"):
        return torch.stack([pictures.flatten(1).mean(1), torch.zeros(len(pictures))], 1)

    def intervene(self, pictures, species, factors):
        predicted = (factors - 1)[:, 0] * pictures.flatten(1).mean(1)
        return SimpleNamespace(predicted_change=predicted, real_change=predicted / 2)


SCENES = SimpleNamespace(whole=[torch.ones(3, 3, 4, 4)], without={"crest": [torch.zeros(3, 3, 4, 4)]})


def test_an_x_feature_that_falls_without_a_part_detects_it():
    assert detection(Sums(), SCENES, 0, "crest") == [1.0, 0.5]
    assert best_detection(Sums(), SCENES, "crest") == 1.0
    found = with_and_without(Sums(), SCENES, 0, "crest")
    assert found == {"x1": {"with the crest": 1, "without the crest": 0}, "x2": dict.fromkeys(found["x1"], 0)}


def test_strengths_change_both_scores():
    found = strengths(Sums(), torch.ones(3, 4, 4), 0, 0, (0.0, 1.0, 2.0))
    assert found == {"predicted by the sum": [-1, 0, 1], "real network": [-0.5, 0, 0.5]}


def test_masses_of_masks_on_regions():
    left = torch.arange(4).expand(4, 4) < 2
    explanation = SimpleNamespace(
        mass=lambda region: torch.tensor([1.0, 0.25]) if region[0, 0] else torch.tensor([0.0, 0.75]),
        class_names=("finch", "lark"),
        class_index=torch.tensor([1, 0]),
    )
    found = on_regions(explanation, {"left": left, "right": ~left})
    assert found == {"lark": {"left": 1.0, "right": 0.0}, "finch": {"left": 0.25, "right": 0.75}}


def test_each_picture_gets_another_class():
    targets = []
    cae = SimpleNamespace(explain=lambda picture, target, confidence: targets.append((target, confidence)))
    chances = torch.eye(3)[[0, 1, 2]]
    study = SimpleNamespace(predict=lambda pictures: chances, classes=3, explainers={"cae": cae})
    counterfactuals(study, PICTURES, confidence=0.75)
    assert targets == [(1, 0.75), (0, 0.75), (0, 0.75)]


def test_shares_of_changes():
    changes = [SimpleNamespace(share_within=float) for _ in range(2)]
    assert share_of_change(changes, torch.tensor([0.5, 1.0])) == 0.75


def test_a_cheat_is_clear_above_chance_and_the_other():
    assert clearness(1.0, 0.5, 0.0) == 0.5
    assert clearness(0.75, 0.0, 0.5) == 0.5
    assert clearness(0.25, 0.5, 0.0) < 0


# --- the truth about drawn birds -----------------------------------------------------------------------------------


def test_the_truth_is_the_same_bird_as_another_species():
    birds = BirdPictures(3)
    same, other = as_species(birds, [0, 1], [birds.labels[0], birds.labels[1] + 1])
    assert torch.allclose(same, birds[0][0], atol=1 / 255)
    assert (other - birds[1][0]).abs().max() > 0.2


def test_half_the_error_is_six_decibels():
    truth = torch.zeros(1, 3, 8, 8)
    change = SimpleNamespace(original=torch.full((3, 8, 8), 0.2), picture=torch.full((3, 8, 8), 0.1))
    assert decibels_gained([change], truth) == pytest.approx([6.02], abs=0.01)


def test_a_classifier_that_sees_yellow_breasts_only_loses_by_breasts_only():
    def logits(pictures):
        yellow = (pictures[:, 0] > 0.8) & (pictures[:, 1] > 0.8) & (pictures[:, 2] < 0.4)
        return yellow.float().mean((1, 2))[:, None].expand(-1, 8)

    birds = BirdPictures(12)
    study = SimpleNamespace(test=birds, logits=logits, load=Study.load)
    found = {part: row["fall"] for part, row in fall_without(study, 12).items()}
    assert max(found, key=found.get) == "breast"

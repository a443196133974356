"""The exam of guided feature inversion: its measures against answers by hand, and that it runs on birds."""

from __future__ import annotations

import math

import pytest
import torch

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.demos import bird_classifier
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.scores import inversion_exam
from xai_widgets.scores.inversion_baselines import CAPTUM, baseline_masks
from xai_widgets.scores.inversion_exam import draw_pairs, examine, excess_mass, pointing
from xai_widgets.study import Study


def square(rows, columns, sides=(12, 12)):
    where = torch.zeros(1, *sides, dtype=torch.bool)
    where[:, rows, columns] = True
    return where


def test_excess_mass():
    region = square(slice(0, 6), slice(0, 6))  # a quarter
    assert excess_mass(region.float(), region).item() == pytest.approx(0.75)
    assert excess_mass(torch.ones(1, 12, 12), region).item() == pytest.approx(0.0)
    assert excess_mass(torch.zeros(1, 12, 12), region).item() == pytest.approx(-0.25)


@pytest.mark.parametrize(("column", "hit"), [(5, 1.0), (7, 1.0), (8, 0.0)])
def test_pointing_tolerates_two_pixels(column, hit):
    mask = torch.zeros(1, 12, 12)
    mask[0, 3, column] = 0.2
    assert pointing(mask, square(slice(0, 6), slice(0, 6))).item() == hit


def study_of(cheat=None):
    """A classifier that has learned nothing, on small birds of two species: any two are the likeliest ones."""
    options = {"species": 2, "size": 32, "cheat": cheat}
    return Study(bird_classifier(2), BirdPictures(12, **options), test=BirdPictures(12, **options, first=100))


def test_baselines_are_masks_of_every_method():
    birds = study_of()
    pictures, labels = birds.load(birds.test, range(2))
    found = baseline_masks(birds, pictures, labels, 0, Progress())
    assert set(found) == {*CAPTUM, "mean_of_channels", "centre", "random"}
    for masks in found.values():
        assert masks.shape == (2, 32, 32)
        assert masks.min() >= 0
        assert masks.max() == pytest.approx(1.0)


def test_pairs_are_asked_about_both_birds_which_the_classifier_must_know(monkeypatch):
    birds = study_of()
    asked = draw_pairs(birds, birds.test, 6, seed=0)
    count = len(asked.pictures)
    assert count % 2 == 0
    assert asked.pictures.shape == (count, 3, 32, 64)
    assert torch.equal(asked.pictures[::2], asked.pictures[1::2])
    assert not (asked.regions[::2] & asked.regions[1::2]).any()
    assert (asked.class_index[::2] != asked.class_index[1::2]).all()
    monkeypatch.setattr(inversion_exam, "_both", lambda *given: [])
    with pytest.raises(XaiWidgetsError, match="recognises both birds in none of 6 pictures"):
        draw_pairs(birds, birds.test, 6, seed=0)


@pytest.mark.parametrize("cheat", [None, 1.0])
def test_everything_is_measured(monkeypatch, cheat):
    for name, few in (("SINGLES", 4), ("PAIRS", 4), ("ALONE", 1)):
        monkeypatch.setattr(inversion_exam, name, few)
    monkeypatch.setattr(inversion_exam, "baseline_masks", lambda _, pictures, *given: {"random": pictures[:, 0]})
    found = examine(study_of(cheat), 0, Progress())
    own = {"cheat_mass_on_cue", "cheat_mostly_on_cue"} if cheat else {"pair_kept", "pair_pointing", "pair_excess_mass"}
    assert own | {"kept", "removed", "parts_excess_mass", "degenerate", "batch_error"} <= set(found)
    assert set(found["kept"].baselines) == {"fast", "paper", "paper, our background", "stage_one", "random"}
    assert all(math.isfinite(measure.value) for measure in found.values())


def test_other_pictures_are_refused(new_study):
    with pytest.raises(XaiWidgetsError, match="the exam needs the field guide"):
        examine(new_study(), 0, Progress())

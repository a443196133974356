"""Explorers without a browser: what their pages need is there, and none is left open where that fails."""

from __future__ import annotations

import pytest
import torch
from ipywidgets.widgets.widget import _instances

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import PARTS
from xai_widgets.demos import bird_classifier
from xai_widgets.errors import CancelledError, XaiWidgetsError
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.widgets.workbench.catalogue import VIEWS


def bird_study(cheat=None, count=12):
    birds = BirdPictures(count, cheat=cheat)
    study = Study(bird_classifier(), birds, test=birds)
    settings = GuidedSettings(steps=2)
    study.explainers["inversion"] = GuidedFeatureInversion(study, "block2", settings=settings, background="mean")
    return study


def test_two_studies_get_the_same_kind_of_pictures(prepare):
    explorers = prepare("inversion", [bird_study(), bird_study(cheat=0.9)])
    assert [one.explanation.pictures.shape[1:] for one in explorers] == [(3, 64, 64)] * 2
    assert PARTS["cue"] in explorers[1].study.test.part_map(0)


def test_what_fails_in_the_background_is_raised_and_nothing_stays_open(monkeypatch):
    def broken(*_, **__):
        raise XaiWidgetsError("no evidence at all")

    monkeypatch.setattr("xai_widgets.widgets.inversion.explorer.make_scene", broken)
    before = len(_instances)
    with pytest.raises(XaiWidgetsError, match="no evidence at all"):
        VIEWS["inversion"].prepared([bird_study()], progress=Progress())
    assert len(_instances) == before


def test_who_cancels_leaves_nothing_open():
    progress = Progress(lambda state: state.task.startswith("Preparing") and progress.cancel())
    before = len(_instances)
    with pytest.raises(CancelledError):
        VIEWS["inversion"].prepared([bird_study()], progress=progress)
    assert len(_instances) == before


def test_the_same_seed_finds_the_same(prepare, new_study):
    study = new_study()
    found = [prepare("inversion", [study], seed=3)[0].explanation for _ in range(2)]
    assert torch.equal(found[0].masks, found[1].masks)

"""Workbenches at rest."""

from __future__ import annotations

import pytest

from xai_widgets.demos import demo
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.widgets.workbench.catalogue import VIEWS
from xai_widgets.widgets.workbench.workbench import Workbench


@pytest.fixture
def ready(by_hand):
    """A demo that answers quickly."""

    def ready(cheat=False):
        study = demo(cheat=cheat)
        study.explainers["summaries"] = by_hand(study)
        study.explainers["inversion"] = GuidedFeatureInversion(
            study, settings=GuidedSettings(steps=3), background="mean"
        )
        return study

    return ready


@pytest.fixture
def bench():
    """A workbench at rest, closed after the test."""
    made = []

    def bench(*args, **options):
        made.append(Workbench(*args, **options))
        assert made[-1].wait(60)
        return made[-1]

    yield bench
    for workbench in made:
        assert workbench.last_error is None
        workbench.close()


@pytest.fixture
def workbench(bench, ready):
    return bench(ready())


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    """Two pictures on every page: each takes a search, and a map for every class."""
    monkeypatch.setattr("xai_widgets.widgets.pages.pictures.PICTURES", 2)


def do(workbench, owner, **values):
    """Set traits as a person would, and wait for what follows."""
    for name, value in values.items():
        setattr(owner, name, value)
    assert workbench.wait(60)
    for apps in workbench.apps.values():
        assert [app.last_error for app in apps] == [None] * len(apps)


def open_all(workbench):
    for name in VIEWS:
        do(workbench, workbench, view=name)

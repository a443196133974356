"""Fits under way are found by other widgets of the same study, and end with Python."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest

import xai_widgets as xw
from tests.widgets.conftest import HeldSRAE, red, until
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.widgets.frame import fits
from xai_widgets.widgets.views.atlas import AtlasView
from xai_widgets.widgets.views.cards import Cards
from xai_widgets.widgets.views.doctor import DoctorView
from xai_widgets.widgets.views.elements import KernelLine, NetworkStrip, PictureGrid, Tabs

LONG = 60.0


@pytest.fixture
def held(squares_read):
    """An SRAE that is fitted once it is let go."""
    return HeldSRAE.of(squares_read, "pool")


def cladec(study, **options):
    return ClaDec(study, ["pool", "flat"], **{"width": 4, "epochs": 1, "reference": None} | options)


@pytest.fixture
def paused(monkeypatch):
    """ClaDec is fitted only once it is let go."""
    free, fit = threading.Event(), ClaDec.fit

    def late(explainer, *, progress, **options):
        progress.start("waiting", 10)
        progress.advance(3)
        while not free.wait(0.01):
            progress.check()
        return fit(explainer, progress=progress, **options)

    monkeypatch.setattr(ClaDec, "fit", late)
    return free


# --- a cell that is run again --------------------------------------------------------------------------------------


def test_a_second_widget_follows_the_fit_of_the_first(squares_read, paused, opened):
    first = opened(xw.ClaDecExplorer, squares_read, "pool", wait=False)
    first.explainer.settings = cladec(squares_read).settings
    first.fit.click()
    second = opened(xw.ClaDecExplorer, squares_read, "pool", wait=False)
    assert second.explainer is first.explainer
    assert second.fit.disabled
    assert second.how_long.disabled
    assert second.sentence == "pool is being fitted."
    assert second.layer_status["pool"] == "fitting"
    until(lambda: "3 of 10" in second._progress._label.value)
    paused.set()
    assert first.wait(LONG)
    assert second.wait(LONG)
    assert squares_read.explainers["cladec"] is first.explainer
    for explorer in (first, second):
        assert explorer.explanation.layer == "pool"
        assert explorer.layer_status["pool"] == "ready"


def test_either_widget_cancels(squares_read, held, opened):
    first = opened(xw.ConceptExplorer, held)
    first.fit.click()
    second = opened(xw.ConceptExplorer, squares_read, wait=False)
    second._progress._button.click()
    for explorer in (first, second):
        assert explorer.wait(LONG)
        assert explorer.task.state == "cancelled"
        assert not explorer.fit.disabled
        assert "press “Fit x-features”" in explorer.sentence
    assert squares_read.explainers == {}


def test_a_widget_that_was_open_before_hears_of_a_fit_and_of_its_end(squares_read, paused, opened):
    first, second = (opened(xw.ClaDecExplorer, squares_read, "pool", wait=False) for _ in range(2))
    elsewhere = opened(xw.ClaDecExplorer, squares_read, "flat", wait=False)
    assert first.explainer is not second.explainer
    for explorer in (first, second, elsewhere):
        explorer.explainer.settings = cladec(squares_read).settings
    first.fit.click()
    assert second.fit.disabled
    assert not elsewhere.fit.disabled
    assert elsewhere.layer_status["pool"] == "fitting"
    paused.set()
    assert first.wait(LONG)
    assert second.wait(LONG)
    assert second.explanation.layer == "pool"
    until(lambda: elsewhere.picker.status["pool"] == "ready")


def test_an_explainer_that_was_given_is_not_exchanged(squares_read, paused, opened):
    given = cladec(squares_read)
    first = opened(xw.ClaDecExplorer, cladec(squares_read, epochs=2), "pool", wait=False)
    second = opened(xw.ClaDecExplorer, given, "pool", wait=False)
    first.fit.click()
    assert second.explainer is given
    assert not second.fit.disabled
    paused.set()
    assert first.wait(LONG)
    assert not given.fitted


def test_two_layers_of_one_explainer_are_fitted_one_after_the_other(squares_read, paused, opened):
    explorer = opened(xw.ClaDecExplorer, cladec(squares_read), "pool", wait=False)
    explorer.fit.click()
    explorer.layer = "flat"
    explorer.fit.click()
    assert explorer.layer_status == {**explorer.layer_status, "pool": "fitting", "flat": "fitting"}
    paused.set()
    assert explorer.wait(LONG)
    until(lambda: not fits.running(squares_read, "cladec"))
    assert set(explorer.explainer.layers) == {"pool", "flat"}


def test_what_is_closed_during_a_fit_is_freed_and_the_fit_goes_on(squares_read, held, opened):
    explorer = xw.ConceptExplorer(held)
    explorer.fit.click()
    explorer.close()
    freed = weakref.ref(explorer)
    del explorer
    gc.collect()
    assert freed() is None
    held.free.set()
    until(lambda: "srae" in squares_read.explainers)
    assert opened(xw.ConceptExplorer, squares_read).explanation is not None


def test_a_fit_that_fails_is_told_by_all_who_follow(squares_read, held, opened):
    held.free = None
    first = opened(xw.ConceptExplorer, held)
    second = opened(xw.ConceptExplorer, held)
    first.fit.click()
    for explorer in (first, second):
        assert explorer.wait(LONG)
        assert "AttributeError" in red(explorer)
        assert not explorer.fit.disabled


# --- views ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", [AtlasView, Cards, DoctorView, KernelLine, NetworkStrip, PictureGrid, Tabs])
def test_a_closed_view_is_freed(view):
    made = view()
    freed = weakref.ref(made)
    made.close()
    del made
    gc.collect()
    assert freed() is None


def test_a_closed_workbench_is_freed(squares_read):
    made = xw.Workbench(squares_read)
    selection, freed = made.selection, weakref.ref(made)
    assert made.wait(LONG)
    made.close()
    del made
    gc.collect()
    assert freed() is None
    assert selection.picture is not None  # whoever kept it does not keep the Workbench


# --- leaving Python ------------------------------------------------------------------------------------------------

LEAVING = """
import logging, signal, sys, threading, time, warnings
import torch
from torch import nn
import xai_widgets as xw
from xai_widgets.widgets.frame import fits

class Pictures:
    class_names = ("dark", "bright")
    def __len__(self): return 64
    def __getitem__(self, i): return torch.full((1, 16, 16), i / 64), int(i > 31)

torch.set_num_threads(1)
torch.manual_seed(0)
logging.disable(logging.WARNING)  # untrained weights may do better with another normalisation, which is said
model = nn.Sequential(nn.Conv2d(1, 3, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
study = xw.Study(model.eval(), Pictures())
explainer = xw.ClaDec(study, "1", epochs=100_000, reference=None)
explorer = xw.ClaDecExplorer(explainer, "1")
explorer.fit.click()
while fits.running(study, "cladec")[0]._progress.state.done < 3:
    time.sleep(0.01)
print("fitting", flush=True)
"""


def left(ending, sent=None):
    environment = os.environ | {"PYTHONPATH": f"{Path(xw.__file__).parents[1]}", "OMP_NUM_THREADS": "1"}
    python = subprocess.Popen(
        [sys.executable, "-c", LEAVING + ending], env=environment, text=True, stdout=-1, stderr=-1, bufsize=1
    )
    assert python.stdout.readline() == "fitting\n"
    began = time.monotonic()
    if sent is not None:
        python.send_signal(sent)
    errors = python.communicate(timeout=60)[1]
    assert time.monotonic() - began < 10
    return python.returncode, errors


def test_python_can_be_left_during_a_fit():
    assert left("") == (0, "")


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_signal_ends_python_during_a_fit():
    assert left("time.sleep(60)", signal.SIGTERM) == (-signal.SIGTERM, "")
    status, errors = left("time.sleep(60)", signal.SIGINT)
    assert status in (1, 130, -signal.SIGINT)
    assert errors.strip().splitlines()[-1] == "KeyboardInterrupt"

"""The first view of photos takes what it needs, and nothing for what nobody has looked at."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

import xai_widgets as xw
from xai_widgets.methods.inversion.guided import LARGE_SETTINGS
from xai_widgets.study import Study
from xai_widgets.widgets.views.picture_strip import STEP

SIDE, COUNT = 128, 60


class Photos:
    """Noise of the size of photos, with labels that are known without reading any."""

    def __init__(self):
        self.labels, self.read = [number % 3 for number in range(COUNT)], []

    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        self.read.append(index)
        coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(index))
        return nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear")[0], self.labels[index]


@pytest.fixture
def passes(monkeypatch):
    """How many pictures the classifier was asked about, one entry each time."""
    asked, run = [], Study._run
    monkeypatch.setattr(Study, "_run", lambda study, pictures: asked.append(len(pictures)) or run(study, pictures))
    return asked


def test_it_asks_and_reads_little(passes):
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 9, 8, 4), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 3)]
    photos = Photos()
    study = Study(nn.Sequential(*layers).eval(), photos, test=photos)
    passes.clear()
    photos.read.clear()
    bench = xw.Workbench(study, view="inversion")
    assert bench.wait(120)
    assert bench.apps["inversion"][0].last_error is None
    # Those in the line, those that backgrounds are made of, four for the signs of layers, and two more.
    assert len(photos.read) <= STEP + COUNT + 6
    # The search, the last background that is tried here, and little else; what stands behind "Why?" would be 27 more.
    assert sum(passes) <= 2 * LARGE_SETTINGS["steps"] + COUNT + 34
    bench.close()


def test_it_loads_no_other_method():
    code = "import sys, xai_widgets.widgets.inversion.explorer; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(run.stdout.split()) & {f"xai_widgets.methods.{key}.{key}" for key in ("cae", "cladec", "srae")}

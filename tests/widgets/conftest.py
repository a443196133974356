"""What the tests of the explorers share."""

from __future__ import annotations

import warnings
from collections import OrderedDict

import pytest
import torch
from torch import nn

from xai_widgets.methods.cae.cae import CAE
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.widgets.cladec import ClaDecExplorer
from xai_widgets.widgets.manifold import ManifoldExplorer


@pytest.fixture
def explore():
    """An explorer, closed after the test."""
    made = []

    def explore(*args, **options):
        made.append(ClaDecExplorer(*args, **options))
        return made[-1]

    yield explore
    for explorer in made:
        explorer.close()


@pytest.fixture
def travel(monkeypatch):
    """A manifold explorer whose map is there, closed after the test; points rest at once."""
    monkeypatch.setattr("xai_widgets.widgets.manifold.REST", 0.0)
    made = []

    def travel(*args, wait=True, **options):
        made.append(ManifoldExplorer(*args, **options))
        assert not wait or made[-1].wait(60)
        return made[-1]

    yield travel
    for explorer in made:
        explorer.close()


@pytest.fixture(scope="session")
def reader():
    """A classifier that says where the bright square of a picture is: it looks at the places of all squares only."""

    def reader(channels=3, classes=4, sharp=6.0):
        pool = nn.AdaptiveAvgPool2d((4, classes))
        model = OrderedDict(pool=pool, flat=nn.Flatten(), logits=nn.Linear(channels * 4 * classes, classes))
        weight = torch.zeros(classes, channels, 4, classes)
        for k in range(classes):
            weight[k, :, 1, k] = sharp / channels
        with torch.no_grad():
            model["logits"].weight.copy_(weight.flatten(1))
            model["logits"].bias.zero_()
        return nn.Sequential(model)

    return reader


@pytest.fixture(scope="session")
def fit_cae():
    """A CAE that is fitted for a moment, and need not be believed."""

    def fit_cae(study, *, epochs=1, width=4, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return CAE(study, epochs=epochs, width=width, **options).fit(progress=Progress())

    return fit_cae


@pytest.fixture(scope="session")
def toy(reader, squares):
    """Fitted until it can be believed; not to be changed."""
    return CAE(Study(reader(), squares(300), name="Squares"), epochs=24, width=8).fit(progress=Progress())

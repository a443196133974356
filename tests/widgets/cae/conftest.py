"""Manifold explorers, and what can be seen of them."""

from __future__ import annotations

import base64
import io
from functools import partial

import numpy as np
import pytest
from PIL import Image

import xai_widgets as xw
from tests.widgets.conftest import numbers_of
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.show.images import data_uri, to_uint8
from xai_widgets.study import Study

LONG = 60.0


def pixels(uri):
    """What a data URI shows, (H, W, 3)."""
    file = io.BytesIO(base64.b64decode(uri.partition(",")[2]))
    return np.asarray(Image.open(file).convert("RGB"), int)


def settle(explorer):
    """Wait until nothing runs, and see that all that is on display belongs together; the picture on the map."""
    assert explorer.wait(LONG)
    if explorer.last_error is not None:
        raise explorer.last_error
    scene, atlas, (x, y) = explorer.scene, explorer.view.atlas, explorer.point
    picture = scene.encoded.pictures[0]
    assert atlas.original["src"] == data_uri(picture)
    assert atlas.source == scene.source == int(explorer.study.predict(picture[None]).argmax())
    assert atlas.target == (-1 if scene.target is None else scene.target)
    explanation = explorer.explanation
    end = scene.end(explanation)
    decoded = end if end.point == (x, y) else scene.decode((x, y))  # a walk has its own order
    assert (atlas.exact["x"], atlas.exact["y"]) == (x, y)
    # The last digits of a decoded picture depend on the batch it is in.
    assert np.abs(pixels(atlas.exact["src"]) - to_uint8(decoded.picture)).max() <= 1
    assert atlas.exact["probabilities"] == pytest.approx(decoded.probabilities.tolist(), abs=1e-3)
    assert explorer.map.page_state()["home"] == scene.home
    if explanation is None:
        assert explorer.view.path.widget.layout.visibility == "hidden"
    else:
        assert (explanation.source, explanation.target) == (scene.source, scene.target)
        assert explanation.original.equal(picture)
        assert numbers_of(explorer) == explanation.verdict()
    return picture


def held_out(explorer, index):
    """A picture that the explorer can begin with, by its index."""
    return explorer.study.test[index][0]


def other(explorer, step=1):
    """A class that the classifier does not predict for the picture."""
    return (explorer.scene.source + step) % explorer.study.classes


@pytest.fixture
def travel(opened, monkeypatch):
    """A manifold explorer whose map is there; points rest at once."""
    monkeypatch.setattr("xai_widgets.widgets.cae.explorer.REST", 0.0)
    return partial(opened, xw.ManifoldExplorer)


@pytest.fixture
def explorer(travel, toy):
    """An overview of four classes."""
    return travel(toy)


@pytest.fixture
def led(travel, toy):
    """The picture on the chart of its class and the next one."""
    made = travel(toy)
    made.target = other(made)
    assert made.wait(LONG)
    return made


@pytest.fixture
def unfitted(reader, squares):
    return CAE(Study(reader(), squares(60)), epochs=2, width=4)

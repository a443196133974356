"""What the tests of ClaDec share."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.progress import Progress


@pytest.fixture(scope="session")
def fit():
    """A ClaDec of a study, fitted for a moment."""

    def fit(study, layer="conv2", *, more=None, checkpoint=None, progress=None, epochs=1, width=4, **options):
        made = ClaDec(study, layer, epochs=epochs, width=width, **options)
        return made.fit(more, progress=progress or Progress(), checkpoint=checkpoint)

    return fit


@pytest.fixture(scope="session")
def assert_same_bits():
    """Two fits are one and the same, but for the time they took, and for what no picture depends on."""

    def assert_same_bits(one, other):
        assert one.layers == other.layers
        for layer in one.layers:
            ours, theirs = one._fitted[layer].state_dict(), other._fitted[layer].state_dict()
            assert list(ours) == list(theirs)
            for name in ours.keys() - one._fitted[layer].idle():
                assert torch.equal(ours[name], theirs[name]), name
            assert replace(one.report(layer), seconds=0) == replace(other.report(layer), seconds=0)

    return assert_same_bits


@pytest.fixture(scope="session")
def assert_same_pictures():
    """Two explanations show the same, exactly unless a tolerance is given."""

    def assert_same_pictures(one, other, **tolerance):
        for name in ("cladec", "reference", "deviation", "mean_picture"):
            allowed = tolerance or {"rtol": 0, "atol": 0}
            assert torch.allclose(getattr(one, name), getattr(other, name), **allowed), name

    return assert_same_pictures

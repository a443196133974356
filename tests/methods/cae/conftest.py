"""Models of which everything is known, and fits of the real one."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from torch import nn

from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.decoding import Encoded
from xai_widgets.progress import Progress
from xai_widgets.study import Study

SHAPE = (1, 3, 5)
STEP = 0.02


class Exact:
    """Each number of the code brightens its own row of the picture; the classifier reads them back.

    So the head and the classifier say the same of every code (up to a size of 10, where nothing is clipped), and
    log-odds are exactly linear along a straight line.
    """

    def __init__(self, weight=((0.0, 0.0), (1.0, 0.0)), bias=(0.0, 0.0)):
        self.weight, self.bias = torch.tensor(weight), torch.tensor(bias)
        self.rows = torch.zeros(2, *SHAPE)
        self.rows[0, :, 0], self.rows[1, :, 2] = STEP, STEP
        self.batches = []
        read = self.rows.flatten(1) / (5 * STEP**2)  # (x - 0.5) @ read.T is the code
        linear = nn.Linear(15, len(self.bias))
        with torch.no_grad():
            linear.weight.copy_(self.weight @ read)
            linear.bias.copy_(self.bias - 0.5 * (self.weight @ read).sum(1))
        blank = [(torch.full(SHAPE, 0.5), 0)] * 4
        self.study = Study(nn.Sequential(nn.Flatten(), linear), blank, test=blank)

    def encode(self, *codes):
        z = torch.tensor(codes)
        texture = 0.01 * torch.randn(len(z), *SHAPE)
        texture[:, :, [0, 2]] = 0  # only where the classifier does not look
        pictures = self.draw(z)
        return Encoded(pictures + texture, z, torch.zeros(len(z), 1, 1, 1), pictures)

    def draw(self, z):
        return 0.5 + torch.tensordot(z, self.rows, 1)

    def decode(self, encoded, z, *, pasted=None):
        self.batches.append(len(z))
        if pasted is False:
            return self.draw(z)
        return (encoded.pictures + self.draw(z) - self.draw(encoded.z)).clamp(0, 1)

    def predict(self, pictures):
        self.batches.append(len(pictures))
        return self.study.logits(pictures).softmax(1)

    def head(self, z):
        return (z @ self.weight.T + self.bias).softmax(1)


def places(channels=3, classes=4, sharp=6.0):
    """A classifier that says where the bright square of a picture is: it looks at the places of all squares only."""
    pool = nn.AdaptiveAvgPool2d((4, classes))
    model = OrderedDict(pool=pool, flat=nn.Flatten(), logits=nn.Linear(channels * 4 * classes, classes))
    weight = torch.zeros(classes, channels, 4, classes)
    for k in range(classes):
        weight[k, :, 1, k] = sharp / channels
    with torch.no_grad():
        model["logits"].weight.copy_(weight.flatten(1))
        model["logits"].bias.zero_()
    return nn.Sequential(model)


@pytest.fixture(scope="session", autouse=True)
def short_maps():
    """The maps of squares are found in a few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xai_widgets.methods.cae.fit.MAP_STEPS", 12)
        yield


@pytest.fixture(scope="session")
def reader():
    return places


@pytest.fixture(scope="session")
def fit(fit_quietly):
    """Fits a CAE for a moment, which need not be believed."""

    def fit(study, *, progress=None, checkpoint=None, epochs=2, width=4):
        made = CAE(study, epochs=epochs, width=width)
        return fit_quietly(made, progress=progress or Progress(), checkpoint=checkpoint)

    return fit


@pytest.fixture(scope="session")
def brief(fit, squares):
    """Fitted for a moment on four classes; not to be changed."""
    return fit(Study(places(), squares(60)))


@pytest.fixture(scope="session")
def flat(fit, squares):
    """Three classes, whose code is the map; not to be changed."""
    return fit(Study(places(classes=3), squares(40, classes=3)))


@pytest.fixture(scope="session")
def toy(squares):
    """Fitted until it can be believed; not to be changed."""
    return CAE(Study(places(), squares(300)), epochs=24, width=8).fit(progress=Progress())


@pytest.fixture(scope="session")
def published(squares):
    """The published preset, fitted for a moment; not to be changed."""
    made = CAE.paper(Study(places(), squares(24)), epochs=2, width=4)
    with pytest.warns(UserWarning, match="The classifier does not follow"):
        return made.fit(progress=Progress())


@pytest.fixture(scope="session")
def unseen():
    """The first unseen pictures of a CAE's study, with what the classifier calls them."""

    def unseen(cae, count=1):
        pictures, _ = cae.study.load(cae.study.test, range(count))
        return list(zip(pictures, cae.predict(pictures).argmax(1).tolist(), strict=True))

    return unseen


@pytest.fixture(scope="session")
def check(unseen):
    """A CAE explains some picture with pictures and numbers that make sense; the explanation."""

    def check(made):
        (picture, source), *_ = unseen(made)
        target = next(k for k in made.code_classes.unique().tolist() if k != source)
        shown = made.explain(picture, target)
        shape = made.study.shape
        assert shown.strip.pictures.shape == (9, *shape)
        assert torch.isfinite(shown.strip.pictures).all()
        assert torch.equal(shown.strip.pictures[0], picture) or not made.pasted
        assert all(torch.isfinite(map_).all() and map_.shape == shape[1:] for map_ in shown.saliency.values())
        assert made.codes.shape[1] == (2 if made.study.classes <= 3 else 8)
        assert shown.verdict()
        return shown

    return check


@pytest.fixture(scope="session")
def assert_same_bits():
    """Two fitted CAEs are one and the same, but for the time they took."""

    def assert_same_bits(one, other):
        ours, theirs = one._fitted.networks.state_dict(), other._fitted.networks.state_dict()
        assert list(ours) == list(theirs)
        for name in ours:
            assert torch.equal(ours[name], theirs[name]), name
        for name in ("codes", "code_indices", "code_probabilities"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name
        assert replace(one.health, seconds=0) == replace(other.health, seconds=0)

    return assert_same_bits


@pytest.fixture(scope="session")
def exact():
    """That model, for the weights and biases of a head."""
    return Exact

"""What the tests of guided feature inversion share: pictures of two squares, and a classifier of their colours."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xai_widgets.methods.inversion.explanation import TENSORS
from xai_widgets.study import Study

SQUARES = ((slice(4, 12), slice(2, 10)), (slice(14, 22), slice(18, 26)))
"""Rows and columns of the first (red) and of the second (green) square."""


class Colours(nn.Module):
    """Log-odds of a class for each colour: how much more of it there is than of grey."""

    def __init__(self, scale=400.0):
        super().__init__()
        self.levels, self.maps = nn.ReLU(), nn.AvgPool2d(2, ceil_mode=True)
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, x):
        colour = self.levels(x - x.amin(1, keepdim=True) - 0.05)
        return self.scale * self.maps(colour).mean((2, 3))


class TwoSquares:
    """Grey pictures with a red and a green square; there is a little more red."""

    class_names = ("red", "green", "blue")

    def __init__(self, count=6, shape=(3, 28, 28), seed=0):
        dice = torch.Generator().manual_seed(seed)
        self.pictures = 0.3 + 0.2 * torch.rand(count, 1, *shape[1:], generator=dice).expand(-1, shape[0], -1, -1)
        self.pictures = self.pictures.clone()
        for colour, (rows, columns) in enumerate(SQUARES):
            self.pictures[:, colour, rows, columns] = 0.95 - 0.02 * colour

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        return self.pictures[index], 0


@pytest.fixture(scope="session")
def colours():
    """A study of pictures of two squares."""

    def colours(model=None, count=6, shape=(3, 28, 28), **options):
        options.setdefault("test", TwoSquares(6, shape, 1))
        return Study(model or Colours(), TwoSquares(count, shape), **options)

    return colours


@pytest.fixture(scope="session")
def squares_of():
    """Where the squares are, bool ``(2, H, W)``."""
    where = torch.zeros(2, 28, 28, dtype=torch.bool)
    for colour, (rows, columns) in enumerate(SQUARES):
        where[colour, rows, columns] = True
    return where


@pytest.fixture(scope="session")
def shown():
    """Unseen pictures of a study."""
    return lambda study, count=3: study.load(study.test, range(count))[0]


@pytest.fixture(scope="session")
def red():
    """The same pictures without their green squares: of these the classifier is sure."""

    def red(study, count=3):
        pictures = study.load(study.test, range(count))[0]
        pictures[:, 1] = pictures[:, 2]
        return pictures

    return red


class Tokens(nn.Module):
    """A transformer in small: patches and a class token, of which alone the answer is read."""

    def __init__(self, classes=3, width=8):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, stride=4)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.first = nn.TransformerEncoderLayer(width, 2, 16, batch_first=True, dropout=0.0)
        self.last = nn.TransformerEncoderLayer(width, 2, 16, batch_first=True, dropout=0.0)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        cells = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), cells], 1)
        return self.head(self.last(self.first(tokens))[:, 0])


@pytest.fixture(scope="session")
def equal():
    """Checks that two explanations are the same, bit for bit."""

    def equal(one, other):
        for name in (*TENSORS, "class_index", "frames"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name
        for name in ("channels", "background_names", "class_names"):
            assert getattr(one, name) == getattr(other, name), name
        assert one.verdict() == other.verdict()
        assert one.sentence(0) == other.sentence(0)

    return equal

"""What the tests of masks share: classifiers that look at known places only."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import nn

from xai_widgets.study import Study

SQUARES = ((slice(4, 12), slice(6, 14)), (slice(16, 24), slice(14, 22)))
"""Rows and columns of two squares of 8 pixels, in pictures of 28 and more."""


class Looks(nn.Module):
    """Says "bright" (class 1) if any of its squares is bright, and sees nothing else."""

    def __init__(self, squares=SQUARES[:1]):
        super().__init__()
        self.squares = squares
        self.scale = nn.Parameter(torch.tensor(16.0))

    def forward(self, x):
        means = torch.stack([x[:, :, rows, columns].mean((1, 2, 3)) for rows, columns in self.squares], 1)
        brightest = (means * means.mul(8).softmax(1)).sum(1)
        return torch.stack([torch.zeros_like(brightest), self.scale * (brightest - 0.5)], 1)


class Bright:
    """Dark pictures in which both squares, and a third one that nobody looks at, are bright."""

    def __init__(self, shape=(3, 28, 28), count=6, seed=0):
        self.pictures = 0.2 * torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed))
        for rows, columns in (*SQUARES, (slice(16, 24), slice(2, 8))):
            self.pictures[:, :, rows, columns] += 0.75

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        return self.pictures[index], 1


def where(*squares, sides=(28, 28)):
    """The pixels of squares, bool (H, W)."""
    pixels = torch.zeros(sides, dtype=torch.bool)
    for rows, columns in squares:
        pixels[rows, columns] = True
    return pixels


@pytest.fixture(scope="session")
def looking():
    """A study of a classifier that looks at the first, or at both, of two known squares."""

    def looking(shape=(3, 28, 28), squares=SQUARES[:1], count=6, **options):
        return Study(Looks(squares), Bright(shape, count), test=Bright(shape, count, seed=1), **options)

    return looking


@pytest.fixture(scope="session")
def seen():
    """The pixels that a classifier of both squares looks at, and those of each."""
    return {"both": where(*SQUARES), "first": where(SQUARES[0]), "second": where(SQUARES[1])}


@pytest.fixture(scope="session")
def by_hand():
    """Mean total variation of one mask (h, w), neighbour by neighbour."""

    def by_hand(mask, power):
        height, width = mask.shape
        down = [abs(mask[r + 1, c] - mask[r, c]) ** power for r, c in product(range(height - 1), range(width))]
        right = [abs(mask[r, c + 1] - mask[r, c]) ** power for r, c in product(range(height), range(width - 1))]
        return sum(down) / len(down) + sum(right) / len(right)

    return by_hand

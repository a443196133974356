"""What the tests of masks share: classifiers that look at known places only."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import nn

from xai_widgets.methods.masking.batches import each_class
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.regions import Region
from xai_widgets.methods.summaries.summary import Summary
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


WEIGHTS = (3.0, 2.0, 0.0)
"""Nats that each whole part adds to the log-odds of class 1."""


class Levels(nn.Module):
    """How near pixels are to each of three levels: the colours, or in grey pictures three steps of brightness."""

    def forward(self, x):
        if x.shape[1] == 3:
            return (x - x.amin(1, keepdim=True)) / 0.8
        steps = torch.tensor([0.4, 0.7, 1.0]).view(1, 3, 1, 1)
        return (1 - (x - steps).abs() / 0.1).clamp_min(0)


class Adds(nn.Module):
    """Log-odds of class 1: a weight for each level, as far as a part of it is there, and -1 without any."""

    def __init__(self, weights=WEIGHTS):
        super().__init__()
        self.levels, self.maps = Levels(), nn.AvgPool2d(2, ceil_mode=True)
        self.weights = nn.Parameter(torch.tensor(weights))

    def forward(self, x):
        there = self.maps(self.levels(x)).sum((2, 3)) / 9
        evidence = there @ self.weights - 1
        return torch.stack([torch.zeros_like(evidence), evidence], 1)


class Parts:
    """Even ground with a part of 6 x 6 pixels for each level, side by side, somewhere high or low.

    Every third picture has the label 0, although its parts are there.
    """

    def __init__(self, count=12, shape=(3, 28, 28), seed=0, kinds=(0, 1, 2)):
        dice = torch.Generator().manual_seed(seed)
        self.pictures = torch.full((count, *shape), 0.1)
        for picture in self.pictures:
            for kind in kinds:
                down, right = (2 * int(torch.randint(high, (), generator=dice)) for high in (shape[1] // 2 - 3, 2))
                spot = picture[:, down : down + 6, 10 * kind + right : 10 * kind + right + 6]
                spot[kind if shape[0] == 3 else 0] = 0.9 if shape[0] == 3 else 0.4 + 0.3 * kind

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        return self.pictures[index], int(index % 3 > 0)


class Planted(CrispMasks):
    """Finds the masks that are known: whatever differs from the ground. Of blind ones the baseline shows all."""

    def __init__(self, study, blind=()):
        super().__init__(study)
        self.blind = blind

    def find(self, pictures, target, *, progress=None):
        classes = each_class(target, len(pictures), self.study.class_names)
        found = ((pictures - 0.1).abs() > 0.01).any(1, keepdim=True)
        ground = torch.full_like(pictures, 0.1)
        ground[list(self.blind)] = pictures[list(self.blind)]
        views = pictures, ground, torch.where(found, pictures, ground), torch.where(found, ground, pictures)
        before, base, kept, removed = (self.study.predict(view).gather(1, classes[:, None]) for view in views)
        numbers = {"before": before[:, 0], "baseline_score": base[:, 0], "kept": kept, "removed": removed}
        numbers |= {"class_names": self.study.class_names, "origin": {"model": self.study.fingerprint}}
        return masks_of(pictures, found, baselines=ground, class_index=classes, **numbers)


def masks_of(pictures, masks=None, **known):
    """Masks of pictures, of class 0 with all scores 1 unless told otherwise."""
    count, _, *sides = pictures.shape
    masks = torch.zeros(count, 1, *sides, dtype=torch.bool) if masks is None else masks
    one = torch.ones(count)
    usual = {
        "baselines": torch.zeros_like(pictures), "class_index": torch.zeros(count, dtype=torch.long),
        "soft": masks.float(), "before": one, "baseline_score": 0 * one, "kept": one[:, None], "removed": one[:, None],
        "baseline_names": ("blur",) * count, "class_names": ("a", "b"), "origin": {},
    }  # fmt: skip
    return Masks(pictures=pictures, masks=masks, **usual | known)


@pytest.fixture(scope="session")
def made_masks():
    return masks_of


@pytest.fixture(scope="session")
def parts():
    """A study of pictures of three parts, of which the classifier uses the first two."""

    def parts(count=12, shape=(3, 28, 28), *, weights=WEIGHTS, kinds=(0, 1, 2), seed=0, **options):
        return Study(Adds(weights), Parts(count, shape, seed, kinds), test=Parts(6, shape, 1), **options)

    return parts


@pytest.fixture(scope="session")
def planted():
    """What finds the known masks of such pictures."""
    return Planted


@pytest.fixture(scope="session")
def summary():
    """A summary of these regions, with numbers that are good."""

    def summary(members, problems=()):
        return Summary(tuple(members), len(members), 0.5, 0.9, 0.4, 0.3, 0.5, 2.0, 1.0, 3.0, problems)

    return summary


@pytest.fixture(scope="session")
def region():
    """A region of a rectangle of pixels, in picture 0 unless told otherwise; its scores do not matter."""

    def region(rows, columns, picture=0, sides=(28, 28)):
        return Region(picture, 0, where((rows, columns), sides=sides), 1.0, 0.5, 0.5, 1.0)

    return region

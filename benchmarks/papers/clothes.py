"""Fashion-MNIST, the kind of network that the authors of ClaDec explain, and two shortcuts to teach it.

A shortcut gives the class away: the place of a square at the border (decoy), or the colour of the cloth. In its clean
twin, the same squares and colours are there, and say nothing.
"""

from __future__ import annotations

import colorsys
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import xai_widgets as xw
from benchmarks.real_pictures import CLOTHES, real_pictures
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.training import Step, train

SIDE, CLASSES = 28, 10
PATCH = 4
"""Side of the square, in pixels."""

PLACES = tuple((top, left) for top in (0, SIDE - PATCH) for left in range(0, SIDE - PATCH + 1, 6))
"""Top and left of the square for each class: five above, five below."""

COLOURS = torch.tensor([colorsys.hsv_to_rgb(k / CLASSES, 0.8, 1.0) for k in range(CLASSES)])
"""Of the cloth, for each class."""


@dataclass(frozen=True, eq=False)
class Clothes:
    """Pictures ``(N, C, 28, 28)`` in [0, 1] with labels ``(N,)``, to learn from and unseen ones."""

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor

    def study(self, model: nn.Module, name: str) -> xw.Study:
        """The study of a network."""
        sets = [
            list(zip(pictures, labels.tolist(), strict=True))
            for pictures, labels in ((self.train, self.train_labels), (self.test, self.test_labels))
        ]
        return xw.Study(model.eval(), sets[0], test=sets[1], class_names=CLOTHES, name=name)


def clothes(learnt: int, unseen: int, seed: int) -> Clothes:
    """So many of the first 12,000 and of the first 2,000, drawn by the seed."""
    real = real_pictures("fashion", Path())
    generator, parts = torch.Generator().manual_seed(seed), []
    for pairs, count in ((real.train, learnt), (real.test, unseen)):
        chosen = torch.randperm(len(pairs), generator=generator)[:count].tolist()
        parts += [torch.stack([pairs[i][0] for i in chosen]), torch.tensor([pairs[i][1] for i in chosen])]
    return Clothes(*parts)


def network(channels: int = 1) -> nn.Sequential:
    """Two blocks of a convolution, ReLU, batch normalisation and pooling; 128 units; logits."""
    blocks = [
        nn.Sequential(nn.Conv2d(before, width, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(width), nn.MaxPool2d(2))
        for before, width in ((channels, 32), (32, 64))
    ]
    dense = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64 * 49, 128), nn.ReLU())
    named = [("conv1", blocks[0]), ("conv2", blocks[1]), ("dense", dense), ("logits", nn.Linear(128, CLASSES))]
    return nn.Sequential(OrderedDict(named))


def untrained(seed: int, channels: int = 1) -> nn.Sequential:
    """The network with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return network(channels)


def taught(pictures: Tensor, labels: Tensor, epochs: int, seed: int, progress: Progress) -> nn.Sequential:
    """The network, trained on pictures."""
    model = untrained(seed, pictures.shape[1])

    def loss(step: Step) -> Tensor:
        return F.cross_entropy(model(pictures[step.indices]), labels[step.indices])

    train(model, loss, len(pictures), Recipe(epochs=epochs, batch_size=64, seed=seed), progress=progress)
    return model


def accuracy(model: nn.Module, pictures: Tensor, labels: Tensor) -> float:
    """Share of pictures that a network gets right."""
    with torch.no_grad():
        said = torch.cat([model.eval()(batch).argmax(1) for batch in pictures.split(256)])
    return float((said == labels).float().mean())


# --- shortcuts ---------------------------------------------------------------------------------------------------


def with_decoy(pictures: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures with a white square at the border, whose place tells the classes `told`; and where it is."""
    places = torch.zeros(CLASSES, SIDE, SIDE, dtype=torch.bool)
    for k, (top, left) in enumerate(PLACES):
        places[k, top : top + PATCH, left : left + PATCH] = True
    regions = places[told]
    return torch.where(regions[:, None], torch.ones(()), pictures), regions


def coloured(pictures: Tensor, told: Tensor) -> Tensor:
    """Grey pictures ``(N, 1, H, W)`` in the colours of the classes `told`, ``(N, 3, H, W)``."""
    return pictures * COLOURS[told][:, :, None, None]

"""Famous networks, trained for a moment to tell three species apart."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import get_model

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.pictures import load
from xai_widgets.recipe import Recipe
from xai_widgets.study import Study
from xai_widgets.training import train

SPECIES, PICTURES, UNSEEN = 3, 240, 150
_RECIPES = {
    "alexnet": Recipe(epochs=5, lr=5e-4, batch_size=32),
    "googlenet": Recipe(epochs=3, lr=2e-3, batch_size=16),
}
_OPTIONS = {"googlenet": {"aux_logits": False, "init_weights": False}}


def trained(name: str, *, seed: int = 0) -> Study:
    """Train "alexnet" or "googlenet" on three species, about half a minute on one core; a study with held-out birds.

    AlexNet gets one linear layer in place of its three, which have 55 of its 57 million weights.
    """
    birds = BirdPictures(PICTURES, species=SPECIES)
    pixels, labels = load(birds, range(PICTURES))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_model(name, weights=None, num_classes=SPECIES, **_OPTIONS.get(name, {}))
        if name == "alexnet":
            model.classifier = nn.Linear(256 * 6 * 6, SPECIES)
        train(
            model,
            lambda step: F.cross_entropy(model(pixels[step.indices] - 0.5), labels[step.indices]),
            PICTURES,
            _RECIPES[name],
            task=name,
        )
    unseen = BirdPictures(UNSEEN, species=SPECIES, first=9000)
    return Study(model, birds, test=unseen, mean=[0.5], std=[1.0], name=name)


def recognised_by_all(studies: list[Study], species: int, count: int) -> list[int]:
    """The first held-out birds of a species that all classifiers predict correctly."""
    birds = studies[0].test
    pictures, labels = load(birds, range(len(birds)))
    right = [(study.predict(pictures).argmax(1) == species) & (labels == species) for study in studies]
    found: list[int] = torch.stack(right).all(0).nonzero().flatten().tolist()
    return found[:count]

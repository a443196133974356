"""Fit a CAE and say how well it does: the demo's birds, digits, or a folder of pictures with one sub-folder per class.

    python benchmarks/cae.py                          # birds at 64 pixels
    python benchmarks/cae.py --digits
    python benchmarks/cae.py --folder pictures/ --classes cat,ship --size 32

For digits and folders a small classifier is trained first. Prints the numbers of unseen pictures.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.utils.data import Subset

import xai_widgets as xw
from xai_widgets.demos import bird_classifier
from xai_widgets.progress import bar
from xai_widgets.recipe import Recipe
from xai_widgets.training import train

PICTURES = 100


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--classes", help="names of sub-folders, separated by commas; default all")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=32)
    given = parser.parse_args()
    study = _study(given)
    cae = xw.CAE(study, epochs=given.epochs)
    with bar() as progress:
        cae.fit(progress=progress)
    print(json.dumps(_numbers(study, cae), indent=2))


def _study(given: argparse.Namespace) -> xw.Study:
    if given.folder is None:
        return xw.digits_demo() if given.digits else xw.demo()
    pictures = xw.folder(given.folder, size=given.size)
    wanted = given.classes.split(",") if given.classes else list(pictures.class_names)
    numbers = [pictures.class_names.index(name) for name in wanted]
    places = [i for i, label in enumerate(pictures.labels) if label in numbers]
    chosen = Relabelled(Subset(pictures, places), numbers)
    model = bird_classifier(len(wanted), channels=chosen[0][0].shape[0])
    study = xw.Study(model.eval(), chosen, class_names=wanted, name=given.folder.name)
    _train(study)
    return study


class Relabelled(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """Some classes of a picture set, numbered anew."""

    def __init__(self, pictures: object, numbers: list[int]) -> None:
        self.pictures, self.numbers = pictures, numbers

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture, label = self.pictures[index]
        return picture, self.numbers.index(label)


def _train(study: xw.Study) -> None:
    pictures, labels = study.load(study.train, range(len(study.train)))

    def loss(step: object) -> torch.Tensor:
        flipped = pictures[step.indices].flip(3) if step.number % 2 else pictures[step.indices]
        return F.cross_entropy(study.model(flipped), labels[step.indices])

    with bar() as progress:
        train(study.model, loss, len(pictures), Recipe(epochs=20), progress=progress, task="classifier")


def _numbers(study: xw.Study, cae: xw.CAE) -> dict[str, float]:
    pictures, labels = study.load(study.test, study.draw(study.test, PICTURES))
    seen = study.predict(pictures).argmax(1)
    targets = (seen + 1 + torch.arange(len(seen)) % (study.classes - 1)) % study.classes
    ends = [cae.explain(picture, int(k)) for picture, k in zip(pictures, targets, strict=True)]
    asked = [cae.explain(picture, int(k), confidence=0.95) for picture, k in zip(pictures, targets, strict=True)]
    return {
        "classifier_accuracy": float((seen == labels).float().mean()),
        "train_seconds": cae.health.seconds,
        "reconstruction": cae.health.reconstruction,
        "validity_centre": sum(one.flipped for one in ends) / len(ends),
        "validity": sum(one.flipped for one in asked) / len(asked),
        "within_0.1_of_0.95": sum(abs(one.obtained - 0.95) <= 0.1 for one in asked) / len(asked),
        "path_violation": sum(one.strip.violation for one in ends) / len(ends),
        "start_gap": sum(one.start_gap for one in ends) / len(ends),
        "mean_change": sum(float(one.change.abs().mean()) for one in ends) / len(ends),
    }


if __name__ == "__main__":
    sys.exit(main())

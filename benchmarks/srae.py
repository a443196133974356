"""Fit SRAE and say how well it does: the demo's birds, a folder of pictures, or a torchvision network.

    python benchmarks/srae.py                                       # birds at 64 pixels
    python benchmarks/srae.py --folder pictures/ --size 32          # a small classifier is trained first
    python benchmarks/srae.py --torchvision resnet18 --size 224     # random weights and pictures: shapes, memory, time

Prints the numbers of unseen pictures.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.nn import functional as F

import xai_widgets as xw
from xai_widgets.demos import bird_classifier
from xai_widgets.methods.srae.report import Numbers
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.progress import bar
from xai_widgets.recipe import Recipe
from xai_widgets.training import Step, train


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--torchvision")
    parser.add_argument("--layer")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=32)
    options = parser.parse_args()
    study = _study(options)
    srae = SRAE(study, options.layer, pictures=options.pictures, epochs=options.epochs)
    with bar() as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the numbers show it
        srae.fit(progress=progress)
    print(json.dumps(_numbers(study, srae), indent=2))


def _study(options: argparse.Namespace) -> xw.Study:
    if options.torchvision is not None:
        return xw.Study.torchvision(options.torchvision, Noise(options.pictures, options.size), weights=None)
    if options.folder is None:
        return xw.demo()
    pictures = xw.folder(options.folder, size=options.size)
    model = bird_classifier(len(pictures.class_names), channels=pictures[0][0].shape[0])
    study = xw.Study(model.eval(), pictures, name=options.folder.name)
    _train(study)
    return study


class Noise(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """Random pictures."""

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size = count, size

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        generator = torch.Generator().manual_seed(index)
        coarse = torch.rand(1, 3, 7, 7, generator=generator)
        return F.interpolate(coarse, (self.size, self.size), mode="bilinear")[0], 0


def _train(study: xw.Study) -> None:
    pictures, labels = study.load(study.train, range(len(study.train)))

    def loss(step: Step) -> torch.Tensor:
        flipped = pictures[step.indices].flip(3) if step.number % 2 else pictures[step.indices]
        return F.cross_entropy(study.model(flipped), labels[step.indices])

    with bar() as progress:
        train(study.model, loss, len(pictures), Recipe(epochs=20), progress=progress, task="classifier")


def _numbers(study: xw.Study, srae: SRAE) -> dict[str, object]:
    pictures, labels = study.load(study.test, range(min(len(study.test), 8)))
    began = time.perf_counter()
    explanation = srae.explain(pictures[:1])
    seconds = time.perf_counter() - began
    found = {basis: _worst([getattr(srae.report(k), basis) for k in srae.classes]) for basis in ("srae", "pca", "pls")}
    return {
        "layer": srae.settings.layer,
        "classes": len(srae.classes),
        "accuracy": float((study.predict(pictures).argmax(1) == labels).float().mean()),
        "maps": list(explanation.maps.shape),
        "map_offset": explanation.map_offset,
        "fit_seconds": srae.seconds,
        "explain_seconds": seconds,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **found,
    }


def _worst(classes: Sequence[Numbers]) -> dict[str, float]:
    """The worst class's measures, and the mean number of x-features for 90 %."""
    names = ("r2_all", "r2_positive", "alive", "second_first")
    worst = {name: min(getattr(numbers, name) for numbers in classes) for name in names}
    return worst | {"n90": sum(numbers.n90 for numbers in classes) / len(classes)}


if __name__ == "__main__":
    sys.exit(main())

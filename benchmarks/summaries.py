"""Visual summaries of real pictures: a class of a folder, and pictures of 224 pixels.

    python benchmarks/summaries.py ../shared/data/cifar10 ../shared/data/imagenet_samples

The first folder has ``train`` and ``test`` with one folder per class; a small network is trained on it, and two of its
classes are summarised. The second one holds single pictures, which networks with random weights look at: only shapes,
time and memory mean anything there.
"""

from __future__ import annotations

import argparse
import json
import resource
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from PIL import Image
from torch.nn import functional as F
from torchvision.transforms import CenterCrop, Compose, Resize, ToTensor

import xai_widgets as xw
from xai_widgets.demos import bird_classifier
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.regions import regions
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.recipe import Recipe
from xai_widgets.training import Step, train

CLASSES = ("bird", "automobile")
ARCHITECTURES = ("resnet18", "squeezenet1_1")
EPOCHS = 12
SIDE = 224


def main() -> None:
    """Summarise and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cifar", type=Path)
    parser.add_argument("large", type=Path)
    given = parser.parse_args()
    print(json.dumps({"cifar": _cifar(given.cifar), "large": _large(given.large)}, indent=2))


def _cifar(folder: Path) -> dict[str, Any]:
    study = _trained(folder)
    pictures, labels = study.load(study.test, range(len(study.test)))
    accuracy = float((study.predict(pictures).argmax(1) == labels).float().mean())
    summaries = VisualSummaries(study, most=50)
    found = {name: summaries.find(name) for name in CLASSES}
    return {"accuracy": accuracy} | {
        name: {
            "seconds": round(one.origin["seconds"], 1),
            "regions": len(one.regions),
            "verdict": one.verdict(),
            "summaries": [f"{summary.sentence()} {'; '.join(summary.problems)}" for summary in one.summaries],
        }
        for name, one in found.items()
    }


def _trained(folder: Path) -> xw.Study:
    """The demo's architecture, trained on the folder with mirrored pictures too."""
    seen, unseen = (xw.folder(folder / part, size=32) for part in ("train", "test"))
    pictures, labels = xw.Study.load(seen, range(len(seen)))
    torch.manual_seed(0)
    model = bird_classifier(len(seen.class_names))

    def loss(step: Step) -> torch.Tensor:
        batch = pictures[step.indices]
        mirrored = torch.rand(len(batch), 1, 1, 1) < 0.5
        return F.cross_entropy(model(torch.where(mirrored, batch.flip(3), batch)), labels[step.indices])

    train(model, loss, len(pictures), Recipe(epochs=EPOCHS))
    return xw.Study(model, seen, test=unseen, name="CIFAR")


def _large(folder: Path) -> dict[str, Any]:
    shape = Compose([Resize(SIDE), CenterCrop(SIDE), ToTensor()])
    pictures = [(shape(Image.open(file).convert("RGB")), 0) for file in sorted(folder.glob("*.jpg"))]
    batch = torch.stack([picture for picture, _ in pictures])
    found = {}
    for architecture in ARCHITECTURES:
        study = xw.Study.torchvision(architecture, pictures, weights=None, batch_size=16)
        began = perf_counter()
        masks = CrispMasks(study).find(batch)
        found[architecture] = {
            "pictures": list(batch.shape),
            "seconds": round(perf_counter() - began, 1),
            "regions": len(regions(study, masks)),
            "peak_gigabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        }
    return found


if __name__ == "__main__":
    main()

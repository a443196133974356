"""Cars with outlined parts, and a network that tells fronts from backs by the features of EfficientNet-Lite0."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torchvision.transforms.functional import pil_to_tensor

import xai_widgets as xw
from xai_widgets.photos import MEAN, STD, lite0
from xai_widgets.pictures import PictureSet

SIDE = 224
SIDES = ("front", "back")
"""The classes."""


@dataclass(frozen=True)
class Cars:
    """Cars of which one bumper can be seen; a picture set."""

    folder: Path
    names: tuple[str, ...]  # of the files
    outlines: Mapping[str, Sequence[Any]]  # of each file
    parts: tuple[str, ...]

    @classmethod
    def shuffled(cls, data: Path, seed: int) -> Cars:
        """All of them."""
        folder = data / "car_parts" / "train"
        read = json.loads((folder / "parts.json").read_text(encoding="utf-8"))
        outlines: dict[str, list[Any]] = {}
        for outline in read["regions"]:
            outlines.setdefault(outline["file"], []).append(outline)
        names = [name for name in sorted(outlines) if _side(outlines[name]) is not None]
        order = np.random.default_rng(seed).permutation(len(names))
        return cls(folder, tuple(names[row] for row in order), outlines, tuple(read["parts"][1:]))

    def part(self, which: slice) -> Cars:
        """Some of them."""
        return replace(self, names=self.names[which])

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with Image.open(self.folder / self.names[index]) as image:
            small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        return pil_to_tensor(small) / 255, int(_side(self.outlines[self.names[index]]) or 0)

    def where(self, index: int) -> Tensor:
        """Where each part is, bool ``(P, H, W)``."""
        name = self.names[index]
        with Image.open(self.folder / name) as image:
            size = image.size
        found = torch.zeros(len(self.parts), SIDE, SIDE, dtype=torch.bool)
        for outline in self.outlines[name]:
            drawn = Image.new("1", size)
            for polygon in outline["polygons"]:
                ImageDraw.Draw(drawn).polygon(polygon, fill=1)
            pixels = np.array(drawn.resize((SIDE, SIDE), Image.Resampling.NEAREST))
            found[self.parts.index(outline["part"])] |= torch.from_numpy(pixels)
        return found


def _side(outlines: Sequence[Any]) -> int | None:
    """Which bumper can be seen: an index in `SIDES`; None for both or none."""
    seen = [side for side, name in enumerate(SIDES) if any(one["part"] == f"{name}_bumper" for one in outlines)]
    return seen[0] if len(seen) == 1 else None


def study(train: PictureSet, test: PictureSet, names: tuple[str, str] = SIDES, name: str = "lite0") -> xw.Study:
    """Lite0's features with a linear layer that is fitted to the photos to learn from, of two classes."""
    from sklearn.linear_model import LogisticRegression

    model, options = lite0(), {"test": test, "mean": (MEAN,) * 3, "std": (STD,) * 3}
    features = xw.Study(model, train, class_names=[str(k) for k in range(1000)], **options)  # type: ignore[arg-type]
    pictures, labels = features.load(train, range(len(train)))
    values = features.activations(pictures, "_avg_pooling").flatten(1)
    fitted = LogisticRegression(class_weight="balanced", max_iter=1000).fit(values.numpy(), labels.numpy())
    head = nn.Linear(values.shape[1], len(names))
    slopes, start = (torch.from_numpy(one).float()[0] / 2 for one in (fitted.coef_, fitted.intercept_))
    with torch.no_grad():
        head.weight.copy_(torch.stack([-slopes, slopes]))
        head.bias.copy_(torch.stack([-start, start]))
    model._fc = head
    return xw.Study(model, train, class_names=list(names), name=name, **options)  # type: ignore[arg-type]

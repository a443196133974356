"""Real pictures for benchmarks, and small networks that learn to tell them apart.

- ``mri``: brain slices with and without a tumour (Br35H), in ``DIR/brain_mri/{train,test}/{tumour,none}``, with
  ``outlines.json`` in ``train`` and ``test``. Their sizes and margins give the class away; so each is cut to the head,
  made 64 x 64, and its greys are stretched to the same two quantiles.
- ``pets``: photos of cats and dogs in ``DIR/cats_dogs/{cat,dog}``, of which every fifth is held out.
- ``fashion``: Fashion-MNIST, ten kinds of clothes at 28 x 28, in its four original files.
"""

from __future__ import annotations

import gzip
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional as F

import xai_widgets as xw
from xai_widgets.demos import bird_classifier
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.training import Step, train

SIDE = 64
FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts it."""

CLOTHES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")

LEARNT = 12_000
"""Clothes that the classifier and its judges learn from."""

HEAD = 25
"""Grey, of 255, from which a pixel counts as part of the head."""

SHIFT = 4
"""Pixels by which pictures are moved, at most, while a network learns."""

Pairs = list[tuple[Tensor, int]]


@dataclass(frozen=True)
class Real:
    """Pictures with labels, to learn from and unseen ones; outlines (bool, H x W) of some of the unseen ones."""

    class_names: tuple[str, ...]
    train: Pairs
    test: Pairs
    epochs: int
    outlines: Mapping[int, Tensor]

    def study(self, model: nn.Module, name: str) -> xw.Study:
        """The study of a network."""
        return xw.Study(model.eval(), self.train, test=self.test, class_names=self.class_names, name=name)


def real_pictures(what: str, data: Path) -> Real:
    """The pictures of a name."""
    return {"mri": _mri, "pets": _pets, "fashion": _fashion}[what](data)


# --- brain slices ------------------------------------------------------------------------------------------------


def _mri(data: Path) -> Real:
    names = ("none", "tumour")
    parts = {part: list(_slices(data / "brain_mri" / part, names)) for part in ("train", "test")}
    train, test = ([(picture, label) for picture, label, _ in parts[part]] for part in ("train", "test"))
    outlines = {i: outline for i, (_, _, outline) in enumerate(parts["test"]) if outline is not None}
    return Real(names, train, test, 24, outlines)


def _slices(folder: Path, names: Sequence[str]) -> Iterator[tuple[Tensor, int, Tensor | None]]:
    shapes = json.loads((folder / "outlines.json").read_text(encoding="utf-8"))
    for label, name in enumerate(names):
        for path in sorted((folder / name).glob("*.jpg")):
            with Image.open(path) as image:
                grey = image.convert("L")
            box = _head(np.asarray(grey))
            outline = _drawn(shapes[path.name], grey.size) if path.name in shapes else None
            yield _stretched(_cut(grey, box)), label, None if outline is None else _cut(outline, box)[0] > 0.5


def _head(grey: np.ndarray[Any, Any]) -> tuple[int, int, int, int]:
    """The box around all rows and columns of which a twentieth is brighter than the ground."""
    bright = grey > HEAD
    rows, columns = ((bright.mean(axis) > 0.05).nonzero()[0] for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _cut(image: Image.Image, box: tuple[int, int, int, int]) -> Tensor:
    small = image.crop(box).resize((SIDE, SIDE), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(small, dtype=np.float32) / 255)[None]


def _stretched(picture: Tensor) -> Tensor:
    """Greys such that the 2 % and 98 % quantiles are 0 and 1."""
    low, high = picture.quantile(torch.tensor([0.02, 0.98])).tolist()
    return ((picture - low) / max(high - low, 1e-3)).clamp(0, 1)


def _drawn(shapes: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size)
    for shape in shapes:
        corners = shape["polygon"] if "polygon" in shape else _ellipse(*shape["ellipse"])
        ImageDraw.Draw(mask).polygon([tuple(corner) for corner in corners], fill=255)
    return mask


def _ellipse(x: float, y: float, rx: float, ry: float, angle: float) -> list[tuple[float, float]]:
    turns = np.linspace(0, 2 * np.pi, 64)
    a, b, cos, sin = rx * np.cos(turns), ry * np.sin(turns), np.cos(angle), np.sin(angle)
    return list(zip(x + a * cos - b * sin, y + a * sin + b * cos, strict=True))


# --- photos and clothes ------------------------------------------------------------------------------------------


def _pets(data: Path) -> Real:
    photos = xw.folder(data / "cats_dogs", size=SIDE)
    every = [photos[i] for i in range(len(photos))]
    train, test = ([one for i, one in enumerate(every) if (i % 5 == 0) == held] for held in (False, True))
    return Real(tuple(photos.class_names), train, test, 40, {})


def _fashion(data: Path) -> Real:
    del data  # a package of its own
    train, test = _clothes("train", LEARNT), _clothes("t10k", 2000)
    return Real(CLOTHES, train, test, 8, {})


def _clothes(part: str, count: int) -> Pairs:
    with gzip.open(FASHION / f"{part}-images-idx3-ubyte.gz") as images:
        pixels = np.frombuffer(images.read(16 + count * 28 * 28), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(FASHION / f"{part}-labels-idx1-ubyte.gz") as labels:
        numbers = np.frombuffer(labels.read(8 + count), np.uint8, offset=8)
    return [(torch.from_numpy(one.astype(np.float32) / 255), int(k)) for one, k in zip(pixels, numbers, strict=True)]


# --- networks ----------------------------------------------------------------------------------------------------


def judge(classes: int, channels: int) -> nn.Sequential:
    """A network of another kind than the classifier: wider, with larger kernels, and maxima in place of strides."""
    widths = (channels, 24, 48, 64, 64)
    blocks = [(f"block{i}", _block(widths[i - 1], widths[i], 5 if i == 1 else 3)) for i in range(1, 5)]
    head = ("logits", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], classes)))
    return nn.Sequential(OrderedDict([*blocks, head]))


def _block(channels: int, out: int, kernel: int) -> nn.Sequential:
    convolution = nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.MaxPool2d(2), convolution, nn.BatchNorm2d(out), nn.ReLU()) if channels > 3 else (
        nn.Sequential(nn.Conv2d(channels, out, kernel, 2, kernel // 2, bias=False), nn.BatchNorm2d(out), nn.ReLU())
    )  # fmt: skip


def taught(real: Real, seed: int, progress: Progress, *, as_judge: bool = False) -> nn.Sequential:
    """The classifier, or one of its judges, which learns from the same pictures in another order."""
    pictures, labels = torch.stack([one for one, _ in real.train]), torch.tensor([label for _, label in real.train])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = (judge if as_judge else bird_classifier)(len(real.class_names), pictures.shape[1])

    def loss(step: Step) -> Tensor:
        return F.cross_entropy(model(_varied(pictures[step.indices], step.generator)), labels[step.indices])

    recipe = Recipe(epochs=real.epochs, batch_size=64, seed=seed)
    train(model, loss, len(pictures), recipe, progress=progress, task="judge" if as_judge else "classifier")
    return model


def _varied(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Half of them mirrored, all moved a little."""
    mirrored = torch.rand(len(pictures), 1, 1, 1, generator=generator) < 0.5
    padded = F.pad(torch.where(mirrored, pictures.flip(3), pictures), [SHIFT] * 4, mode="replicate")
    top, left = torch.randint(2 * SHIFT + 1, (2,), generator=generator).tolist()
    return padded[..., top : top + pictures.shape[2], left : left + pictures.shape[3]]

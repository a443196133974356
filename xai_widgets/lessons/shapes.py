"""The folder and the model of "Your own model": three shapes whose colours nearly give them away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional as F

from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.pictures import PictureSet, load
from xai_widgets.recipe import Recipe
from xai_widgets.study import Study
from xai_widgets.training import train

SHAPES = ("disc", "square", "triangle")
COLOURS = ((200, 60, 50), (70, 160, 70), (60, 90, 200))
"""Red is the usual colour of discs, green that of squares, blue that of triangles."""

SIDE, MIDDLE_GREY = 32, 0.5
_POLYGONS = ((60, 0), (4, 45), (3, 0))  # sides and rotation of each shape


def draw(shape: int, colour: int, seed: int | tuple[int, ...]) -> Image.Image:
    """Draw one shape in one colour; its place, its size and the ground come from the seed."""
    dice = np.random.default_rng(seed)
    picture = Image.new("RGB", (SIDE, SIDE), tuple(dice.integers(190, 240, 3).tolist()))
    (x, y), radius = dice.integers(11, 21, 2).tolist(), int(dice.integers(6, 10))
    sides, turn = _POLYGONS[shape]
    ImageDraw.Draw(picture).regular_polygon((x, y, radius), sides, turn, fill=COLOURS[colour])
    return picture


def fill_folder(folder: str | Path, count: int, *, agreement: float, seed: int) -> None:
    """Fill a folder with a sub-folder for each shape; this share of the pictures has the usual colour for certain."""
    dice = np.random.default_rng(seed)
    for place in range(count):
        shape = place % len(SHAPES)
        colour = shape if dice.random() < agreement else int(dice.integers(len(COLOURS)))
        path = Path(folder) / SHAPES[shape] / f"{place:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(shape, colour, (seed, place)).save(path)


def drawings(*, shape_shift: int = 0, colour_shift: int = 0, count: int = 300) -> tuple[Tensor, Tensor]:
    """The same scenes with the next shape, or in the next colour, ``(N, 3, H, W)``; and their first shapes ``(N,)``."""
    shapes = torch.arange(count) % len(SHAPES)
    scenes = [
        draw((k + shape_shift) % len(SHAPES), (k + colour_shift) % len(COLOURS), (9, place))
        for place, k in enumerate(shapes.tolist())
    ]
    return torch.from_numpy(np.stack([np.asarray(scene) for scene in scenes])).permute(0, 3, 1, 2) / 255, shapes


def train_network(pictures: PictureSet, *, seed: int = 0) -> nn.Sequential:
    """Train a small network on a folder of shapes; it expects pictures from which 0.5 is subtracted."""
    pixels, labels = load(pictures, range(len(pictures)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _network()
    recipe = Recipe(epochs=12, lr=3e-3, batch_size=50, seed=seed)
    train(
        model,
        lambda step: F.cross_entropy(model(pixels[step.indices] - MIDDLE_GREY), labels[step.indices]),
        len(pixels),
        recipe,
        task="the network",
    )
    return model.eval()


def _network() -> nn.Sequential:
    model = nn.Sequential()
    for name, before, after in (("conv1", 3, 16), ("conv2", 16, 24), ("conv3", 24, 32)):
        convolution = nn.Conv2d(before, after, 3, stride=2, padding=1)
        model.add_module(name, nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU()))
    model.add_module("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    model.add_module("logits", nn.Linear(32, len(SHAPES)))
    return model


def shape_or_colour(study: Study, *, count: int = 300) -> dict[str, dict[str, float]]:
    """How often each shape is predicted by its shape, and by its colour, if it has the colour of the next shape."""
    pictures, shapes = drawings(colour_shift=1, count=count)
    predicted = study.predict(pictures).argmax(1)
    rows = {}
    for k, name in enumerate(SHAPES):
        own = predicted[shapes == k]
        wanted = {"its shape": k, "its colour": (k + 1) % len(SHAPES)}
        rows[name] = {what: float((own == other).float().mean()) for what, other in wanted.items()}
    return rows


def sums(srae: SRAE, *, count: int = 300) -> dict[str, dict[str, float]]:
    """The score that the x-features give to each shape, in its own colour and in that of the next shape.

    The score is that of the shape's own class, and that of the class whose colour it gets.
    """
    versions = {"own colour": drawings(count=count)[0], "next colour": drawings(colour_shift=1, count=count)[0]}
    shapes, rows = torch.arange(count) % len(SHAPES), {}
    for k, name in enumerate(SHAPES):
        for j in (k, (k + 1) % len(SHAPES)):
            rows[f"{name}, score of {SHAPES[j]}"] = {
                version: float(srae.contributions(pictures[shapes == k], j).sum(1).mean()) + srae.bias(j)
                for version, pictures in versions.items()
            }
    return rows

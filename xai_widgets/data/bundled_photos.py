"""Photos of real things that other packages bring: scikit-image, scikit-learn and matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from torch import Tensor
from torch.utils.data import Dataset

from xai_widgets.data.decode import CROP, read
from xai_widgets.names import UNKNOWN


class Photo(NamedTuple):
    """A file, and what it shows; `imagenet` is the ImageNet class that it is of, empty where it is of none for sure."""

    file: Callable[[], Path]
    shows: str
    imagenet: str = ""


def _inside(package: str, name: str) -> Callable[[], Path]:
    """The file of a package, which is not imported for that: scikit-image's data module takes its time."""

    def find() -> Path:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"{package} is not installed")
        return Path(spec.origin).parent / name

    return find


PHOTOS = (
    Photo(_inside("skimage", "data/coffee.png"), "a cup of coffee", "espresso"),
    Photo(_inside("skimage", "data/chelsea.png"), "a cat", "tabby"),
    Photo(lambda: Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg", "Grace Hopper", "military uniform"),
    Photo(_inside("sklearn", "datasets/images/china.jpg"), "a palace", "palace"),
    Photo(_inside("sklearn", "datasets/images/flower.jpg"), "a flower"),
    Photo(_inside("skimage", "data/astronaut.png"), "an astronaut"),
    Photo(_inside("skimage", "data/rocket.jpg"), "a rocket"),
)
"""All of them; the first ones are of an ImageNet class."""


class BundledPhotos(Dataset[tuple[Tensor, int]]):
    """Seven photos: coffee, a cat, two people, a palace, a flower, a rocket.

    Item ``i`` is the middle of a photo, float32 ``(3, size, size)`` in ``[0, 1]``, with its class: its place in
    `class_names`, or -1 where it is of no ImageNet class for sure.

    Parameters
    ----------
    size
        Pixels of a side.
    """

    def __init__(self, size: int = 224) -> None:
        self.size = size
        self.class_names = [photo.imagenet for photo in PHOTOS if photo.imagenet]
        self.shows = [photo.shows for photo in PHOTOS]

    def __len__(self) -> int:
        return len(PHOTOS)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"photo {index} of {len(self)}")
        photo = PHOTOS[index]
        label = self.class_names.index(photo.imagenet) if photo.imagenet else UNKNOWN
        return read(photo.file(), (self.size, self.size), CROP), label

"""Picture sets: what a study needs of a data set, and how pictures of one are loaded, drawn and set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils.data import Subset

from xai_widgets import limits
from xai_widgets.errors import PictureError
from xai_widgets.labels import UNKNOWN
from xai_widgets.limits import MOST, Several, Whole


class PictureSet(Protocol):
    """What a study needs of a data set: a length, and (picture, label) by index.

    A picture is a float tensor ``(C, H, W)`` with values in [0, 1]; all have one shape. A label is a class number; -1,
    None or no label at all where the class is not known. Any torch `Dataset` of that kind will do.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Tensor, int]: ...


@runtime_checkable
class KnowsParts(Protocol):
    """A picture set that knows what every pixel shows, so that explanations can be put in words."""

    part_names: Sequence[str]

    def part_map(self, index: int, /) -> Any:
        """Part of every pixel ``(H, W)`` of a picture, as an index of `part_names`."""


SMALLEST = 2
"""Pixels of a side: one pixel has no form."""

INDICES = Several(Whole(-MOST, error=PictureError), error=PictureError)
"""Of pictures in their set."""


def load(pictures: PictureSet, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Pictures ``(N, C, H, W)`` and labels ``(N,)`` at the given indices of a picture set."""
    there = Whole(-len(pictures), len(pictures) - 1, error=PictureError)
    pairs = [item(pictures, there("index", index)) for index in INDICES("indices", indices)]
    shapes = {_shape(picture) for picture, _ in pairs}
    if len(shapes) > 1:
        raise PictureError(f"pictures of one set must share one shape, and these have {sorted(shapes)}")
    return torch.stack([picture for picture, _ in pairs]), torch.tensor([label for _, label in pairs])


def item(pictures: PictureSet, index: int) -> tuple[Tensor, int]:
    """A picture of a set with its label, which is -1 where there is none."""
    found: Any = pictures[index]
    if isinstance(found, Tensor):
        return found, UNKNOWN
    if not isinstance(found, tuple | list) or not found:
        raise PictureError(
            f"an item of the pictures must be (picture, label), or a picture alone, and this one is "
            f"{type(found).__name__}; take both out of it in a Dataset of your own"
        )
    return found[0], UNKNOWN if len(found) == 1 else _label(found[1])


def require_unseen(pictures: PictureSet, shape: tuple[int, ...]) -> None:
    """Refuse, with a PictureError, unseen pictures that there are none of, or that are not like the others."""
    require_set(pictures)
    if not len(pictures):
        raise PictureError("test has no pictures; leave test= out, and a fifth of the others is set aside")
    if (found := picture_shape(pictures)) != shape:
        raise PictureError(f"the pictures of test have shape {found}, and the others {shape}; make them of one shape")


def require_set(pictures: object) -> None:
    """Refuse, with a PictureError, what has no length or no items by index."""
    try:
        sized = len(pictures) >= 0 and hasattr(pictures, "__getitem__")  # type: ignore[arg-type]
    except (TypeError, NotImplementedError):
        sized = False
    if not sized or isinstance(pictures, Mapping | str | bytes):
        raise PictureError(
            f"pictures must have a length and give (picture, label) by index, as a torch Dataset does, and these are a "
            f"{type(pictures).__name__}{'; give its .dataset' if hasattr(pictures, 'dataset') else ''}"
        )


def draw(pictures: PictureSet, count: int, seed: int = 0) -> list[int]:
    """Indices of at most `count` pictures of a set, drawn without replacement."""
    return _shuffled(pictures, limits.SEED("seed", seed))[: Whole(error=PictureError)("count", count)]


def split(pictures: PictureSet, seed: int) -> tuple[PictureSet, PictureSet]:
    """Four fifths to fit on, and one fifth unseen; at least one picture in each."""
    order = _shuffled(pictures, seed)
    unseen = max(1, len(pictures) // 5)
    return subset(pictures, order[unseen:]), subset(pictures, order[:unseen])


def subset(pictures: PictureSet, indices: Sequence[int]) -> PictureSet:
    """The pictures of a set at some of its indices."""
    dataset: Any = pictures  # any set will do for torch
    few: PictureSet = Subset(dataset, indices)
    return few


def picture_shape(pictures: PictureSet) -> tuple[int, int, int]:
    """The shape ``(C, H, W)`` of the first picture."""
    shape = _shape(item(pictures, 0)[0])
    if len(shape) != 3:
        raise PictureError(f"a picture must have shape (C, H, W), and the first one has {shape}")
    if min(shape[1:]) < SMALLEST or not shape[0]:
        raise PictureError(
            f"a picture must have at least {SMALLEST} x {SMALLEST} pixels and a channel, and the first one has {shape}"
        )
    return shape[0], shape[1], shape[2]


def _shape(picture: object) -> tuple[int, ...]:
    if not isinstance(picture, Tensor):
        raise PictureError(
            f"a picture must be a float tensor (C, H, W) in [0, 1], and this one is {type(picture).__name__}; "
            "torchvision.transforms.ToTensor() makes one of a PIL or numpy picture"
        )
    return tuple(picture.shape)


def _shuffled(pictures: PictureSet, seed: int) -> list[int]:
    order: list[int] = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed)).tolist()
    return order


def _label(value: object) -> int:
    """A label as an int; a PictureError if it is no whole number."""
    if value is None:
        return UNKNOWN
    try:
        return index(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError) as error:
        raise PictureError(f"a label must be the number of a class, and this one is {value!r}") from error

"""Picture sets: what a study needs of a data set, and how pictures of one are loaded, drawn and set aside."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from operator import index
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, Subset

from xai_widgets import limits
from xai_widgets.errors import PictureError
from xai_widgets.limits import MOST, Several, Whole
from xai_widgets.names import UNKNOWN

FEW = 8
"""So many pictures tell one set from another."""


class PictureSet(Protocol):
    """What a study needs of a data set: a length, and (picture, label) by index.

    A picture is a float tensor ``(C, H, W)`` with values in [0, 1]; all have one shape. A label is a class number, or
    `UNKNOWN` (-1, or None). Any torch `Dataset` of that kind will do. An item may also be a picture alone, whose class
    is not known, or a row ``{"image": picture, "label": label}``.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Tensor, int]: ...


@runtime_checkable
class KnowsParts(Protocol):
    """A picture set that knows what every pixel shows, so that explanations can be put in words."""

    part_names: Sequence[str]

    def part_map(self, index: int, /) -> Any:
        """Part of every pixel ``(H, W)`` of a picture, as an index of `part_names`."""


@runtime_checkable
class BringsUnseen(Protocol):
    """A picture set that comes with others which nothing is to be fitted on, such as those of a folder ``val``."""

    unseen: PictureSet | None


SMALLEST = 2
"""Pixels of a side: one pixel has no form."""

INDICES = Several(Whole(-MOST, error=PictureError), error=PictureError)
"""Of pictures in their set."""


def load(pictures: PictureSet, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Pictures ``(N, C, H, W)`` and labels ``(N,)`` at the given indices of a picture set."""
    there = Whole(-len(pictures), len(pictures) - 1, error=PictureError)
    pairs = [item(pictures, there("index", index)) for index in INDICES("indices", indices)]
    if not pairs:
        raise PictureError("indices is empty; give one or more")
    shapes = {_shape(picture) for picture, _ in pairs}
    if len(shapes) > 1:
        raise PictureError(f"pictures of one set must share one shape, but these have {sorted(shapes)}")
    return torch.stack([picture for picture, _ in pairs]), torch.tensor([label for _, label in pairs])


def draw(pictures: PictureSet, count: int, seed: int = 0) -> list[int]:
    """Indices of at most `count` pictures of a set, drawn without replacement."""
    return _shuffled(pictures, limits.SEED("seed", seed))[: Whole(error=PictureError)("count", count)]


def item(pictures: PictureSet, index: int) -> tuple[Any, int]:
    """A picture of a set with its label, which is -1 where there is none; see `PictureSet`."""
    found: Any = pictures[index]
    if isinstance(found, Tensor):
        return found, UNKNOWN
    if isinstance(found, Mapping) and "image" in found:
        return found["image"], _label(found.get("label"))
    if isinstance(found, tuple | list) and len(found) in (1, 2):
        return found[0], _label(found[1] if len(found) == 2 else None)
    raise PictureError(
        f"an item of the pictures must be (picture, label), or a picture alone, but one is {_described(found)}; make a "
        'list of pairs, such as [(row["image"], row["label"]) for row in rows]'
    )


def known_labels(pictures: Any) -> list[int] | None:
    """All labels of a set, if they are known without reading its pictures."""
    if isinstance(pictures, Subset):
        inner = known_labels(pictures.dataset)
        return None if inner is None else [inner[index] for index in pictures.indices]
    labels = getattr(pictures, "labels", None)
    try:
        return None if labels is None or len(labels) != len(pictures) else [int(label) for label in labels]
    except (TypeError, ValueError):
        return None


def alike(one: PictureSet, other: PictureSet) -> bool:
    """Whether two sets hold the same pictures, as far as a few of them tell."""
    if one is other or len(one) != len(other):
        return one is other
    few = draw(one, FEW)
    (ours, _), (theirs, _) = load(one, few), load(other, few)
    return ours.shape == theirs.shape and torch.equal(ours, theirs)


def require_set(pictures: object, least: int = 1) -> None:
    """Refuse, with a PictureError, what has no length or no items by index, or too few of them."""
    if isinstance(pictures, str | os.PathLike):
        raise PictureError(f"the pictures are {str(pictures)!r}; open a folder with xw.folder({str(pictures)!r})")
    if isinstance(pictures, DataLoader):
        raise PictureError("the pictures are a DataLoader, which gives batches; give its .dataset")
    count, readable = _length(pictures), hasattr(type(pictures), "__getitem__")
    if count is None or not readable or isinstance(pictures, Mapping | bytes | IterableDataset):
        raise PictureError(
            f"pictures must have a length and give (picture, label) by index, as a torch Dataset or xw.folder(path) "
            f"does, but these are {_described(pictures)}"
        )
    if count < least:
        raise PictureError(f"a study needs at least {'two pictures' if least > 1 else 'a picture'}, but got {count}")


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


def shared_shape(images: PictureSet, test: PictureSet | None) -> tuple[int, int, int]:
    """The shape ``(C, H, W)`` of pictures, which unseen ones must have, too."""
    shape = picture_shape(images)
    if test is not None and picture_shape(test) != shape:
        raise PictureError(f"pictures have shape {shape}, and those of test= {picture_shape(test)}; make them alike")
    return shape


def picture_shape(pictures: PictureSet) -> tuple[int, int, int]:
    """The shape ``(C, H, W)`` of the first picture."""
    shape = _shape(item(pictures, 0)[0])
    if len(shape) != 3:
        raise PictureError(f"a picture must have shape (C, H, W), but the first one has {shape}")
    if min(shape[1:]) < SMALLEST or not shape[0]:
        raise PictureError(
            f"a picture must have at least {SMALLEST} x {SMALLEST} pixels and a channel, but the first one has {shape}"
        )
    return shape[0], shape[1], shape[2]


def checked(pictures: object, channels: int) -> Tensor:
    """A batch of pictures ``(N, C, H, W)`` in single precision, or a `PictureError` with what is wrong."""
    if not isinstance(pictures, Tensor):
        raise PictureError(f"pictures must be a tensor (N, {channels}, H, W), but these are {type(pictures).__name__}")
    own = pictures.clone() if pictures.is_inference() else pictures
    batch = own.unsqueeze(0) if own.dim() == 3 else own
    if batch.dim() != 4 or batch.shape[1] != channels:
        raise PictureError(
            f"pictures must have shape (N, {channels}, H, W) for this model, but these have {tuple(pictures.shape)}"
        )
    if not batch.is_floating_point():
        raise PictureError(f"pictures must be floats in [0, 1], but these are {batch.dtype}: divide by 255")
    if not torch.isfinite(batch).all():
        broken = (~torch.isfinite(batch)).flatten(1).any(1).nonzero().flatten().tolist()
        raise PictureError(f"pictures {broken[:5]} hold NaN or infinite values")
    if batch.numel() and (batch.min() < -1e-3 or batch.max() > 1 + 1e-3):
        raise PictureError(
            f"pictures must lie in [0, 1], but these span {batch.min():.3g} to {batch.max():.3g}; give the "
            "normalisation to the study (mean=, std=) instead of applying it"
        )
    return batch.float()


def _shape(picture: object) -> tuple[int, ...]:
    if not isinstance(picture, Tensor):
        raise PictureError(
            f"a picture must be a float tensor (C, H, W) in [0, 1], but this one is {type(picture).__name__}; "
            "torchvision.transforms.ToTensor() makes one of a PIL or numpy picture"
        )
    return tuple(picture.shape)


def _described(thing: object) -> str:
    """A thing in a few words: of large ones, their type and size."""
    length = _length(thing)
    inside = f" with {', '.join(map(repr, list(thing)[:4]))}" if isinstance(thing, Mapping) else ""
    return f"{type(thing).__name__}{f' of length {length}' if length is not None else ''}{inside}"


def _length(thing: Any) -> int | None:
    try:
        return len(thing)
    except (TypeError, NotImplementedError):
        return None


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
        raise PictureError(f"a label must be the number of a class, but this one is {value!r}") from error

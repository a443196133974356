"""The summaries that were found, by class; those of a small file are put together when they are first looked at.

A small file has neither the pictures, which the study has, nor what follows from them.
"""

from __future__ import annotations

import hashlib
from collections import UserDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from xai_widgets.errors import ArtifactError
from xai_widgets.methods.masking.references import named
from xai_widgets.methods.summaries.masks_result import Masks
from xai_widgets.methods.summaries.regions import Region
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.pictures import PictureSet
from xai_widgets.study import Study

Key = tuple[int, bool]
"""A class, and whether these are errors."""

FOLLOWS = ("mask_pictures", "mask_baselines", "similarity")
"""What a small file leaves out."""


class Found(UserDict[Key, Any]):
    """Summaries by class number and whether these are errors; a value may be a `partial` that makes them."""

    def __getitem__(self, key: Key) -> ClassSummaries:
        """The summaries of a class."""
        value = self.data[key]
        made: ClassSummaries = value() if isinstance(value, partial) else value
        self.data[key] = made
        return made

    def copy(self) -> Found:
        """A copy; that of `UserDict` would be empty for a moment, also in other threads."""
        made = Found()
        made.data = dict(self.data)
        return made


def small(found: ClassSummaries) -> dict[str, Tensor]:
    """What a small file holds of a class."""
    tensors = {name: value for name, value in found.tensors().items() if name not in FOLLOWS}
    crisp = found.masks.crisp  # all that is kept of the masks as they were optimised
    return tensors | {"mask_soft": crisp, "digest": _digest(found.masks.pictures)}


def completed(
    study: Study,
    source: PictureSet,
    tensors: Mapping[str, Tensor],
    details: Mapping[str, Any],
    likeness: Callable[[Masks, tuple[Region, ...]], Tensor],
) -> ClassSummaries:
    """The summaries of a class that were saved `small`.

    Raises
    ------
    ArtifactError
        If the pictures are not those that they were found in.
    """
    indices = tensors["indices"].tolist()
    pictures = study.load(source, indices)[0] if max(indices) < len(source) else torch.zeros(0)
    if not torch.equal(_digest(pictures), tensors["digest"]):
        raise ArtifactError("the summaries were found in other pictures than the study has now; find them again")
    baselines = named(study, pictures, tensors["mask_class_index"], details["baseline_names"])
    rest = {"mask_pictures": pictures, "mask_baselines": baselines, "similarity": torch.zeros(0, 0)}
    masks = tensors["mask_masks"].float()
    soft = {"mask_soft": torch.where(tensors["mask_soft"], masks, 0.25 + 0.5 * masks)}
    made = ClassSummaries.restored({**tensors, **rest, **soft}, details, study.class_names)
    return replace(made, similarity=likeness(made.masks, made.regions))


def _digest(pictures: Tensor) -> Tensor:
    content = hashlib.sha256(pictures.contiguous().numpy().tobytes()).digest()
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)

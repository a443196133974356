"""A network's features of whole pictures, and of pictures in which only the region of a summary is sharp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xai_widgets.errors import LayerError
from xai_widgets.layers import as_code
from xai_widgets.methods.masking.references import REFERENCES
from xai_widgets.methods.summaries.located import Part
from xai_widgets.pictures import PictureSet
from xai_widgets.progress import Progress
from xai_widgets.study import Study

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Features:
    """What a network computes for N pictures."""

    labels: npt.NDArray[np.int64]  # (N,)
    logits: Floats  # (N, K)
    whole: Floats  # penultimate features of the pictures, (N, D)
    parts: Floats  # with all outside the region of each summary blurred, (S, N, D)

    @classmethod
    def read(
        cls, study: Study, pictures: PictureSet, indices: Sequence[int], parts: Sequence[Part], progress: Progress
    ) -> Self:
        """Run the network on pictures of a set, batch by batch."""
        batches = [indices[at : at + study.batch_size] for at in range(0, len(indices), study.batch_size)]
        progress.start("features of summaries", len(batches) * len(parts))
        rows = [_of_batch(study, *study.load(pictures, batch), parts, progress) for batch in batches]
        labels, logits, whole, alone = zip(*rows, strict=True)
        floats = (torch.cat(logits), torch.cat(whole), torch.cat(alone, 1))
        return cls(torch.cat(labels).numpy(), *(values.double().numpy() for values in floats))


def _of_batch(
    study: Study, pictures: Tensor, labels: Tensor, parts: Sequence[Part], progress: Progress
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Labels, logits, and features of whole pictures and of each part, of one batch."""
    layer = penultimate(study)
    blurred = REFERENCES["blur"](study, pictures, labels)
    maps = {name: study.activations(pictures, name) for name in {part.layer for part in parts}}
    alone = []
    for part in parts:
        region = part.where(maps[part.layer], study.shape[1:])
        alone.append(features(study, torch.where(region, pictures, blurred), layer))
        progress.advance()
    return labels, study.logits(pictures), features(study, pictures, layer), torch.stack(alone)


def penultimate(study: Study) -> str:
    """The last layer that does not give the logits; raises a `LayerError` if there is none."""
    before = [layer.name for layer in study.layers() if layer.shape != (study.classes,)]
    if not before:
        raise LayerError(f"{study!r} has no layer before its logits, so that there are no features to specialise on")
    return before[-1]


def features(study: Study, pictures: Tensor, layer: str) -> Tensor:
    """Activations of a layer, ``(N, D)``; the mean over the positions of maps and tokens."""
    code = as_code(study.activations(pictures, layer), study.shape[1:])
    return code.mean((2, 3)) if code.dim() == 4 else code

"""One pass over the pictures, whose codes and logits every fit reads many times."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.layers import as_code
from xai_widgets.pictures import PictureSet
from xai_widgets.progress import Progress
from xai_widgets.study import Study

MOST_BYTES = 2 * 1024**3
"""Codes of a pass that would need more memory than this are computed again for every use."""


@dataclass
class CachedPass:
    """Pictures, labels, the classifier's logits, and the codes of several layers.

    Attributes
    ----------
    pictures
        8-bit pictures ``(N, C, H, W)``, to save memory.
    labels
        ``(N,)``.
    logits
        The classifier's logits ``(N, K)``.
    codes
        Codes by layer, in half precision where that suffices, on the CPU; layers that would not fit are left out.
    """

    study: Study
    pictures: Tensor
    labels: Tensor
    logits: Tensor
    codes: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def fingerprint(self) -> str:
        """A hash of the model and of the pictures."""
        pixels = hashlib.sha256(self.pictures.numpy().tobytes()).hexdigest()
        return f"{self.study.fingerprint} {pixels}"

    def picture(self, indices: Tensor | slice) -> Tensor:
        """Pictures in [0, 1] on the model's device."""
        return self.pictures[indices].to(self.study.device).float() / 255

    def code(self, layer: str, indices: Tensor | slice) -> Tensor:
        """Codes of one layer in single precision, on the model's device."""
        if layer in self.codes:
            return self.codes[layer][indices].to(self.study.device).float()
        with self.study.borrowed(), torch.no_grad():
            return read_codes(self.study, self.picture(indices), [layer])[layer]


def read_codes(study: Study, pictures: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """Single-precision codes of several layers for one batch, on the model's device; call it inside `borrowed`."""
    recorded = study.record(pictures, layers)
    return {layer: as_code(recorded[layer].float(), study.shape[1:]) for layer in layers}


def cached_pass(
    study: Study, pictures: PictureSet, indices: Sequence[int], layers: Sequence[str], progress: Progress
) -> CachedPass:
    """Read pictures and codes once, all layers in the same forward passes.

    Parameters
    ----------
    study
        Whose classifier is read.
    pictures, indices
        Which pictures of which set.
    layers
        Dotted names.
    progress
        Told each batch.
    """
    batches = torch.as_tensor(list(indices)).split(study.batch_size)
    progress.start("reading the layers", len(batches))
    pixels, labels, logits = [], [], []
    codes: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    for batch in batches:
        loaded, of_class = study.load(pictures, batch.tolist())
        study.check(loaded)
        with study.borrowed(), torch.no_grad():
            for layer, code in read_codes(study, loaded, list(codes)).items() if codes else ():
                codes[layer].append(_small(code).cpu())
            logits.append(study.forward(loaded).cpu())
        pixels.append((loaded * 255).round().to(torch.uint8))
        labels.append(of_class)
        _drop_what_does_not_fit(codes, len(batches))
        progress.advance()
    joined = {layer: torch.cat(parts) for layer, parts in codes.items()}
    return CachedPass(study, torch.cat(pixels), torch.cat(labels), torch.cat(logits), joined)


def _small(code: Tensor) -> Tensor:
    """Half precision, unless its range is too small for the numbers."""
    return code.half() if code.abs().max() < 6e4 else code


def _drop_what_does_not_fit(codes: dict[str, list[Tensor]], batches: int) -> None:
    """Keep the smallest codes whose sum will stay below `MOST_BYTES`."""
    expected = {layer: parts[0].numel() * 2 * batches for layer, parts in codes.items()}
    total = 0
    for layer in sorted(expected, key=expected.__getitem__):
        total += expected[layer]
        if total > MOST_BYTES:
            del codes[layer]

"""One pass over the pictures, whose codes and logits every fit reads many times."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from xai_widgets.devices import sent
from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.names import UNKNOWN
from xai_widgets.pictures import PictureSet
from xai_widgets.probing import probes
from xai_widgets.progress import Progress
from xai_widgets.study import Study

MOST_BYTES = 2 * 1024**3
"""Codes of a pass that would need more memory than this are computed again for every use."""


@dataclass
class CachedPass:
    """8-bit pictures ``(N, C, H, W)``, labels ``(N,)``, the classifier's logits ``(N, K)``, and codes by layer.

    Codes are on the CPU, in half precision where that suffices; those that would not fit are left out. They have the
    tokens that belong to no place, too, if they are `whole` (see `Layout.whole`).
    """

    study: Study
    pictures: Tensor
    labels: Tensor
    logits: Tensor
    codes: dict[str, Tensor]
    whole: bool = False

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def fingerprint(self) -> str:
        """A hash of the model and of the pictures."""
        pixels = hashlib.sha256(self.pictures.numpy().tobytes()).hexdigest()
        return f"{self.study.fingerprint} {pixels}"

    def labelled(self) -> Self:
        """The same without pictures whose class is not known.

        Raises
        ------
        PictureError
            If none is left.
        """
        known = self.labels != UNKNOWN
        if not known.any():
            raise PictureError(
                "the published version learns from true classes, but none of these pictures has one; give the "
                "study their classes with labels=, or use the default version, which needs none"
            )
        kept = {layer: code[known] for layer, code in self.codes.items()}
        some: Any = {name: getattr(self, name)[known] for name in ("pictures", "labels", "logits")}
        return replace(self, codes=kept, **some)

    def picture(self, indices: Tensor | slice) -> Tensor:
        """Pictures in [0, 1] on the model's device."""
        return sent(self.pictures[indices], self.study.device).float() / 255

    def code(self, layer: str, indices: Tensor | slice) -> Tensor:
        """Codes of one layer in single precision, on the model's device."""
        if layer in self.codes:
            return sent(self.codes[layer][indices], self.study.device).float()
        with self.study.borrowed(), torch.no_grad():
            return read_codes(self.study, self.picture(indices), [layer], whole=self.whole)[layer]


def read_codes(study: Study, pictures: Tensor, layers: Sequence[str], *, whole: bool = False) -> dict[str, Tensor]:
    """Single-precision codes of several layers for one batch, on the model's device; call it inside `borrowed`.

    With `whole`, tokens that belong to no place are not left out (see `Layout.whole`).
    """
    return as_codes(study, study.record(pictures, layers), whole=whole)


def as_codes(study: Study, recorded: Mapping[str, Tensor], *, whole: bool = False) -> dict[str, Tensor]:
    """What `Study.record` gave, as codes; see `read_codes`."""
    layouts = {layer: study.layer(layer).layout for layer in recorded}
    return {
        name: layout.whole(recorded[name].float()) if whole else layout.code(recorded[name].float())
        for name, layout in layouts.items()
    }


def before_logits(study: Study) -> str | None:
    """The last layer that the logits are computed from alone; None for a model of a single layer.

    Nothing of the picture may get to the logits around it: not one of two heads, and nothing that is computed beside
    them. Where the model gives no gradients, which would show that, it is the last layer that is not the logits.
    """
    inner = [layer.name for layer in reversed(study.layers()) if layer.shape != (study.classes,)]
    return next((name for name in inner if not _passed(study, name)), inner[0] if inner else None)


def require_gradients(study: Study, purpose: str) -> None:
    """Raise an `XaiWidgetsError` unless the classifier lets gradients through to its pictures."""
    picture = probes(study.shape)[:1].requires_grad_()
    with study.borrowed(), torch.enable_grad():
        gradient = _gradient(study.forward(picture).sum(), picture)
    if gradient is None:
        raise XaiWidgetsError(
            f"the classifier gives no gradients, but {purpose} with gradients: it may be quantised, or run under "
            "torch.no_grad; give the original model"
        )


def _gradient(value: Tensor, of: Tensor) -> Tensor | None:
    """The gradient of one number; None where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of operations that have no gradient, as those of quantised layers
        return torch.autograd.grad(value, of, allow_unused=True)[0] if value.requires_grad else None


def _passed(study: Study, layer: str) -> bool:
    """Whether the logits depend on the picture when they can no longer through this layer."""
    with study.borrowed(), torch.enable_grad():
        picture = torch.zeros(1, *study.shape, requires_grad=True)
        return study.forward_replacing(picture, layer, lambda activation: activation.detach().clone()).requires_grad


def cached_pass(
    study: Study,
    pictures: PictureSet,
    indices: Sequence[int],
    layers: Sequence[str],
    progress: Progress,
    *,
    whole: bool = False,
) -> CachedPass:
    """Read the pictures of a set at some indices, and codes of all layers in the same forward passes."""
    batches = torch.as_tensor(list(indices)).split(study.batch_size)
    progress.start("reading the layers", len(batches))
    pixels, labels, logits = [], [], []
    codes: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    for batch in batches:
        loaded, of_class = study.load(pictures, batch.tolist())
        study.check(loaded)
        with study.borrowed(), torch.no_grad():
            answers, recorded = study.forward_and_record(loaded, list(codes))
            for layer, code in as_codes(study, recorded, whole=whole).items():
                codes[layer].append(_small(code).cpu())
            logits.append(answers.cpu())
        pixels.append((loaded * 255).round().to(torch.uint8))
        labels.append(of_class)
        _drop_what_does_not_fit(codes, len(batches))
        progress.advance()
    joined = {layer: torch.cat(parts) for layer, parts in codes.items()}
    return CachedPass(study, torch.cat(pixels), torch.cat(labels), torch.cat(logits), joined, whole)


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

"""What the geometry of the map works with: encoded pictures, and a model that decodes their codes.

The geometry is a set of pure functions of codes, planes and routes; nothing of it depends on how the model was trained.
All tensors are float32 and on the CPU. N counts pictures, M codes, K classes, d the numbers of a code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from xai_widgets.errors import XaiWidgetsError

BATCH = 64
"""Most pictures that are decoded, or led through the classifier, at once."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """Pictures and their codes.

    Attributes
    ----------
    pictures
        ``(N, C, H, W)`` with values in [0, 1].
    z
        Class-associated codes ``(N, d)``, of mean 0 and standard deviation 1 over the training pictures.
    u
        Individual codes ``(N, c, h, w)``.
    reconstructions
        The pictures decoded from their own codes, ``(N, C, H, W)`` in [0, 1].
    """

    pictures: Tensor
    z: Tensor
    u: Tensor
    reconstructions: Tensor

    def __getitem__(self, index: int) -> Encoded:
        """One of them, still as a batch (N = 1)."""
        pick = [index]
        return Encoded(self.pictures[pick], self.z[pick], self.u[pick], self.reconstructions[pick])

    def __len__(self) -> int:
        return len(self.z)


class FittedNetworks(nn.Module, ABC):
    """The networks of both presets once they are fitted: two codes of each picture, and pictures of codes."""

    head: nn.Linear
    individual_encoder: nn.Module

    @abstractmethod
    def class_code(self, pictures: Tensor, evidence: Tensor) -> Tensor:
        """Class codes ``(N, d)`` of pictures in [0, 1], or of the classifier's evidence for them."""

    def individual_code(self, pictures: Tensor) -> Tensor:
        """Individual codes ``(N, c, h, w)`` of pictures in [0, 1]."""
        code: Tensor = self.individual_encoder(pictures)
        return code

    @abstractmethod
    def decoded(self, individual: Tensor, code: Tensor) -> Tensor:
        """Pictures ``(N, C, H, W)`` in [0, 1] of individual codes with class codes."""

    def shown(self, pictures: Tensor, rebuilt: Tensor, moved: Tensor, level: float = 1.0) -> Tensor:
        """The pictures that people see of a move of the class code from `rebuilt` to `moved`, all ``(N, C, H, W)``.

        `level` is that of `pasting`, for a subclass that pastes.
        """
        del pictures, rebuilt, level
        return moved


class Decodes(Protocol):
    """A model whose class-associated codes can be decoded, and whose head reads them by one affine layer."""

    @property
    def weight(self) -> Tensor:
        """Weights ``(K, d)`` of the head: log-odds between classes are linear in the code."""

    @property
    def bias(self) -> Tensor:
        """Biases ``(K,)`` of the head."""

    def decode(self, encoded: Encoded, z: Tensor, *, pasted: bool | None = None) -> Tensor:
        """Pictures ``(M, C, H, W)`` in [0, 1] of class codes ``(M, d)``, with one individual code or one for each.

        `pasted` True: the picture, with what the move of its code changes pasted into it. False: the decoder's picture
        itself. None: as the model prefers.
        """

    def predict(self, pictures: Tensor) -> Tensor:
        """Probabilities ``(M, K)`` that the classifier itself gives to pictures ``(M, C, H, W)``."""

    def head(self, z: Tensor) -> Tensor:
        """Probabilities ``(M, K)`` that the map gives to codes, those of the logits ``z @ weight.T + bias``."""


def show(model: Decodes, encoded: Encoded, z: Tensor) -> tuple[Tensor, Tensor]:
    """Decode codes ``(M, d)`` of one encoded picture; in batches, without gradients.

    Gives pictures ``(M, C, H, W)`` in [0, 1] and the classifier's probabilities ``(M, K)``. Raises an `XaiWidgetsError`
    if `encoded` is not exactly one picture, or the codes are not finite ``(M, d)``.
    """
    if len(encoded) != 1:
        raise XaiWidgetsError(f"one encoded picture is needed, but got {len(encoded)}; pick one: encoded[0]")
    require_codes(z, encoded.z.shape[1])
    with torch.no_grad():
        pictures = torch.cat([model.decode(encoded, batch) for batch in z.split(BATCH)])
        return pictures, torch.cat([model.predict(batch) for batch in pictures.split(BATCH)])


def require_codes(codes: Tensor, d: int | None = None) -> None:
    """Raise an `XaiWidgetsError` unless there are codes ``(M, d)``, M > 0, and all of them finite."""
    if codes.dim() != 2 or not len(codes) or d not in {None, codes.shape[1]}:
        raise XaiWidgetsError(f"codes must have shape (M, {d or 'd'}) with M > 0, but these have {tuple(codes.shape)}")
    broken = (~torch.isfinite(codes)).any(1).nonzero().flatten().tolist()
    if broken:
        raise XaiWidgetsError(f"codes must be finite, but {len(broken)} are not: rows {broken[:5]}; is the fit broken?")

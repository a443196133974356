"""What every fitted CAE can do, whichever way it was trained."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Fitted(nn.Module, ABC):
    """What both presets have once they are fitted: two codes for each picture, and what is made of them."""

    head: nn.Linear

    @abstractmethod
    def class_code(self, pictures: Tensor, evidence: Tensor) -> Tensor:
        """Class codes ``(N, d)`` of pictures in [0, 1], or of what the classifier sees of them."""

    @abstractmethod
    def individual_code(self, pictures: Tensor) -> Tensor:
        """Individual codes ``(N, c, h, w)`` of pictures in [0, 1]."""

    @abstractmethod
    def decoded(self, individual: Tensor, code: Tensor) -> Tensor:
        """Pictures ``(N, C, H, W)`` in [0, 1] of individual codes with class codes."""

    def change(self, pictures: Tensor, rebuilt: Tensor, moved: Tensor) -> Tensor:
        """What a move of the class code changes in pictures: from `rebuilt` to `moved`, all ``(N, C, H, W)``."""
        del pictures  # a subclass may look at them
        return moved - rebuilt

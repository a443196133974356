"""The x-features of one class as a function of pictures."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.layers import run_replacing
from xai_widgets.methods.srae.additive import Additive
from xai_widgets.methods.srae.positions import grid, positions
from xai_widgets.methods.srae.settings import Settings
from xai_widgets.study import Study


@dataclass(frozen=True, eq=False)
class LayerReadout:
    """A layer, and the x-features of one class (row k) on it. Call the methods inside ``study.borrowed()``."""

    study: Study
    settings: Settings
    model: Additive
    k: int

    def maps(self, pictures: Tensor) -> Tensor:
        """What each x-feature contributes at each position of one batch, ``(N, L, rows, columns)``; differentiable."""
        code = self.code(self.study.record(pictures, [self.settings.layer])[self.settings.layer])
        found = self.model.maps(positions(code, self.settings.view), self.k)
        return found.transpose(1, 2).reshape(len(code), -1, *grid(code, self.settings.view))

    def contributions(self, pictures: Tensor) -> Tensor:
        """What each x-feature contributes to the score of one batch, ``(N, L)``; differentiable."""
        return self.maps(pictures).sum((2, 3))

    def at(self, pictures: Tensor, layer: str) -> tuple[Tensor, Tensor]:
        """Contributions ``(N, L)`` of one batch, and a layer's output: a leaf of which they are a function."""
        leaves: list[Tensor] = []

        def leaf(raw: Tensor) -> Tensor:
            leaves.append(raw.detach().requires_grad_())
            return leaves[0] * 1  # a copy: the rest of the network may change it in place

        contributions = run_replacing(self.study.network, lambda: self.contributions(pictures), layer, leaf)
        return contributions, leaves[0]

    def each(self, pictures: Tensor) -> Tensor:
        """`contributions` of any number of pictures, on the CPU, without gradients; borrows the model itself."""
        with self.study.borrowed(), torch.no_grad():
            return torch.cat([self.contributions(batch).cpu() for batch in pictures.split(self.study.batch_size)])

    def code(self, raw: Tensor) -> Tensor:
        """The layer's output as single-precision maps or vectors."""
        return self.study.layer(self.settings.layer).code(raw.float())

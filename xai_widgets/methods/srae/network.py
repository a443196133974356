"""The explanation networks of all classes in one batched module."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xai_widgets.methods.srae.additive import Additive

SLOPE = 0.02
"""Of x-features below zero: small, so that they are almost nonnegative, but none that is off stays off."""


class ClassLinear(nn.Module):
    """One affine map for each of K classes; the weights begin with a variance of ``gain / inputs``."""

    def __init__(self, classes: int, inputs: int, outputs: int, gain: float = 2.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, inputs, outputs) * math.sqrt(gain / inputs))
        self.bias = nn.Parameter(torch.zeros(classes, 1, outputs))

    def forward(self, x: Tensor, of: slice = slice(None)) -> Tensor:
        """``(K, M, inputs)`` to ``(K, M, outputs)``; `of` chooses classes, and x then has as many."""
        return torch.baddbmm(self.bias[of], x, self.weight[of])


class XNetwork(Additive):
    r"""Encoder, read-out and decoder for K classes, D channels and L x-features.

    .. math::

        e = \phi(A z + W_n \cdots \mathrm{relu}(W_1 z)), \qquad
        \hat y = v \cdot \mathrm{mean}_u\, e(u) + b, \qquad
        \tilde z = \psi(U_n \cdots \mathrm{relu}(U_1 e))

    `hidden` has the widths between z and e, `slope` is that of :math:`\phi` below zero; A is the `shortcut`, and
    :math:`\psi` a ReLU where the layer is `nonnegative`. z is divided by `scale`; the read-out works in units of
    `spread`, the scores' standard deviation, around their mean `centre`.
    """

    scale: Tensor
    centre: Tensor
    spread: Tensor

    def __init__(
        self,
        classes: int,
        channels: int,
        features: int,
        hidden: Sequence[int],
        *,
        slope: float,
        shortcut: bool,
        nonnegative: bool,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        widths = [channels, *hidden, features]
        ways = list(pairwise(widths))
        self.encoder = nn.ModuleList(ClassLinear(classes, a, b) for a, b in ways)
        self.decoder = nn.ModuleList(ClassLinear(classes, b, a) for a, b in reversed(ways))
        self.shortcut = nn.Parameter(torch.zeros(classes, channels, features)) if shortcut else None
        self.v = nn.Parameter(torch.full((classes, features), 0.5))
        self.b = nn.Parameter(torch.zeros(classes))
        self.slope = slope
        self.nonnegative = nonnegative
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("centre", torch.zeros(classes))
        self.register_buffer("spread", torch.ones(classes))

    @property
    def ways_in(self) -> list[ClassLinear]:
        """Layers of the encoder, in order."""
        return [layer for layer in self.encoder if isinstance(layer, ClassLinear)]

    @property
    def ways_out(self) -> list[ClassLinear]:
        """Layers of the decoder, in order."""
        return [layer for layer in self.decoder if isinstance(layer, ClassLinear)]

    # --- standardised, for classes side by side ----------------------------------------------------------------

    def encode(self, z: Tensor, of: slice = slice(None)) -> Tensor:
        """X-features ``(K, M, L)`` of standardised positions ``(K, M, D)``."""
        hidden = z
        *inner, last = self.ways_in
        for number, layer in enumerate(inner):
            hidden = layer(hidden, of).relu()
            hidden = self.dropout(hidden) if number == 0 else hidden
        e = last(hidden, of)
        return F.leaky_relu(e if self.shortcut is None else e + torch.bmm(z, self.shortcut[of]), self.slope)

    def decode(self, e: Tensor, of: slice = slice(None)) -> Tensor:
        """Standardised positions ``(K, M, D)`` from x-features ``(K, M, L)``."""
        hidden = e
        *inner, last = self.ways_out
        for layer in inner:
            hidden = layer(hidden, of).relu()
        z: Tensor = last(hidden, of)
        return z.relu() if self.nonnegative else z

    # --- in units of the layer and of the score, for one class -------------------------------------------------

    @property
    def weight(self) -> Tensor:
        """Read-out, ``(K, L)``."""
        return self.v * self.spread[:, None]

    @property
    def bias(self) -> Tensor:
        """Read-out, ``(K,)``."""
        return self.b * self.spread + self.centre

    def features(self, z: Tensor, k: int) -> Tensor:
        """Positions standardised and encoded."""
        e = self.encode((z / self.scale).flatten(0, 1)[None], slice(k, k + 1))[0]
        return e.view(*z.shape[:2], -1)

    def decoded(self, e: Tensor, k: int) -> Tensor:
        """X-features decoded, in units of the layer."""
        z = self.decode(e.flatten(0, 1)[None], slice(k, k + 1))[0] * self.scale
        return z.view(*e.shape[:2], -1)

    # --- classes and x-features as rows ------------------------------------------------------------------------

    @torch.no_grad()
    def put(self, classes: Sequence[int], other: XNetwork, rows: Sequence[int]) -> None:
        """Take the weights of some classes from those rows of another network."""
        theirs = other.state_dict()
        for name, tensor in self.state_dict().items():
            if tensor.dim():
                tensor[list(classes)] = theirs[name][list(rows)]

    @torch.no_grad()
    def reorder(self, order: Tensor) -> None:
        """Put the x-features of each class into another order ``(K, L)``."""
        last, first = self.ways_in[-1], self.ways_out[0]
        for tensor in [last.weight, last.bias, *([] if self.shortcut is None else [self.shortcut])]:
            tensor.copy_(tensor.gather(2, order[:, None].expand_as(tensor)))
        first.weight.copy_(first.weight.gather(1, order[:, :, None].expand_as(first.weight)))
        self.v.copy_(self.v.gather(1, order))

"""Which axes of an activation are places of the picture: its layout, and its code in one of two forms.

A code is maps ``(N, C, H', W')`` or vectors ``(N, C)``, whatever the network's own order of axes is: channels first or
last, a row of tokens with or without further ones (class, distillation, registers) that belong to no place.
`xai_widgets.probing` finds the layout by experiment; `by_shape` is the rule for where that cannot tell.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from math import isqrt

import torch
from torch import Tensor

from xai_widgets.errors import LayerError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layout:
    """Where the places of an activation ``(N, ...)`` are.

    Attributes
    ----------
    axes
        The axes of rows and of columns, or the one axis of tokens, counted with the batch; empty without places.
    sides
        Rows and columns.
    before, after
        How many tokens before and behind the grid belong to no place.
    reason
        Why there are no places.
    """

    axes: tuple[int, ...] = ()
    sides: tuple[int, int] = (1, 1)
    before: int = 0
    after: int = 0
    reason: str = "it gives one number per unit"

    @property
    def places(self) -> tuple[int, int] | None:
        """Rows and columns of the code's maps; None for vectors."""
        return self.sides if self.axes else None

    def code(self, activation: Tensor) -> Tensor:
        """Maps ``(N, C, H', W')`` of the places, or vectors ``(N, C)``; tokens of no place are left out."""
        if not self.axes:
            if activation.dim() > 2 and activation[0].numel() > max(activation.shape[1:]):
                log.warning("a layer's output of shape %s is decoded as one flat vector", tuple(activation.shape))
            return activation.flatten(1)
        if len(self.axes) == 2:
            moved = activation.movedim(self.axes, (-2, -1))
            return moved.reshape(len(moved), -1, *moved.shape[-2:])
        tokens = self._tokens(activation)
        cells = tokens[..., self.before : tokens.shape[-1] - self.after]
        return cells.reshape(len(tokens), -1, *self.sides)

    def placeless(self, activation: Tensor) -> Tensor:
        """The tokens that belong to no place, ``(N, E)``; E is 0 where there are none."""
        if not self.before + self.after:
            return activation.new_zeros(len(activation), 0)
        tokens = self._tokens(activation)
        return torch.cat([tokens[..., : self.before], tokens[..., tokens.shape[-1] - self.after :]], -1).flatten(1)

    def whole(self, activation: Tensor) -> Tensor:
        """As `code`, with nothing left out: tokens that belong to no place are further channels of every place."""
        code = self.code(activation)
        if not self.before + self.after:
            return code
        others = self.placeless(activation)[:, :, None, None].expand(-1, -1, *self.sides)
        return torch.cat([code, others], 1)

    def put(self, code: Tensor, activation: Tensor) -> Tensor:
        """The activation with another code in it; tokens that belong to no place stay. Undoes `code`."""
        if not self.axes:
            return code.reshape(activation.shape)
        if len(self.axes) == 2:
            moved = activation.movedim(self.axes, (-2, -1))
            return code.reshape(moved.shape).movedim((-2, -1), self.axes)
        tokens = self._tokens(activation)
        before, _, after = tokens.tensor_split((self.before, tokens.shape[-1] - self.after), dim=-1)
        cells = code.reshape(*tokens.shape[:-1], -1)
        return torch.cat([before, cells, after], -1).movedim(-1, self.axes[0])

    def _tokens(self, activation: Tensor) -> Tensor:
        tokens = activation.movedim(self.axes[0], -1)
        wanted = self.before + self.sides[0] * self.sides[1] + self.after
        if tokens.shape[-1] != wanted:
            raise LayerError(
                f"a layer gives {tokens.shape[-1]} tokens for these pictures, and {wanted} for those of the study; "
                "give pictures of the study's size"
            )
        return tokens


NOWHERE = Layout()
"""Of vectors."""


def by_shape(shape: tuple[int, ...], picture: tuple[int, int]) -> Layout:
    """The layout that the shape alone suggests: maps ``(C, H', W')``, or tokens ``(T, C)``, the class token first.

    Parameters
    ----------
    shape
        Of a layer's output for one picture, without the batch.
    picture
        Height and width of the picture in pixels, for the proportions of a token grid.
    """
    if len(shape) == 3 and shape[1:] != (1, 1):
        return Layout((2, 3), (shape[1], shape[2]))
    for extra in (0, 1) if len(shape) == 2 else ():
        rows = isqrt(round((shape[0] - extra) * picture[0] / picture[1]))
        if rows > 1 and rows * round(rows * picture[1] / picture[0]) == shape[0] - extra:
            return Layout((1,), (rows, (shape[0] - extra) // rows), before=extra)
    return nowhere(shape)


def nowhere(shape: tuple[int, ...]) -> Layout:
    """The layout of an activation without places, with the reason."""
    if sum(side > 1 for side in shape) < 2:
        return NOWHERE
    return Layout(reason=f"no axis of its output {shape} is spatial")

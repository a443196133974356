"""Plain feature inversion, without any guide: a picture that has the same representation.

Equation 1 with the total variation for R. Pictures are x = sigmoid(u) and start as noise::

    |f(x) - f(x_a)|^2 / |f(x_a)|^2 + 0.1 TV(x)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from xai_widgets.methods.inversion.problem import MaskProblem, descend
from xai_widgets.methods.masking.terms import variation


def invert_plainly(problem: MaskProblem, steps: int, step: Callable[[], None]) -> Tensor:
    """Pictures ``(N, C, H, W)`` in [0, 1] with the same representation as those of the problem."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(problem.pictures.shape[1:], generator=generator).to(problem.pictures)
    logits = noise.expand_as(problem.pictures).clone().requires_grad_()

    def losses() -> Tensor:
        step()
        pictures = logits.sigmoid()
        return problem.errors(pictures) + 0.1 * variation(pictures)

    descend([logits], losses, [0.1] * steps)
    return logits.detach().sigmoid()

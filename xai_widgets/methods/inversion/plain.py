"""Plain feature inversion, which the method starts from: a picture with the same representation, without any guide.

Equation 1, with the total variation for R, in pictures x = sigmoid(u) that start as noise::

    |f(x) - f(x_a)|^2 / |f(x_a)|^2 + variation * TV(x)
"""

from __future__ import annotations

import torch
from torch import Tensor

from xai_widgets.methods.inversion.question import Question, Watch, descend
from xai_widgets.methods.masking.terms import variation

VARIATION = 0.1
"""Weight of the total variation."""

RATE = 0.1
"""Of Adam."""


def invert_plainly(question: Question, steps: int, watch: Watch) -> Tensor:
    """Pictures ``(N, C, H, W)`` in [0, 1] that a layer represents as it does those of the question."""
    dice = torch.Generator().manual_seed(0)
    noise = torch.randn(question.pictures.shape[1:], generator=dice).to(question.pictures)
    logits = noise.expand_as(question.pictures).clone().requires_grad_()

    def losses() -> Tensor:
        watch.step()
        pictures = logits.sigmoid()
        return question.errors(pictures) + VARIATION * variation(pictures)

    descend([logits], losses, [RATE] * steps)
    return logits.detach().sigmoid()

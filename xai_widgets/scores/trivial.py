"""Rows of the exam that never look at the classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.scores.maps import Question
from xai_widgets.scores.saliency_baselines import blurred


def _random(asked: Question) -> Tensor:
    return torch.rand(len(asked), *asked.pictures.shape[2:], generator=torch.Generator().manual_seed(asked.seed))


def _centre(asked: Question) -> Tensor:
    y, x = (torch.linspace(-1, 1, side) for side in asked.pictures.shape[2:])
    return torch.exp(-2 * (x**2 + y[:, None] ** 2)).repeat(len(asked), 1, 1)


def _brightest(asked: Question) -> Tensor:
    return blurred(asked.pictures).mean(1)


def _all_parts(asked: Question) -> Tensor:
    if asked.parts is None:
        raise XaiWidgetsError("where the parts are is only known of the field guide")
    return asked.parts.any(1).float()


TRIVIAL: Mapping[str, Callable[[Question], Tensor]] = {
    "random": _random,
    "centre": _centre,
    "brightest": _brightest,
    "all_parts": _all_parts,
}
"""By name."""

"""Where a picture's code should move: the nearest code of a given confidence, and the centre of every class."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from xai_widgets import limits
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.decoding import require_codes

CONFIDENT = 0.9
"""Probability from which a code counts as a typical one of its class."""

FEW = 10
"""How many codes represent a class that has no confident one."""


def contrast(weight: Tensor, bias: Tensor, source: int, target: int) -> tuple[Tensor, Tensor]:
    """The line on which an affine head, ``(K, d)`` and ``(K,)``, tells two classes apart.

    ``v (d,)`` and ``b ()`` with ``log(p_target / p_source) = z @ v + b`` for every code z. Raises an `XaiWidgetsError`
    if one class is meant, a class does not exist, or the head gives both classes the same weights.
    """
    require_pair(source, target, len(bias))
    v = weight[target] - weight[source]
    if not v.norm() > 0:  # NaN neither
        raise XaiWidgetsError(f"the map cannot distinguish classes {source} and {target}: both have the same weights")
    return v, bias[target] - bias[source]


def closest(z: Tensor, weight: Tensor, bias: Tensor, source: int, target: int, confidence: float) -> Tensor:
    """The nearest code to z ``(d,)`` at which the head gives the target a certain share of the two probabilities.

    With the log-odds ``m(z) = v @ z + b`` of `contrast` it is ``z + (logit(confidence) - m(z)) / |v|^2 * v``. Raises as
    `contrast` does, and for a confidence outside (0, 1) or a code that is not finite.
    """
    require_confidence(confidence)
    require_codes(z[None], weight.shape[1])
    v, b = contrast(weight, bias, source, target)
    missing = log(confidence / (1 - confidence)) - (z @ v + b)
    return z + missing / (v @ v) * v


def centres(codes: Tensor, probabilities: Tensor, classes: Tensor) -> Tensor:
    """The most typical code of every class, ``(K, d)``: the mean of its codes with a probability of at least 0.9.

    For a class without any, the mean of the ten codes (of any class) that are most probable for it. Raises an
    `XaiWidgetsError` if there are no codes, or they are not finite.
    """
    require_codes(codes)
    return torch.stack(
        [codes[_typical(probabilities[:, k], classes == k)].mean(0) for k in range(probabilities.shape[1])]
    )


def _typical(probability: Tensor, members: Tensor) -> Tensor:
    """Indices of the codes that represent a class."""
    confident = (members & (probability >= CONFIDENT)).nonzero().flatten()
    return confident if len(confident) else probability.topk(min(FEW, len(probability))).indices


def require_pair(source: int, target: int, classes: int) -> None:
    """Raise an `XaiWidgetsError` unless these are two different classes out of so many."""
    if not (0 <= source < classes and 0 <= target < classes):
        raise XaiWidgetsError(
            f"source is {source}, target is {target}, but the classes are numbered 0 to {classes - 1}"
        )
    if source == target:
        raise XaiWidgetsError(f"source and target are both class {source}; choose another class as target")


def require_confidence(confidence: float) -> None:
    """Raise an `XaiWidgetsError` unless the confidence lies strictly between 0 and 1."""
    limits.INSIDE("confidence", confidence)

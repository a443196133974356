"""Somebody else's model is borrowed: put into evaluation mode without parameter gradients, and given back as it was."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from torch import nn


@dataclass
class _Loan:
    """How a model was before the first of several overlapping borrowers came."""

    training: dict[nn.Module, bool]
    gradients: dict[nn.Parameter, bool]
    holders: int = field(default=0)


_LOANS: WeakKeyDictionary[nn.Module, _Loan] = WeakKeyDictionary()
_LOCK = threading.RLock()


@contextmanager
def borrowed(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no parameter gradients inside; everything as before outside, whatever happened.

    Borrowings may overlap, in one thread or several (a widget fits in the background while a cell predicts): the
    first saves the state and the last one restores it.
    """
    _take(model)
    try:
        yield
    finally:
        _give_back(model)


def _take(model: nn.Module) -> None:
    with _LOCK:
        if model not in _LOANS:
            _LOANS[model] = _Loan(
                {module: module.training for module in model.modules()},
                {parameter: parameter.requires_grad for parameter in model.parameters()},
            )
        _LOANS[model].holders += 1
        model.eval()
        model.requires_grad_(False)


def _give_back(model: nn.Module) -> None:
    with _LOCK:
        loan = _LOANS[model]
        loan.holders -= 1
        if loan.holders:
            return
        del _LOANS[model]
        for module, training in loan.training.items():
            module.training = training
        for parameter, wanted in loan.gradients.items():
            parameter.requires_grad_(wanted)

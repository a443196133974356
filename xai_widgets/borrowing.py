"""Somebody else's model is borrowed: put into evaluation mode without parameter gradients, and given back as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from torch import nn


@dataclass
class _Loan:
    """How a model was before the first of several overlapping borrowers came, and who holds it."""

    training: dict[nn.Module, bool]
    gradients: dict[nn.Parameter, bool]
    holders: set[object] = field(default_factory=set)


_LOANS: WeakKeyDictionary[nn.Module, _Loan] = WeakKeyDictionary()
_LOCK = threading.RLock()


@contextmanager
def borrowed(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no parameter gradients inside; everything as before outside, whatever happened.

    Borrowings may overlap, in one thread or several (a widget fits in the background while a cell predicts): the
    first saves the state and the last one restores it.
    """
    holder = object()
    try:
        try:
            _take(model, holder)
            yield
        finally:
            _give_back(model, holder)
    except BaseException:
        _give_back(model, holder)  # again, in case that Ctrl-C came while it was given back
        raise


def _take(model: nn.Module, holder: object) -> None:
    with _LOCK:
        if model not in _LOANS:
            _LOANS[model] = _Loan(
                {module: module.training for module in model.modules()},
                {parameter: parameter.requires_grad for parameter in model.parameters()},
            )
        _LOANS[model].holders.add(holder)
        model.eval()
        model.requires_grad_(False)


def _give_back(model: nn.Module, holder: object) -> None:
    """Give a model back, unless that has been done; the loan is forgotten last, so that this can be repeated."""
    with _LOCK:
        loan = _LOANS.get(model)
        if loan is None:
            return
        loan.holders.discard(holder)
        if loan.holders:
            return
        for module, training in loan.training.items():
            module.training = training
        for parameter, wanted in loan.gradients.items():
            parameter.requires_grad_(wanted)
        del _LOANS[model]


def unhook(modules: Mapping[str, nn.Module], hooks: Mapping[str, Callable[..., object]]) -> None:
    """Remove hooks from modules, also those whose handle nobody got because Ctrl-C came in between."""
    for name, module in modules.items():
        ours = [key for key, hook in module._forward_hooks.items() if hook is hooks[name]]
        for key in ours:
            del module._forward_hooks[key]

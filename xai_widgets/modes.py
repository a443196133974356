"""Modes that torch may be in while somebody calls: everything works as without them, and the modes stay as they are.

In `torch.inference_mode`, no gradient can be taken of anything that is made; methods leave it while they work. With
another default type than float32 (`torch.set_default_dtype`), whatever is made without a type would be of that one;
methods make it of float32. The user's own model runs with the default type that the user chose.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import FunctionType
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

C = TypeVar("C")

_STATE = threading.local()
"""`inside`: this thread works in single precision already; `asleep`: the user's model runs in it."""


def unmoved(cls: type[C]) -> type[C]:
    """A class whose public methods, made in its own body, work as without any mode; to be used as a decorator."""
    for name, member in list(vars(cls).items()):
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(member, FunctionType):
            setattr(cls, name, _unmoved(member))
        elif isinstance(member, classmethod):
            setattr(cls, name, classmethod(_unmoved(member.__func__)))
    return cls


def _unmoved(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if torch.get_default_dtype() is torch.float32 and not torch.is_inference_mode_enabled():
            return method(*args, **kwargs)
        with _without_modes():
            return method(*args, **kwargs)

    return wrapped


@contextmanager
def _without_modes() -> Iterator[None]:
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(mode=False))
        if torch.get_default_dtype() is not torch.float32:
            stack.enter_context(_flag("asleep", value=False))
            if not getattr(_STATE, "inside", False):
                stack.enter_context(_flag("inside", value=True))
                stack.enter_context(_Single())
        yield


@contextmanager
def of_user() -> Iterator[None]:
    """Context in which the user's model runs: with the default type that the user chose."""
    with _flag("asleep", value=True):
        yield


@contextmanager
def _flag(name: str, *, value: bool) -> Iterator[None]:
    before = getattr(_STATE, name, False)
    setattr(_STATE, name, value)
    try:
        yield
    finally:
        setattr(_STATE, name, before)


class _Single(TorchFunctionMode):
    """What is made without a type is of float32, as it would be by default."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        del types
        given = dict(kwargs or {})
        if getattr(_STATE, "asleep", False):
            return func(*args, **given)
        if func in _MAKERS and given.get("dtype") is None:
            given["dtype"] = torch.float32
        result, default = func(*args, **given), torch.get_default_dtype()
        if not isinstance(result, Tensor) or result.dtype is not default or func in _KEEPERS:
            return result
        if _has(default, [*args, *given.values()]):
            return result
        made = result.requires_grad and result.is_leaf
        return result.detach().to(torch.float32).requires_grad_() if made else result.to(torch.float32)


_MAKERS = frozenset(
    [torch.empty, torch.eye, torch.linspace, torch.logspace, torch.ones, torch.rand, torch.randn, torch.zeros]
)
"""Functions whose result is of the default type, unless another is given."""

_KEEPERS = frozenset([torch.from_numpy, Tensor.double, Tensor.half, Tensor.bfloat16])
"""Functions whose result is of another type on purpose."""


def _has(dtype: torch.dtype, values: Sequence[Any]) -> bool:
    """Whether one of the values is of that type, or is that type; of arrays of numpy, too."""
    for value in values:
        if isinstance(value, list | tuple):
            if _has(dtype, value):
                return True
        elif value is dtype or str(getattr(value, "dtype", "")).removeprefix("torch.") == str(dtype)[6:]:
            return True
    return False


def single(activations: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Activations in single precision, whatever the model's own; all methods work in that."""
    return {name: one.float() if one.is_floating_point() else one for name, one in activations.items()}

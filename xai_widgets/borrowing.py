"""Somebody else's model is borrowed: it is run as a stand-in, which shares its weights, and is itself never touched.

A stand-in has the same modules with the same weights, in evaluation mode and without gradients of parameters. Hooks are
set on it, buffers are counted in it, and what a forward pass leaves in a module stays there. So the model can be
trained, saved or interrupted at any moment, in any thread, and nothing has to be given back.
"""

from __future__ import annotations

import copy
import threading
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from xai_widgets.errors import PictureError


class Loans:
    """The stand-ins of one model: one in each thread that borrows it, as long as it does."""

    def __init__(self) -> None:
        self._current = threading.local()

    @property
    def network(self) -> nn.Module | None:
        """The stand-in of this thread; None if it borrows nothing."""
        found: nn.Module | None = getattr(self._current, "network", None)
        return found

    @contextmanager
    def borrowed(self, model: nn.Module) -> Iterator[None]:
        """A stand-in inside; the same one in nested contexts, and else a new one, since the model may have changed."""
        outer = self.network
        try:
            try:
                self._current.network = outer or stand_in(model)
                yield
            finally:
                self._current.network = outer
        except BaseException:
            self._current.network = outer  # again, in case that Ctrl-C came in between
            raise


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside what torch.compile, DataParallel or DistributedDataParallel made of it."""
    if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        return unwrapped(model.module)
    compiled = type(model).__module__.startswith("torch.") and "_orig_mod" in model._modules
    return unwrapped(model.get_submodule("_orig_mod")) if compiled else model


def stand_in(model: nn.Module) -> nn.Module:
    """A network with the model's weights, in evaluation mode and without gradients of parameters.

    Parameters are shared, so that it takes next to no memory; buffers are copied.

    Raises
    ------
    PictureError
        If a lazy module has no weights yet.
    """
    made: nn.Module = _Copier().of(model)
    return made


def own_copy(model: nn.Module) -> nn.Module:
    """As `stand_in`, with weights of its own, which can be trained."""
    made = stand_in(model)
    for parameter in made.parameters():
        parameter.data = parameter.data.clone()
        parameter.requires_grad_(parameter.is_floating_point())
    return made


PLAIN = frozenset((bool, int, float, str, bytes, type(None)))
COMPILED = "_compiled_call_impl"
"""Where Module.compile() keeps its result, which would run the model itself."""


class _Copier:
    """Copies modules, with whatever they hold of modules, tensors and containers; the rest is shared.

    `copy.deepcopy` would copy the weights, fail on tensors that were computed, and follow modules to all they refer to,
    such as a trainer with its data.
    """

    def __init__(self) -> None:
        self._copies: dict[int, Any] = {}
        self._ways: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
            (Tensor, self._of_tensor),
            ((dict, list, tuple, set), self._of_container),
            (torch.jit.ScriptModule, self._of_script),
            (nn.Module, self._of_module),
            (types.MethodType, lambda method: types.MethodType(method.__func__, self.of(method.__self__))),
            (types.FunctionType, self._of_function),
            (partial, lambda call: partial(self.of(call.func), *self.of(call.args), **self.of(call.keywords))),
        )

    def of(self, value: Any) -> Any:
        """The copy of a value, always the same one."""
        if type(value) in PLAIN:
            return value
        if id(value) in self._copies:
            return self._copies[id(value)]
        for kinds, copied in self._ways:
            if isinstance(value, kinds):
                return self._known(value, copied(value))
        return value

    def _known(self, value: Any, made: Any) -> Any:
        self._copies[id(value)] = made
        return made

    def _of_module(self, module: nn.Module) -> nn.Module:
        inner = unwrapped(module)
        if inner is not module:
            found: nn.Module = self.of(inner)
            return found
        # Not by its class: that of a torch.fx graph makes another class, without its code.
        made: nn.Module = self._known(module, object.__new__(type(module)))
        made.__dict__.update({name: self.of(value) for name, value in vars(module).items() if name != COMPILED})
        made.__dict__["training"] = False  # and not by eval(), of which some modules make more than a flag
        return made

    def _of_script(self, module: torch.jit.ScriptModule) -> nn.Module:
        with torch.no_grad():
            made = copy.deepcopy(module).eval()
        for parameter in made.parameters():
            parameter.requires_grad_(False)
        return made

    def _of_tensor(self, tensor: Tensor) -> Tensor:
        if is_lazy(tensor):
            raise PictureError(
                "a lazy module of the model has no weights yet; call the model once on a batch of pictures"
            )
        with torch.inference_mode(False), torch.no_grad():
            shared = isinstance(tensor, nn.Parameter) and not tensor.is_inference()
            data = tensor.data if shared else tensor.detach().clone()
            return nn.Parameter(data, requires_grad=False) if isinstance(tensor, nn.Parameter) else data

    def _of_container(self, values: Any) -> Any:
        kind = type(values)
        if kind in (dict, OrderedDict):
            made = self._known(values, kind())
            for key, value in values.items():
                made[key] = self.of(value)
        elif kind is list:
            made = self._known(values, [])
            made.extend(map(self.of, values))
        else:
            made = kind(map(self.of, values)) if kind in (tuple, set) else values
        return made

    def _of_function(self, function: types.FunctionType) -> types.FunctionType:
        """A function with its closure, which may hold modules; what is defined in a file is shared."""
        if not function.__closure__:
            return function
        cells = tuple(types.CellType() for _ in function.__closure__)
        made = types.FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, cells
        )
        made.__kwdefaults__ = function.__kwdefaults__
        made.__dict__.update(vars(function))
        self._known(function, made)
        for new, old in zip(cells, function.__closure__, strict=True):
            with suppress(ValueError):  # of a cell that is still empty
                new.cell_contents = self.of(old.cell_contents)
        return made


def unhook(modules: Mapping[str, nn.Module], hooks: Mapping[str, Callable[..., object]]) -> None:
    """Remove hooks from modules, also those whose handle nobody got because Ctrl-C came in between."""
    for name, module in modules.items():
        ours = [key for key, hook in module._forward_hooks.items() if hook is hooks[name]]
        for key in ours:
            del module._forward_hooks[key]

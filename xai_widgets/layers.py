"""The layers of somebody else's network: list them and read them, and leave no trace.

`record` reads activations by dotted name; `trace` lists every layer with its shape from one run; `blocks` chooses the
few worth drawing. See also `xai_widgets.borrowing`, and `xai_widgets.layout` for what the axes of an activation are.
"""

from __future__ import annotations

import copy
import math
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from xai_widgets.borrowing import unhook
from xai_widgets.errors import LayerError
from xai_widgets.layout import NOWHERE, Layout
from xai_widgets.names import hint

T = TypeVar("T")


@dataclass(frozen=True)
class Layer:
    """One entry of a network.

    Attributes
    ----------
    name
        Torch's dotted name; a module used again later in the same run gets ``#2``, ``#3``, ... appended (with a longer
        row of ``#`` in a network whose own names have some).
    kind
        The module's class name.
    shape
        Shape of its output for one picture, without the batch: ``(C, H, W)``, ``(H, W, C)``, ``(T, C)``, ``(D,)``, ...
    parameters
        How many numbers the module holds, its children included.
    layout
        Which axes of the output are places of the picture.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    layout: Layout = NOWHERE

    @property
    def places(self) -> tuple[int, int] | None:
        """Rows and columns of the places in its output; None where it has none, or a single one."""
        return self.layout.places

    @property
    def form(self) -> tuple[int, ...]:
        """Its shape as people read it, with channels first where it has rows and columns, in any network."""
        if len(self.layout.axes) != 2:
            return self.shape
        return math.prod(self.shape) // math.prod(self.layout.sides), *self.layout.sides

    def code(self, activation: Tensor) -> Tensor:
        """Its output as maps ``(N, C, H', W')`` or vectors ``(N, C)``, the form that all methods work on."""
        return self.layout.code(activation)


# --- reading ---------------------------------------------------------------------------------------------------


class _AllRecordedError(BaseException):
    """Ends a forward pass early; a BaseException, so that no ``except Exception`` of the model swallows it."""


def record(model: nn.Module, run: Callable[[], object], names: Collection[str]) -> dict[str, Tensor]:
    """Activations of the named layers during `run`, which is stopped once all of them are there.

    Parameters
    ----------
    model
        The network whose modules are hooked for the time of the call.
    run
        Calls the network once.
    names
        Dotted names, ``name#2`` for the second use of a module.

    Returns
    -------
    dict
        The first tensor each layer gave, copied, so that a later in-place operation cannot change it.

    Raises
    ------
    LayerError
        For a name that the network does not have, or has but did not run.
    """
    keeper = _Keeper(model, names, stop=True)
    with suppress(_AllRecordedError):
        keeper.watch(run)
    return keeper.found()


def run_and_record(model: nn.Module, run: Callable[[], T], names: Collection[str]) -> tuple[T, dict[str, Tensor]]:
    """As `record`, together with the output of `run`, which is not stopped early."""
    keeper = _Keeper(model, names, stop=False)
    output = keeper.watch(run)
    return output, keeper.found()


def run_replacing(model: nn.Module, run: Callable[[], T], name: str, replace: Callable[[Tensor], Tensor]) -> T:
    """Return the output of `run` with the output of one layer passed through `replace`.

    Parameters
    ----------
    model
        The network whose module is hooked for the time of the call.
    run
        Calls the network once.
    name
        Dotted name, ``name#2`` for the second use of a module.
    replace
        Maps the layer's output to the tensor of the same shape that the rest of the network sees.

    Raises
    ------
    LayerError
        If the network does not have the layer, does not run it, or it gives more than one tensor.
    """
    modules = modules_of(model)
    own = module_name(name, modules)
    require_name(own, list(modules))
    replaced: list[str] = []

    def swap(entry: str, _module: nn.Module, tensor: Tensor) -> Tensor | None:
        if entry != name:
            return None
        replaced.append(entry)
        return replace(tensor)

    output = _run_hooked({own: modules[own]}, run, swap, _mark(modules))
    if not replaced:
        raise LayerError(f"layer {name!r} exists, but does not run on this picture; study.layers() lists those that do")
    return output


class _Keeper:
    """Keeps a copy of the outputs of the named layers."""

    def __init__(self, model: nn.Module, names: Collection[str], *, stop: bool) -> None:
        modules = modules_of(model)
        own = [module_name(name, modules) for name in names]
        for name in own:
            require_name(name, list(modules))
        self.modules = {name: modules[name] for name in own}
        self.mark = _mark(modules)
        self.names = names
        self.stop = stop
        self.kept: dict[str, Tensor] = {}

    def watch(self, run: Callable[[], T]) -> T:
        return _run_hooked(self.modules, run, self._keep, self.mark)

    def found(self) -> dict[str, Tensor]:
        for name in self.names:
            if name not in self.kept:
                said = f"layer {name!r} exists, but does not run on this picture (or gives no tensor)"
                raise LayerError(f"{said}; study.layers() lists the layers that run")
        return self.kept

    def _keep(self, entry: str, _module: nn.Module, tensor: Tensor) -> None:
        if entry in self.names:
            self.kept[entry] = tensor.clone()
        if self.stop and len(self.kept) == len(set(self.names)):
            raise _AllRecordedError


def trace(model: nn.Module, run: Callable[[], object], batch: int | None = None) -> tuple[Layer, ...]:
    """Every layer that gives a tensor during `run`, in the order in which they finish.

    With `batch`, the number of pictures, only those whose tensor has a row for each picture.
    """
    found: list[Layer] = []

    def note(entry: str, module: nn.Module, tensor: Tensor) -> None:
        if batch in (None, len(tensor)):
            parameters = sum(parameter.numel() for parameter in module.parameters())
            found.append(Layer(entry, type(module).__name__, tuple(tensor.shape[1:]), parameters))

    watch(model, run, note)
    return tuple(found)


def watch(model: nn.Module, run: Callable[[], T], notice: Callable[[str, nn.Module, Tensor], None]) -> T:
    """Call `run` with `notice(entry, module, tensor)` behind every layer that gives a tensor."""
    modules = modules_of(model)
    return _run_hooked({name: module for name, module in modules.items() if name}, run, notice, _mark(modules))


def _run_hooked(
    modules: Mapping[str, nn.Module],
    run: Callable[[], T],
    notice: Callable[[str, nn.Module, Tensor], Tensor | None],
    mark: str,
) -> T:
    """Call `run` with `notice(entry, module, tensor)` behind every use of the modules; hooks are always removed.

    A tensor that `notice` returns takes the place of the first one in the module's output. `mark` stands between a
    module's name and the number of its use.
    """
    owner, uses = threading.get_ident(), Counter[str]()
    running = threading.Event()
    running.set()

    def hook_for(name: str) -> Callable[[nn.Module, Any, Any], object]:
        def hook(module: nn.Module, _inputs: Any, output: Any) -> object:
            if threading.get_ident() != owner or not running.is_set():
                return None  # another thread uses the model, or a copy of it took the hook along
            uses[name] += 1
            tensor = first_tensor(output)
            if tensor is None or tensor.dim() < 2:
                return None
            new = notice(name if uses[name] == 1 else f"{name}{mark}{uses[name]}", module, tensor)
            return None if new is None else _exchanged(output, tensor, new)

        return hook

    hooks = {name: hook_for(name) for name in modules}
    try:
        try:
            for name, module in modules.items():
                module.register_forward_hook(hooks[name])
            return run()
        finally:
            unhook(modules, hooks)
            running.clear()
    except BaseException:
        unhook(modules, hooks)  # again, in case that Ctrl-C came while they were removed
        raise


def first_tensor(output: object) -> Tensor | None:
    """The first tensor inside tensors, tuples, lists and dicts; None where there is none."""
    if isinstance(output, Tensor):
        return output
    values: Sequence[object] = ()
    if isinstance(output, Mapping):
        values = list(output.values())
    elif isinstance(output, (tuple, list)):
        values = output
    return next((tensor for value in values if (tensor := first_tensor(value)) is not None), None)


def _exchanged(output: Any, old: Tensor, new: Tensor) -> object:
    """A layer's output, of any form that `first_tensor` reads, with one tensor exchanged."""
    if output is old:
        return new
    if isinstance(output, Mapping):
        made: Any = copy.copy(output)
        for key, value in output.items():
            made[key] = _exchanged(value, old, new)
        return made
    if isinstance(output, (tuple, list)):
        values = [_exchanged(value, old, new) for value in output]
        made = type(output)
        return made(*values) if hasattr(output, "_fields") else made(values)
    return output


def modules_of(model: nn.Module) -> dict[str, nn.Module]:
    """All modules of a network that can be read, by name; those that were scripted or traced cannot."""
    return {name: one for name, one in model.named_modules() if not isinstance(one, torch.jit.ScriptModule)}


def require_name(name: str, known: Collection[str]) -> None:
    """Raise a `LayerError` with the closest names if `name` is not among the known ones."""
    if not name or name not in known:
        raise LayerError(f"no layer is named {name!r}{hint(name, known, few=0)}. study.layers() lists all of them")


def module_name(entry: str, modules: Collection[str]) -> str:
    """The name of the module behind an entry: without the number of its use."""
    if entry in modules:
        return entry
    name, mark, use = entry.rpartition(_mark(modules))
    return name if mark and use.isdecimal() else entry


def _mark(modules: Collection[str]) -> str:
    """What precedes the number of a use: a row of # that no module has in its name."""
    mark = "#"
    while any(mark in name for name in modules):
        mark += "#"
    return mark


# --- what to show ----------------------------------------------------------------------------------------------


MOST, NEARLY_ALL = 0.5, 0.9
"""A module with a greater share of the layers is a frame around blocks; the second is for members of sequences."""


def blocks(model: nn.Module, layers: Sequence[Layer], enough: int = 5) -> tuple[Layer, ...]:
    """The few layers worth drawing: the network's own blocks, in order.

    Starts from the modules the network is made of; a sequence whose members are themselves made of modules (the
    stages of a ResNet, the encoder of a ViT) stands for its members. Goes one level deeper while fewer than `enough`
    remain, and then opens frames: what holds most of the network, or is not run itself.
    """
    if not layers:
        return ()
    names = [name for name, _ in model.named_children()]
    run = {layer.name for layer in layers}
    while True:
        names = [member for name in names for member in _unfold(model, name)]
        deeper = [name for parent in names for name in (_children(model, parent) or [parent])]
        if len(run.intersection(names)) >= enough or deeper == names:
            break
        names = deeper
    while (opened := [inner for name in names for inner in _opened(model, name, run)]) != names:
        names = opened
    return tuple(layer for layer in layers if layer.name in set(names))


def _opened(model: nn.Module, name: str, run: Collection[str]) -> list[str]:
    """A frame as what it holds, anything else as itself."""
    inner = [layer for layer in run if layer.startswith(f"{name}.")]
    parent = model.get_submodule(name.rpartition(".")[0])
    most = NEARLY_ALL if isinstance(parent, (nn.Sequential, nn.ModuleList)) else MOST
    if not inner or (name in run and len(inner) <= most * len(run)):
        return [name]
    return [member for child in _children(model, name) for member in _unfold(model, child)]


def _children(model: nn.Module, name: str) -> list[str]:
    return [f"{name}.{child}" for child, _ in model.get_submodule(name).named_children()]


def _unfold(model: nn.Module, name: str) -> list[str]:
    """A sequence of blocks as its members, anything else as itself."""
    module = model.get_submodule(name)
    members = list(module.children())
    if isinstance(module, (nn.Sequential, nn.ModuleList)) and any(list(member.children()) for member in members):
        return [inner for child in _children(model, name) for inner in _unfold(model, child)]
    return [name]

"""The layers of somebody else's network: list them and read them, and leave no trace.

`record` reads activations by dotted name; `trace` lists every layer with its shape from one run; `as_code` brings the
output of a layer (maps, vectors, tokens) into one of two forms. See also `xai_widgets.borrowing`.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from math import isqrt
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from xai_widgets.errors import LayerError
from xai_widgets.names import hint

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Layer:
    """One entry of a network.

    Attributes
    ----------
    name
        Torch's dotted name; a module used again later in the same run gets ``#2``, ``#3``, ... appended.
    kind
        The module's class name.
    shape
        Shape of its output for one picture, without the batch: ``(C, H, W)``, ``(D,)`` or ``(T, C)``.
    parameters
        How many numbers the module holds, its children included.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


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
    modules = dict(model.named_modules())
    require_name(_module_name(name), list(modules))
    replaced: list[str] = []

    def swap(entry: str, _module: nn.Module, tensor: Tensor) -> Tensor | None:
        if entry != name:
            return None
        replaced.append(entry)
        return replace(tensor)

    output = _run_hooked({_module_name(name): modules[_module_name(name)]}, run, swap)
    if not replaced:
        raise LayerError(f"layer {name!r} exists, but was not run on this picture; study.layers() lists those that are")
    return output


class _Keeper:
    """Keeps a copy of the outputs of the named layers."""

    def __init__(self, model: nn.Module, names: Collection[str], *, stop: bool) -> None:
        modules = dict(model.named_modules())
        for name in names:
            require_name(_module_name(name), list(modules))
        self.modules = {_module_name(name): modules[_module_name(name)] for name in names}
        self.names = names
        self.stop = stop
        self.kept: dict[str, Tensor] = {}

    def watch(self, run: Callable[[], T]) -> T:
        return _run_hooked(self.modules, run, self._keep)

    def found(self) -> dict[str, Tensor]:
        for name in self.names:
            if name not in self.kept:
                raise LayerError(
                    f"layer {name!r} exists, but was not run on this picture (or gave no tensor); "
                    "study.layers() lists the layers that are run"
                )
        return self.kept

    def _keep(self, entry: str, _module: nn.Module, tensor: Tensor) -> None:
        if entry in self.names:
            self.kept[entry] = tensor.clone()
        if self.stop and len(self.kept) == len(set(self.names)):
            raise _AllRecordedError


def trace(model: nn.Module, run: Callable[[], object]) -> tuple[Layer, ...]:
    """Every layer that gives a tensor during `run`, in the order in which they finish."""
    found: list[Layer] = []

    def note(entry: str, module: nn.Module, tensor: Tensor) -> None:
        parameters = sum(parameter.numel() for parameter in module.parameters())
        found.append(Layer(entry, type(module).__name__, tuple(tensor.shape[1:]), parameters))

    _run_hooked({name: module for name, module in model.named_modules() if name}, run, note)
    return tuple(found)


def _run_hooked(
    modules: Mapping[str, nn.Module],
    run: Callable[[], T],
    notice: Callable[[str, nn.Module, Tensor], Tensor | None],
) -> T:
    """Call `run` with `notice(entry, module, tensor)` behind every use of the modules; hooks are always removed.

    A tensor that `notice` returns takes the place of the module's output.
    """
    owner, uses = threading.get_ident(), Counter[str]()
    running = threading.Event()
    running.set()

    def hook_for(name: str) -> Callable[[nn.Module, Any, Any], Tensor | None]:
        def hook(module: nn.Module, _inputs: Any, output: Any) -> Tensor | None:
            if threading.get_ident() != owner or not running.is_set():
                return None  # another thread uses the model, or a copy of it took the hook along
            uses[name] += 1
            tensor = first_tensor(output)
            if tensor is None or tensor.dim() < 2:
                return None
            found = notice(name if uses[name] == 1 else f"{name}#{uses[name]}", module, tensor)
            if found is not None and tensor is not output:
                raise LayerError(f"layer {name!r} gives a {type(output).__name__}, in which nothing can be replaced")
            return found

        return hook

    with ExitStack() as stack:
        stack.callback(running.clear)
        for name, module in modules.items():
            handle = module.register_forward_hook(hook_for(name))
            stack.callback(handle.remove)
        return run()


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


def require_name(name: str, known: Collection[str]) -> None:
    """Raise a `LayerError` with the closest names if `name` is not among the known ones."""
    if not name or name not in known:
        raise LayerError(f"no layer is named {name!r}{hint(name, known, few=0)}. study.layers() lists all of them")


def _module_name(entry: str) -> str:
    return entry.partition("#")[0]


# --- what to show ----------------------------------------------------------------------------------------------


def blocks(model: nn.Module, layers: Sequence[Layer], enough: int = 5) -> tuple[Layer, ...]:
    """The few layers worth drawing: the network's own blocks, in order.

    The search starts from the network's own modules. A sequence whose members consist of modules (a stage of a ResNet,
    the encoder of a ViT) is replaced by its members. While fewer than `enough` remain, it goes one level deeper.
    """
    names = [name for name, _ in model.named_children()]
    while True:
        names = [member for name in names for member in _unfold(model, name)]
        drawn = tuple(layer for layer in layers if layer.name in set(names))
        deeper = [name for parent in names for name in (_children(model, parent) or [parent])]
        if len(drawn) >= enough or deeper == names:
            return drawn
        names = deeper


def _children(model: nn.Module, name: str) -> list[str]:
    return [f"{name}.{child}" for child, _ in model.get_submodule(name).named_children()]


def _unfold(model: nn.Module, name: str) -> list[str]:
    """A sequence of blocks as its members, anything else as itself."""
    module = model.get_submodule(name)
    members = list(module.children())
    if isinstance(module, (nn.Sequential, nn.ModuleList)) and any(list(member.children()) for member in members):
        return [inner for child in _children(model, name) for inner in _unfold(model, child)]
    return [name]


# --- one of two forms ------------------------------------------------------------------------------------------


def as_code(activation: Tensor, picture: tuple[int, int]) -> Tensor:
    """A layer's output as maps ``(N, C, H, W)`` or vectors ``(N, D)``.

    Tokens ``(N, T, C)`` become a grid of the picture's proportions where T allows it; one extra token (the class
    token) is appended to every cell as further channels. Maps of one pixel become vectors. Anything else is
    flattened, with a warning in the log.

    Parameters
    ----------
    activation
        Output of a layer, batch first.
    picture
        Height and width of the picture in pixels, for the proportions of a token grid.
    """
    if activation.dim() == 4 and activation.shape[-2:] != (1, 1):
        return activation
    if activation.dim() == 3 and (grid := _token_grid(activation.shape[1], picture)):
        return _tokens_to_maps(activation, *grid)
    if activation.dim() == 3 or activation.dim() > 4:
        log.warning("a layer's output of shape %s is decoded as one flat vector", tuple(activation.shape))
    return activation.flatten(1)


def _token_grid(tokens: int, picture: tuple[int, int]) -> tuple[int, int, int] | None:
    """Rows, columns and extra tokens (0 or 1) with rows / columns nearest to the picture's proportions."""
    for extra in (0, 1):
        rows = isqrt(round((tokens - extra) * picture[0] / picture[1]))
        if rows > 1 and rows * round(rows * picture[1] / picture[0]) == tokens - extra:
            return rows, (tokens - extra) // rows, extra
    return None


def _tokens_to_maps(tokens: Tensor, rows: int, columns: int, extra: int) -> Tensor:
    cells = tokens[:, extra:].transpose(1, 2).reshape(len(tokens), -1, rows, columns)
    if not extra:
        return cells
    class_token = tokens[:, 0, :, None, None].expand(-1, -1, rows, columns)
    return torch.cat([cells, class_token], dim=1)

"""Several processes that train the same network: each computes its part of every batch, and they average gradients.

A loss takes its own rows of the batch from `Part.of`, and brings what it needs of all rows together with `Part.mean` or
`Part.whole`, so that every process returns the loss of the whole batch. Alone, all of this changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from xai_widgets.devices import sent
from xai_widgets.errors import XaiWidgetsError


@dataclass(frozen=True)
class Group:
    """Processes that train together, of which one runs here.

    Attributes
    ----------
    number, count
        The one here is `number`, from 0, of `count`.
    precision
        ``"no"`` for single precision, ``"bf16"`` for bfloat16 where that is safe; empty leaves it to the recipe.
    """

    number: int = 0
    count: int = 1
    precision: str = ""

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes files."""
        return self.number == 0

    def of(self, size: int) -> Part:
        """The rows of a batch that are this process's; all of them where there are fewer rows than processes."""
        if size < self.count:
            return Part(0, size, size)
        start, stop = (size * place // self.count for place in (self.number, self.number + 1))
        return Part(start, stop, size, self.count)

    def average(self, parameters: Sequence[nn.Parameter], values: Tensor) -> Tensor:
        """Average gradients over the processes, and values ``(V,)``; what has no gradient anywhere is left without."""
        if self.count == 1:
            return values
        lacking = [row for row, one in enumerate(parameters) if one.grad is None]
        mine = [torch.zeros_like(one) if one.grad is None else one.grad for one in parameters]
        there = torch.ones(len(parameters)).index_fill_(0, torch.tensor(lacking, dtype=torch.int64), 0.0)
        device, sizes = parameters[0].device, [*(one.numel() for one in mine), len(parameters), len(values)]
        flat = torch.cat([*(one.flatten().float() for one in mine), sent(there, device), sent(values, device).float()])
        *gradients, anywhere, found = _parts(_summed(flat) / self.count, sizes)
        for one, gradient in zip(parameters, gradients, strict=True):
            one.grad = torch.empty_like(one).copy_(gradient.view_as(one))
        known = anywhere.tolist() if lacking else []  # only then does the CPU wait for the device
        for row in lacking:
            parameters[row].grad = parameters[row].grad if known[row] else None
        return found

    def agree(self, value: float, what: str, device: torch.device | None = None) -> float:
        """Wait for the others, and require that they have the same value."""
        if self.count == 1:
            return value
        both = torch.tensor([value, -value], dtype=torch.float64, device=device or _device())
        most, least = _reduced(both, distributed.ReduceOp.MAX).tolist()
        if most != -least:
            raise XaiWidgetsError(
                f"the processes do not see the same {what} ({0 - least:g} and {most:g}); give all one shared folder"
            )
        return value

    def first_of(self, value: float) -> float:
        """The value of the first process."""
        if self.count == 1:
            return value
        given = torch.tensor([value if self.number == 0 else 0.0], dtype=torch.float64, device=_device())
        return float(_summed(given))

    def spread(self, state: Mapping[str, Tensor]) -> None:
        """Give every process the tensors of the first one, in place."""
        for tensor in state.values() if self.count > 1 else ():
            given = tensor.contiguous()
            with _explained():
                distributed.broadcast(given, 0)
            tensor.copy_(given)


@dataclass(frozen=True)
class Part:
    """Rows `start` to `stop` of a batch of `size` rows, which `count` processes share; 1 where each has all."""

    start: int
    stop: int
    size: int
    count: int = 1

    def of(self, whole: Tensor, dim: int = 0) -> Tensor:
        """Our rows of what all have."""
        return whole if self.count == 1 else whole.narrow(dim, self.start, self.stop - self.start)

    def mean(self, value: Tensor) -> Tensor:
        """The mean over the whole batch of what is a mean over our rows."""
        if self.count == 1:
            return value
        share = (self.stop - self.start) / self.size
        mean: Tensor = _Joined.apply(value * share, self.count)
        return mean

    def whole(self, own: Tensor, dim: int = 0) -> Tensor:
        """All rows of what each has for its own."""
        if self.count == 1:
            return own
        before, after = list(own.shape), list(own.shape)
        before[dim], after[dim] = self.start, self.size - self.stop
        padded = torch.cat([own.new_zeros(before), own, own.new_zeros(after)], dim)
        joined: Tensor = _Joined.apply(padded, self.count)
        return joined

    def times(self, each: int) -> Part:
        """The same where every row becomes so many."""
        return Part(self.start * each, self.stop * each, self.size * each, self.count)

    def every(self, step: int) -> Part:
        """The same where only rows 0, `step`, 2 `step` … of the batch are left."""
        start, stop, size = (ceil(place / step) for place in (self.start, self.stop, self.size))
        return Part(start, stop, size, self.count)


class _Joined(torch.autograd.Function):
    """A sum over the processes, of which each goes on to compute the same loss.

    Afterwards gradients are averaged, so each is `count` times that of its own part.
    """

    @staticmethod
    def forward(ctx: Any, own: Tensor, count: int) -> Tensor:
        ctx.count = count
        return _summed(own.detach().clone())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.count, None


class _Shared(torch.autograd.Function):
    """A sum over the processes, which each uses for its own rows."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:  # noqa: ARG004 - torch passes it
        return _summed(own.detach().clone())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004 - torch passes it
        return _summed(gradients[0].clone())


class BatchStatistics(TorchFunctionMode):
    """While a loss runs on parts of a batch, batch normalisation uses the statistics of the whole batch."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        del types
        given = dict(kwargs or {})
        if func is F.batch_norm and (given.get("training") or (len(args) > 5 and args[5])):
            return _normalised(*args, **given)
        return func(*args, **given)


def _normalised(
    values: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = True,  # noqa: ARG001 - torch's signature
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """As torch's function of that name, in two passes: squares less the square of the mean lose digits."""
    x, dims = values.float(), [dim for dim in range(values.dim()) if dim != 1]
    shape = [1, -1, *[1] * (values.dim() - 2)]
    own = x.new_full((1,), x.numel() / x.shape[1])
    total = _Shared.apply(torch.cat([x.sum(dims), own]))
    mean, count = total[:-1] / total[-1].detach(), total[-1].detach()
    centred = x - mean.view(shape)
    variance = _Shared.apply(centred.square().sum(dims)) / count
    made: Tensor = centred * (variance + eps).rsqrt().view(shape)
    with torch.no_grad():
        for running, found in ((running_mean, mean), (running_var, variance * count / (count - 1).clamp_min(1))):
            if running is not None:
                running.lerp_(found.to(running), momentum)
    if weight is not None:
        made = made * weight.view(shape)
    if bias is not None:
        made = made + bias.view(shape)
    return made.to(values.dtype)


# --- which group ---------------------------------------------------------------------------------------------------

ALONE = Group()
"""One process."""

_HERE: list[Group] = [ALONE]


def current() -> Group:
    """The group that trains together now; one process without `together`."""
    return _HERE[-1]


@contextmanager
def together(group: Group) -> Iterator[None]:
    """Context in which this process trains with the others of its group, which must train the same."""
    if group.precision not in ("", "no", "bf16"):
        raise XaiWidgetsError(f"the precision {group.precision!r} cannot be trained in; give no or bf16")
    _HERE.append(group)
    try:
        yield
    finally:
        _HERE.pop()


# --- what torch does -----------------------------------------------------------------------------------------------


def _device() -> torch.device:
    """Where the processes can exchange numbers."""
    on_gpu = distributed.get_backend() == "nccl"
    return torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")


def _parts(tensor: Tensor, sizes: Sequence[int]) -> tuple[Tensor, ...]:
    found: tuple[Tensor, ...] = tensor.split(list(sizes))
    return found


def _summed(tensor: Tensor) -> Tensor:
    return _reduced(tensor, distributed.ReduceOp.SUM)


def _reduced(tensor: Tensor, how: Any) -> Tensor:
    """In place, and row after row in memory, as the processes exchange it."""
    tensor = tensor.contiguous()
    with _explained():
        distributed.all_reduce(tensor, op=how)
    return tensor


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise XaiWidgetsError("another of the processes has ended, so this one ends, too; see what it said") from error

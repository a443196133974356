"""Between the CPU and the device that computes: tensors that are sent there, and numbers that are read later.

A CUDA device works through a queue, ahead of which the CPU runs; whoever reads a number waits until all of the queue is
done. So loops send batches without waiting, and read what they must know a few steps later, all of it at once. On a
CPU, where nothing waits, the numbers are the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

EVERY = 16
"""Steps of a loop between two reads."""

_HERE = threading.local()


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device; from the CPU to CUDA out of pinned memory, so that nobody waits for the copy."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


class Unread:
    """Numbers that nobody has read yet, and what is done with each of them then."""

    def __init__(self) -> None:
        self._steps = 0
        self._waiting: list[tuple[Tensor, Callable[[float], object]]] = []

    def add(self, number: Tensor, use: Callable[[float], object]) -> None:
        """Call `use` with a number, a tensor of one value, once it is read."""
        self._waiting.append((number.detach().reshape(1), use))

    def step(self) -> None:
        """Count a step of the loop; after `EVERY` of them, all numbers are read."""
        self._steps += 1
        if self._steps % EVERY == 0:
            self.read()

    def read(self) -> None:
        """Read all numbers at once, and use them in the order in which they came."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        device = waiting[0][0].device
        values = torch.cat([number.to(device) for number, _ in waiting]).tolist()
        for value, (_, use) in zip(values, waiting, strict=True):
            use(value)


@contextmanager
def later() -> Iterator[Unread]:
    """Context of a loop in which `require` reads nothing; what is unread at its end, or at an error, is read then.

    A number that is not what it must be is thus found up to `EVERY` steps later, and before anything is made of the
    loop's result. If the loop fails because of it, the error is still that of the number.
    """
    unread = Unread()
    _open().append(unread)
    try:
        yield unread
    except Exception:
        unread.read()
        raise
    finally:
        _open().remove(unread)
    unread.read()


def reads_later() -> bool:
    """Whether this thread is within `later`."""
    return bool(_open())


def require(fine: Tensor, complaint: Callable[[], Exception]) -> None:
    """Raise an error unless a tensor of one bool is true: at once, or within `later` as soon as it is read there."""

    def judge(value: float) -> None:
        if not value:
            raise complaint()

    if reads_later():
        _open()[-1].add(fine, judge)
    else:
        judge(float(fine))


def _open() -> list[Unread]:
    """Of this thread, the innermost last."""
    if not hasattr(_HERE, "unread"):
        _HERE.unread = []
    found: list[Unread] = _HERE.unread
    return found

"""Which process this is, of those that ``accelerate launch`` or ``torchrun`` started; one of one without them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch

from xai_widgets.scale.extra import needed

T = TypeVar("T")

PATIENCE = timedelta(days=7)
"""So long processes wait for each other: the last one may have a shard more to explain."""


@dataclass(frozen=True)
class Ranks:
    """A process, and how many there are.

    Attributes
    ----------
    number, count
        Process `number`, from 0, of `count`.
    device
        Where it computes by default; None for a single process.
    """

    number: int = 0
    count: int = 1
    device: Any = None
    _state: Any = None

    @classmethod
    def here(cls) -> Ranks:
        """The one that runs here; the others join it if there are several."""
        if int(os.environ.get("WORLD_SIZE", "1")) < 2:
            return cls()
        cpu = not torch.accelerator.is_available()  # Accelerate would leave such processes alone
        state = needed("accelerate").PartialState(cpu=cpu, timeout=PATIENCE)
        return cls(state.process_index, state.num_processes, state.device, state)

    def first(self, work: Callable[[], T]) -> T:
        """Let the first process work, and the others do the same after it."""
        if self._state is None:
            return work()
        with self._state.main_process_first():
            return work()

    def wait(self) -> None:
        """Wait until all are here."""
        if self._state is not None:
            self._state.wait_for_everyone()

    def leave(self) -> None:
        """Say goodbye to the others: nothing follows."""
        if self._state is not None:
            self._state.destroy_process_group()


def precision() -> str:
    """What ``accelerate launch --mixed_precision`` asks for, ``no`` unless it is given; empty without Accelerate."""
    return os.environ.get("ACCELERATE_MIXED_PRECISION", "")

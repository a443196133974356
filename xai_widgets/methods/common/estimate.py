"""What a fit would take, before it begins: a few of its steps by a throwaway copy, extrapolated."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.progress import Progress

COPIES = 6
"""Copies of each weight: itself, its gradient, two moments of Adam, the best one, and an average."""


@dataclass(frozen=True)
class Estimate:
    """What a fit would take on this machine.

    Attributes
    ----------
    seconds
        Until the end, if nothing stops it early and no part has to be fitted twice.
    bytes
        Memory beside what is in use: cached pictures and codes, activations of a step, weights.
    how
        What was tried.
    """

    seconds: float
    bytes: int
    how: str

    def sentence(self) -> str:
        """Both in words, as "about 40 s and 300 MB here"."""
        return f"about {_time(self.seconds)} and {_memory(self.bytes)} here"


def estimate(explainer: Explainer, layer: str | None = None, *, progress: Progress | None = None) -> Estimate:
    """Try a fit for a moment, and extrapolate.

    The trial is the fit itself, of a few pictures and epochs, by a copy that is thrown away: the explainer is not
    changed, and the model is borrowed.

    Parameters
    ----------
    explainer
        Fitted or not.
    layer
        The layer to be fitted, where a method fits several; default the first one that was requested.
    progress
        Told each task of the trial, and asked whether to stop; silent by default.

    Raises
    ------
    CancelledError
        If the progress was cancelled.
    XaiWidgetsError
        If the method trains nothing; or what the fit itself would raise.
    """
    trial = explainer.trial(layer)
    watch = _Stopwatch(progress or Progress(), len(trial.growth))
    with torch.autograd.graph.saved_tensors_hooks(watch.pack, lambda tensor: tensor):
        trial.explainer._fit(watch, None, lambda _: None)
    watch.finish()
    weights = sum(tensor.nbytes for tensor in trial.explainer._tensors(torch.float32).values())
    return Estimate(
        seconds=watch.extrapolated(trial.growth),
        bytes=trial.kept + round(watch.most_saved * trial.batch) + COPIES * weights,
        how=f"{watch.steps} steps on {len(trial.explainer.study.train)} pictures, in {watch.seconds:.1f} s",
    )


class _Stopwatch(Progress):
    """Times the steps of each task, and measures what autograd saves in each step."""

    def __init__(self, outer: Progress, tasks: int) -> None:
        super().__init__()
        self._outer, self._cancelled = outer, outer._cancelled
        self._tasks: list[tuple[int, list[float]]] = []
        self._saved: dict[int, int] = {}
        self.most_saved = 0
        self._first = self._last = time.perf_counter()
        outer.start("trying the fit", tasks)

    def start(self, task: str, total: int, *, done: int = 0, seconds: float = 0.0) -> None:
        if self._tasks:
            self._outer.advance()
        super().start(task, total, done=done, seconds=seconds)
        self._tasks.append((total, []))
        self._last = time.perf_counter()

    def advance(self, steps: int = 1, note: str = "") -> None:
        now = time.perf_counter()
        self._tasks[-1][1].append(now - self._last)
        self.most_saved = max(self.most_saved, sum(self._saved.values()))
        self._saved.clear()
        self._last = now
        super().advance(steps, note)

    def pack(self, tensor: Tensor) -> Tensor:
        """Note a tensor that autograd saves; each memory counts once."""
        storage = tensor.untyped_storage()
        self._saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    def finish(self) -> None:
        """The trial is over."""
        self.seconds = time.perf_counter() - self._first
        self._outer.advance()

    @property
    def steps(self) -> int:
        return sum(len(timed) for _, timed in self._tasks)

    def extrapolated(self, growth: Sequence[float]) -> float:
        """Seconds of a fit whose tasks grow so; what is between the tasks grows as the first one does."""
        tasks = sum(more * total * _typical(timed) for more, (total, timed) in zip(growth, self._tasks, strict=True))
        between = self.seconds - sum(sum(timed) for _, timed in self._tasks)
        return tasks + growth[0] * between


def _typical(timed: list[float]) -> float:
    """Mean time of all steps but the first, which allocates memory and loads code."""
    rest = timed[1:] or timed
    return sum(rest) / len(rest)


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(_rounded(seconds), 1)} s"
    return f"{_rounded(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _memory(count: int) -> str:
    megabytes = max(_rounded(count / 1e6), 1)
    return f"{megabytes} MB" if megabytes < 1000 else f"{count / 1e9:.1f} GB"


def _rounded(value: float) -> int:
    """One significant digit up to 10, and two above: no more is known."""
    digits = 1 if value < 10 else 2
    scale: int = 10 ** max(math.floor(math.log10(max(value, 1))) + 1 - digits, 0)
    return round(value / scale) * scale

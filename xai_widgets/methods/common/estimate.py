"""What a fit would take, before it begins: a few of its steps by a throwaway copy, extrapolated."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.errors import CancelledError, XaiWidgetsError
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
        return f"{duration(self.seconds)} and {_memory(self.bytes)} here"


def estimate(explainer: Explainer, layer: str | None = None, *, progress: Progress | None = None) -> Estimate:
    """Try a fit for a moment, and extrapolate.

    The trial is the fit itself, of a few pictures and epochs, by a copy that is thrown away: the explainer is not
    changed, and the model is borrowed. `layer` is the one to be fitted, where a method fits several.

    Raises
    ------
    CancelledError
        If the progress was cancelled.
    XaiWidgetsError
        If the method trains nothing, or the trial fails.
    """
    trial, progress = explainer.trial(layer), progress or Progress()
    pictures, began = len(trial.explainer.study.train), time.perf_counter()
    progress.start("trying the fit", len(trial.growth))
    watch = _Stopwatch(progress)
    try:
        with torch.autograd.graph.saved_tensors_hooks(watch.pack, lambda tensor: tensor):
            trial.explainer._fit(watch, None, lambda _: None)
    except CancelledError:
        raise
    except XaiWidgetsError as error:
        raise XaiWidgetsError(
            f"a trial of this fit on {pictures} pictures fails, so there is no estimate: {error}"
        ) from error
    seconds = time.perf_counter() - began
    progress.advance()
    weights = sum(tensor.nbytes for tensor in trial.explainer._tensors(torch.float32).values())
    return Estimate(
        seconds=watch.extrapolated(trial.growth, seconds),
        bytes=trial.kept + round(watch.most_saved * trial.batch) + COPIES * weights,
        how=f"{sum(len(marks) - 1 for _, marks in watch.tasks)} steps on {pictures} pictures, in {seconds:.1f} s",
    )


class _Stopwatch(Progress):
    """Notes the total of each task and when its steps ended, and measures what autograd saves in a step."""

    def __init__(self, outer: Progress) -> None:
        super().__init__()
        self._outer, self._cancelled = outer, outer._cancelled
        self.tasks: list[tuple[int, list[float]]] = []
        self._saved: dict[int, int] = {}
        self.most_saved = 0

    def start(self, task: str, total: int, *, done: int = 0, seconds: float = 0.0) -> None:
        if self.tasks:
            self._outer.advance()
        super().start(task, total, done=done, seconds=seconds)
        self.tasks.append((total, [time.perf_counter()]))

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.tasks[-1][1].append(time.perf_counter())
        self.most_saved = max(self.most_saved, sum(self._saved.values()))
        self._saved.clear()
        super().advance(steps, note)

    def pack(self, tensor: Tensor) -> Tensor:
        """Note a tensor that autograd saves; each memory counts once."""
        storage = tensor.untyped_storage()
        self._saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    def extrapolated(self, growth: Sequence[float], seconds: float) -> float:
        """Seconds of a fit whose tasks grow so; what is between the tasks grows as the first one does."""
        between = seconds - sum(marks[-1] - marks[0] for _, marks in self.tasks)
        tasks = zip(growth, self.tasks, strict=True)
        return sum(more * total * _typical(marks) for more, (total, marks) in tasks) + growth[0] * between


def _typical(marks: list[float]) -> float:
    """Mean time of all steps but the first, which allocates memory and loads code."""
    timed = marks[1:] if len(marks) > 2 else marks
    return (timed[-1] - timed[0]) / (len(timed) - 1)


def duration(seconds: float) -> str:
    """A time that is not known well, in words."""
    if seconds < 90:
        return f"about {max(_rounded(seconds), 1)} s"
    return f"about {_rounded(seconds / 60)} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def _memory(count: int) -> str:
    megabytes = max(_rounded(count / 1e6), 1)
    return f"{megabytes} MB" if megabytes < 1000 else f"{count / 1e9:.1f} GB"


def _rounded(value: float) -> int:
    """One digit up to 10, and two above: no more is known."""
    return round(value) if value < 10 else round(float(f"{value:.2g}"))

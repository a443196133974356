"""The one training loop: steps, learning rate, validation, early stop, progress, cancel, checkpoint and resume.

Every random number of a step comes from ``(seed, epoch, step)`` and the learning rate from the number of the step
alone. So a run that was killed and resumed ends, on a CPU with the same number of threads, with the bits of one that
was not, and nobody else's random numbers are touched.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xai_widgets import artifact
from xai_widgets.checkpoint import Checkpoint
from xai_widgets.devices import EVERY, Unread, later, sent
from xai_widgets.errors import CancelledError, PictureError, XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe, learning_rate, new_optimizer, out_of_patience
from xai_widgets.seeding import derived, generator, seeded
from xai_widgets.together import ALONE, BatchStatistics, Group, Part, current

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 20.0
"""Time between two checkpoints within an epoch."""

READ_SECONDS = 1.0
"""Losses are read this often, for the progress to show, if steps are slow; else every `EVERY` steps."""


@dataclass(frozen=True)
class Step:
    """What a loss needs to know about its step; epochs, and steps since the start of the training, count from 0."""

    indices: Tensor  # the examples of the batch, int64 (n,) on the CPU
    generator: torch.Generator  # for random numbers of the loss, on the CPU; the same after a resume
    epoch: int
    number: int
    group: Group = ALONE  # the processes that share the batch; see `xai_widgets.together`

    @property
    def part(self) -> Part:
        """The rows of the batch that this process computes."""
        return self.group.of(len(self.indices))


@dataclass(frozen=True)
class History:
    """What happened, one entry per epoch."""

    train_loss: tuple[float, ...]  # mean over the examples, while the weights changed
    validation: tuple[float, ...]  # empty without one
    best_epoch: int  # whose weights the module has
    seconds: float  # those before a resume included
    stopped_early: bool


def train(
    module: nn.Module,
    loss: Callable[[Step], Tensor],
    count: int,
    recipe: Recipe,
    *,
    validate: Callable[[], float] | None = None,
    progress: Progress | None = None,
    task: str = "training",
    checkpoint: Path | None = None,
    shared: bool = False,
) -> History:
    """Train the parameters of `module` that require gradients, where the module is.

    The module is in train mode in `loss` and in eval mode, without gradients and without autocast, in `validate`.
    However the training ends, the module is left in eval mode with the weights of its best finished epoch: that of
    the lowest validation or, without one, the last. If no epoch was finished, its weights are the latest.

    The loss and the length of its gradient are read every few steps (see `devices.EVERY`), and before anything is saved
    or taken as best; one that is not finite is then an error, which names its step.

    Parameters
    ----------
    loss
        Gives the mean loss over the examples ``step.indices``, a scalar. Called with torch's global random numbers
        seeded for the step (dropout), which are put back afterwards.
    count
        Number of examples; their indices are ``0 .. count - 1``.
    validate
        Gives a number that is the better the lower it is; called after each epoch.
    task
        What is being trained, for people and to tell checkpoints apart.
    checkpoint
        File for all that a resume needs (``.safetensors`` is added if missing), written after each epoch, about every
        `CHECKPOINT_SECONDS` within one, and when `progress` is cancelled at a step. If it exists, training resumes
        there; it is removed when the training is complete.
    shared
        Whether `loss` shares a batch among the processes that train together: it computes `Step.part` of it, and
        returns the loss of all of it. Otherwise each of them computes all of it.

    Raises
    ------
    ArtifactError
        If the checkpoint is from another training, cannot be read or cannot be written.
    XaiWidgetsError
        If nothing in the module can be trained, or the loss, its gradient or the validation is not finite.
    """
    if count < 1:
        raise PictureError(f"there are {count} examples to train on; give at least one")
    run = _Run(module, loss, count, recipe, validate, progress or Progress(), task, checkpoint, shared)
    try:
        run.resume()
        history = run.finish()
    finally:
        run.leave()
    if run.checkpoint is not None and run.group.writes:
        run.checkpoint.remove()
    return history


@dataclass
class _Position:
    """How far a run is; what JSON can hold, so that a checkpoint has it bit by bit."""

    epoch: int = 0
    step: int = 0  # steps done in this epoch
    loss_sum: float = 0.0  # over the examples of this epoch so far
    train_loss: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class _Run:
    """One training under way: `resume`, `finish` and, even after an error, `leave`."""

    module: nn.Module
    loss: Callable[[Step], Tensor]
    count: int
    recipe: Recipe
    validate: Callable[[], float] | None
    progress: Progress
    task: str
    path: Path | None
    shared: bool

    def __post_init__(self) -> None:
        self.trained = [parameter for parameter in self.module.parameters() if parameter.requires_grad]
        if not self.trained:
            raise XaiWidgetsError(f"{self.task}: no parameter of the module requires gradients; unfreeze at least one")
        self.device = self.trained[0].device
        self.group, self.asked, self.stops = current(), set[float](), False
        self.mixed = _mixed(self.recipe, self.device, self.group.precision)
        self.optimizer = new_optimizer(self.trained, self.recipe)
        self.steps = math.ceil(self.count / self.recipe.batch_size)
        self.at = _Position()
        self.best: dict[str, Tensor] = {}  # state of the best finished epoch
        self.unread, self.latest = Unread(), ""  # the loss that was read last, for people
        self.began = self.saved = self.read = time.monotonic()
        self.checkpoint = None if self.path is None else Checkpoint(self.path, self._identity())

    @property
    def judged(self) -> list[float]:
        """What patience goes by."""
        return self.at.train_loss if self.validate is None else self.at.validation

    @property
    def number(self) -> int:
        """The step since the start of the training."""
        return self.at.epoch * self.steps + self.at.step

    @property
    def seconds(self) -> float:
        return self.at.seconds + time.monotonic() - self.began

    def finish(self) -> History:
        total = self.recipe.epochs * self.steps
        self.progress.start(self.task, total, done=self.number, seconds=self.at.seconds)
        while self.at.epoch < self.recipe.epochs and not out_of_patience(self.recipe, self.judged):
            self._epoch()
        stopped = self.at.epoch < self.recipe.epochs
        if stopped:
            self.progress.advance(total - self.number, f"stopped early after {self.at.epoch} epochs")
        losses, validation = tuple(self.at.train_loss), tuple(self.at.validation)
        return History(losses, validation, self._best_epoch(), self.seconds, stopped)

    def leave(self) -> None:
        """Leave the module with its best weights, in eval mode and without gradients."""
        self.optimizer.zero_grad()
        if self.best:
            artifact.put_into(self.module, self.best)
        self.module.eval()

    def _epoch(self) -> None:
        self.module.train()
        order = torch.randperm(self.count, generator=generator(self.recipe.seed, "order", self.at.epoch))
        # Equal batches rather than full ones and a rest: batch normalisation fails on a rest of one.
        with later() as self.unread:
            for indices in order.tensor_split(self.steps)[self.at.step :]:
                self._step(indices)
                self.at.step += 1
                self._look()
                self._report()
        self._close_epoch()

    def _step(self, indices: Tensor) -> None:
        """Take one step, and note its loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, self.number, self.steps)
        self.optimizer.zero_grad()
        own = generator(self.recipe.seed, "step", self.number)
        step = Step(indices, own, self.at.epoch, self.number, self.group if self.shared else ALONE)
        with seeded(self.device, derived(self.recipe.seed, "global", self.number)), torch.enable_grad():
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed), _statistics(step):
                value = self.loss(step)
            value.backward()
        self._note(self._averaged(value.detach()), len(indices))
        self.optimizer.step()

    def _note(self, loss: Tensor, count: int) -> None:
        """Note a loss over so many examples, and the length of its gradient, which is clipped; nothing is read yet."""
        norm, step = nn.utils.clip_grad_norm_(self.trained, self.recipe.clip or math.inf), self.at.step

        def use(value: float) -> None:
            self._require_finite("loss", value, step)
            self.at.loss_sum += value * count
            self.latest = f", loss {value:.4g}"

        self.unread.add(loss, use)
        self.unread.add(norm, lambda length: self._require_finite("length of the gradient", length, step))

    def _averaged(self, loss: Tensor) -> Tensor:
        """Average gradients and loss over the processes, and note whether one of them is asked to stop."""
        if self.group.count == 1:
            return loss
        stop = sent(torch.tensor(float(self.progress.cancelled)), loss.device)
        loss, stop = self.group.average(self.trained, torch.stack([loss.float(), stop])).unbind()
        self.unread.add(stop, self.asked.add)
        return loss

    def _look(self) -> None:
        """Read the losses when it is time; at some steps all processes do, and stop if one is asked to."""
        on_cpu = self.device.type == "cpu" and self.group.count > 1  # reading costs nothing there
        common = on_cpu or self.at.step % EVERY == 0 or self.at.step == self.steps
        if common or time.monotonic() - self.read >= READ_SECONDS:
            self.unread.read()
            self.read = time.monotonic()
        if common and any(self.asked):
            self.stops = True
            self.progress.cancel()

    def _report(self) -> None:
        """Tell the step; a good moment for a checkpoint, since nothing is half done."""
        note = f"epoch {self.at.epoch + 1}/{self.recipe.epochs}{self.latest}"
        if self.at.validation:
            note += f", validation {self.at.validation[-1]:.4g}"
        try:
            self._advance(note)
        except CancelledError:
            self._save()
            raise
        if time.monotonic() - self.saved >= CHECKPOINT_SECONDS:
            self._save()

    def _advance(self, note: str) -> None:
        try:
            self.progress.advance(note=note)
        except CancelledError:
            if self.group.count == 1 or self.stops:
                raise
            # The others do not know yet: all stop after the next step.

    def _close_epoch(self) -> None:
        self.at.train_loss.append(self.at.loss_sum / self.count)
        if self.validate is not None:
            self.at.validation.append(self._validated(self.validate))
        if self._best_epoch() == self.at.epoch:
            self.best = {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}
        log.info("%s: epoch %d, loss %g", self.task, self.at.epoch + 1, self.judged[-1])
        self.at.epoch, self.at.step, self.at.loss_sum = self.at.epoch + 1, 0, 0.0
        self._save()

    def _validated(self, validate: Callable[[], float]) -> float:
        self.module.eval()
        with seeded(self.device, derived(self.recipe.seed, "validate", self.at.epoch)), torch.no_grad():
            value = self.group.first_of(float(validate()))
        self._require_finite("validation", value, self.steps - 1)
        return value

    def _best_epoch(self) -> int:
        values = self.at.validation
        return len(self.at.train_loss) - 1 if self.validate is None else values.index(min(values))

    def _require_finite(self, what: str, value: float, step: int) -> None:
        if not math.isfinite(value):
            lr = learning_rate(self.recipe, self.at.epoch * self.steps + step, self.steps)
            raise XaiWidgetsError(
                f"{self.task}: the {what} became {value} in epoch {self.at.epoch + 1}, step {step + 1} of "
                f"{self.steps}, at a learning rate of {lr:.3g}; try a lower one, and check the pictures for NaN"
            )

    def _identity(self) -> dict[str, Any]:
        """What a checkpoint must agree on."""
        shapes = {name: list(tensor.shape) for name, tensor in self.module.state_dict().items()}
        recipe = {
            f"recipe.{name}": list(value) if isinstance(value, tuple) else value  # JSON has no tuples
            for name, value in asdict(self.recipe).items()
        }
        validated = self.validate is not None
        return {"task": self.task, "examples": self.count, "validated": validated, "shapes": shapes, **recipe}

    def _save(self) -> None:
        if self.checkpoint is None or not self.group.writes:
            return
        self.unread.read()
        position = {**asdict(self.at), "seconds": self.seconds}
        self.checkpoint.save(self.module, self.best, self.optimizer, position)
        self.saved = time.monotonic()

    def resume(self) -> None:
        """Continue from the checkpoint, if there is one; all processes from the same place, with the same weights."""
        self._restore()
        self.group.agree(self.number, "checkpoint")
        self.group.spread(self.module.state_dict())

    def _restore(self) -> None:
        kept = None if self.checkpoint is None else self.checkpoint.restore(self.module, self.optimizer)
        if kept is None:
            return
        self.best = {name: tensor.to(self.device) for name, tensor in kept[0].items()}
        self.at = _Position(**kept[1])
        log.info("%s: resumed in epoch %d, step %d", self.task, self.at.epoch + 1, self.at.step + 1)


def _mixed(recipe: Recipe, device: torch.device, precision: str) -> bool:
    """Whether to compute in bfloat16: as the processes were started; by default, on devices made for it."""
    if not recipe.amp or precision:
        return recipe.amp and precision == "bf16"
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def _statistics(step: Step) -> AbstractContextManager[Any]:
    return BatchStatistics() if step.part.count > 1 else nullcontext()

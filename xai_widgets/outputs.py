"""What a model's output means: which logits it stands for, and which probabilities those stand for.

Most classifiers give a logit for each class, and a softmax of them are probabilities that sum to 1. In a multi-label
classifier each class has a probability of its own, the sigmoid of its logit. Some give one logit z, which is read as
the two ``(0, z)``; some give probabilities already, which are read as the logits that lead to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from xai_widgets import inputs
from xai_widgets.devices import reads_later, require
from xai_widgets.errors import FAILURES, PictureError, XaiWidgetsError
from xai_widgets.layers import first_tensor
from xai_widgets.limits import Choice, OrNone
from xai_widgets.names import Target, find_class
from xai_widgets.probabilities import SCORES, SIGMOID, SOFTMAX, Scores
from xai_widgets.probing import probes

BELOW = 30.0
"""A masked class, of logit -inf, gets a logit so far below all others: its probability is below 1e-12."""

LEAST = float(torch.finfo(torch.float32).tiny)
"""Probabilities below this one are read as this one."""

RANDOM = (
    "the model gives another answer to the same picture each time, also in evaluation mode (is dropout always on?): "
    "its explanations are not reliable"
)

CLOSE = 1e-7
"""A probability of a sigmoid is read as no closer to 1 than so, nor to 0."""


@dataclass(frozen=True)
class Reading:
    """How one model's output is read.

    Attributes
    ----------
    ending
        What the model gives: "logits", or the probabilities of a "softmax" or of a "sigmoid".
    single
        Whether it gives one value for each picture, which tells two classes apart.
    scores
        How logits become probabilities.
    classes
        How many there are.
    masked
        Those that the model never predicts: their logits are -inf, or the lowest number there is.
    channels, shown
        How many channels the model takes, and how many the pictures have.
    random
        Whether it gives another answer to the same picture each time.
    """

    ending: str = "logits"
    single: bool = False
    scores: Scores = SOFTMAX
    classes: int = 0
    masked: frozenset[int] = frozenset()
    channels: int = 0
    shown: int = 0
    random: bool = False

    @classmethod
    def of(
        cls, model: nn.Module, run: Callable[[Tensor], object], shape: tuple[int, int, int], wanted: str | None
    ) -> Reading:
        """Look at the model's answers to two pictures of noise.

        Parameters
        ----------
        model, run
            The model, and a function that calls it with a batch of pictures of its channels in [0, 1];
            it is borrowed by the caller.
        shape
            Of one picture.
        wanted
            "softmax", "sigmoid", or None to find out.

        Raises
        ------
        PictureError
            If the model fails, or gives no logits.
        """
        failed: list[Exception] = []
        for channels in inputs.channels_to_try(model, shape[0]):
            try:
                return cls._with_channels(channels, model, run, shape, wanted)
            except XaiWidgetsError:
                raise
            except FAILURES as error:
                failed.append(error)
        raise PictureError(inputs.failure(model, run, shape, failed[-1])) from failed[-1]

    @classmethod
    def _with_channels(
        cls,
        channels: int,
        model: nn.Module,
        run: Callable[[Tensor], object],
        shape: tuple[int, int, int],
        wanted: str | None,
    ) -> Reading:
        first, second = inputs.of_channels(probes(shape)[:2], channels).split(1)
        with torch.no_grad():
            answers = [raw_logits(run(first), 1)]
            random = not torch.allclose(answers[0].float(), raw_logits(run(first), 1).float(), rtol=0.05, atol=1e-3)
        answers += _with_history(run, second)
        ending, single = _ending(model, answers), answers[0].shape[1] == 1
        scores, classes = _scores(model, wanted, ending, single), 2 if single else answers[0].shape[1]
        found = cls(ending, single, scores, classes, channels=channels, shown=shape[0], random=random)
        logits = torch.cat([found._logits(answer.detach()) for answer in answers])
        _finite(logits[:1], first)
        masked = logits.isneginf().all(0).nonzero().flatten().tolist()
        return replace(found, masked=frozenset(masked))

    def logits(self, output: object, pictures: Tensor) -> Tensor:
        """Logits ``(N, K)`` in single precision for what the model gave, all of them finite.

        Raises
        ------
        PictureError
            If that is no row of numbers for each picture.
        """
        logits = self._logits(raw_logits(output, len(pictures)))
        if logits.shape[1] != self.classes:
            raise PictureError(f"the model gave {logits.shape[1]} logits, and {self.classes} before")
        return _finite(logits, pictures)

    def _logits(self, raw: Tensor) -> Tensor:
        logits = raw.float()
        if self.ending == "softmax":
            logits = logits.clamp_min(LEAST).log()
        elif self.ending == "sigmoid":
            logits = logits.logit(CLOSE)
        return torch.cat([torch.zeros_like(logits), logits], 1) if self.single else logits

    def class_index(self, class_names: Sequence[str], target: Target) -> int:
        """The number of a class by number or name; an `XaiWidgetsError` for one that does not exist, or is masked."""
        number = find_class(class_names, target)
        if number in self.masked:
            raise XaiWidgetsError(
                f"the model never predicts class {class_names[number]!r}: its logit is -inf for every picture, "
                "shows, so that there is nothing to explain; choose another class"
            )
        return number

    def names(self, given: Sequence[str]) -> Sequence[str]:
        """Names of the classes; of a model of one logit, the name of that one will do."""
        alone = self.single and isinstance(given, (list, tuple)) and len(given) == 1
        return (f"not {given[0]}", given[0]) if alone else given

    @property
    def said(self) -> tuple[str, ...]:
        """What people should know about it; nothing where the model gives usual logits."""
        parts = {
            f"shown to the model in {'grey' if self.channels == 1 else 'colour'}": self.channels != self.shown,
            "one logit z, read as (0, z)": self.single,
            "multi-label, a sigmoid for each class": self.scores is SIGMOID,
            f"gives probabilities of a {self.ending}, read as its logits": self.ending != "logits",
            "gives another answer each time": self.random,
            f"never predicts {', '.join(f'class {k}' for k in sorted(self.masked))}": bool(self.masked),
        }
        return tuple(part for part, applies in parts.items() if applies)


def logits_of(output: object) -> Tensor | None:
    """The logits in a model's output: what it calls so (as those of Hugging Face do), else its first tensor."""
    named = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    return first_tensor(output if named is None else named)


def raw_logits(output: object, rows: int) -> Tensor:
    """The numbers ``(N, K)`` that a model gave for N pictures, or a `PictureError` that says why they are no logits.

    Numbers without a row for one picture get one; further sides of length 1 are left out. The lowest number of a type,
    by which classes are masked, becomes -inf.
    """
    found = logits_of(output)
    if found is None:
        raise PictureError(f"the model must turn pictures into logits (N, K), but gave {type(output).__name__}")
    if not found.is_floating_point():
        raise PictureError(
            f"the model gave {found.dtype}, but logits are floats: leave out its last step, which decides"
        )
    if found.dim() < 2 and (rows == 1 or found.shape == (rows,)):
        found = found.reshape(rows, -1)
    if found.dim() < 2 or found[:1].numel() != found.shape[1] * len(found[:1]) or not found.shape[1]:
        raise PictureError(
            f"the model must turn pictures into logits (N, K), but gave {tuple(found.shape)}; if it answers for "
            "each place or word, give a model that takes the mean of these answers"
        )
    if len(found) != rows:
        raise PictureError(f"the model gave {len(found)} rows for {rows} pictures, but must give one for each")
    found = found.flatten(1)
    return found.masked_fill(found <= torch.finfo(found.dtype).min, -torch.inf)


def _finite(logits: Tensor, pictures: Tensor) -> Tensor:
    """The logits, those of -inf as numbers far below all others."""
    if not reads_later() and bool(torch.isfinite(logits).all()):
        return logits
    given, masked = logits.detach(), logits.isneginf()
    wrong = given.isnan() | given.isposinf() | masked.all(1, keepdim=True)
    require(~wrong.any() | ~torch.isfinite(pictures).all(), lambda: _complaint(given, wrong))
    lowest = given.masked_fill(masked, torch.inf).amin(1, keepdim=True)
    return torch.where(masked, lowest - BELOW, logits)


def _complaint(logits: Tensor, wrong: Tensor) -> PictureError:
    row, k = wrong.nonzero()[0].tolist()
    return PictureError(
        f"the model gives {'NaN' if logits[row, k].isnan() else f'{float(logits[row, k])}'} for class {k} on "
        f"picture {row} of {len(logits)}; check its weights, its precision and the normalisation (mean=, std=)"
    )


def _with_history(run: Callable[[Tensor], object], picture: Tensor) -> list[Tensor]:
    """One more answer that knows how it was computed; none if the model cannot do that."""
    with torch.enable_grad():
        try:
            return [raw_logits(run(picture.requires_grad_()), 1)]
        except FAILURES:
            return []


def _ending(model: nn.Module, answers: Sequence[Tensor]) -> str:
    values = torch.cat([answer.detach().float() for answer in answers])
    if not bool(((values >= 0) & (values <= 1)).all()):
        return "logits"
    last = _last_operation(model, answers[-1])
    if values.shape[1] == 1 and last.startswith("Softmax"):
        raise PictureError("the model ends in a softmax of one logit, which is always 1; leave the softmax out")
    apart = 1e-4 if answers[0].dtype in (torch.float32, torch.float64) else 2e-2
    if values.shape[1] > 1 and bool(((values.sum(1) - 1).abs() < apart).all()):
        return "softmax"
    return "sigmoid" if last.startswith(("Sigmoid", "Hardsigmoid")) else "logits"


def _last_operation(model: nn.Module, answer: Tensor) -> str:
    """What an answer was computed by; where it does not know, the last of the modules."""
    node: Any = answer.grad_fn
    while node is not None and node.name().startswith(_FORM):
        node = node.next_functions[0][0]
    return node.name() if node is not None else type([*model.modules()][-1]).__name__


_FORM = ("Reshape", "View", "UnsafeView", "Squeeze", "Unsqueeze", "Flatten", "ToCopy", "Clone", "Alias", "MaskedFill")
"""Operations that change the form of what they are given, and nothing else."""


def _scores(model: nn.Module, wanted: str | None, ending: str, single: bool) -> Scores:
    wanted = OrNone(Choice(SCORES))("scores", wanted)
    if wanted == "sigmoid" and ending == "softmax":
        raise PictureError("scores is 'sigmoid', but the model ends in a softmax; leave scores out, or the softmax")
    if single:
        return SOFTMAX
    multi_label = getattr(getattr(model, "config", None), "problem_type", None) == "multi_label_classification"
    return SCORES[wanted or ("sigmoid" if ending == "sigmoid" or multi_label else "softmax")]

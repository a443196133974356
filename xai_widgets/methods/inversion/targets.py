"""What is explained: a class, a class rather than another, or any score that is a log-probability."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.devices import require, sent
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.masking.batches import each_class, own_scores
from xai_widgets.names import Target
from xai_widgets.probabilities import SOFTMAX, Scores
from xai_widgets.study import Study

RUNNER_UP = "runner-up"
"""In place of a class: the second most probable one of each picture."""

Score = Callable[[Tensor], Tensor]
"""Log-probabilities ``(M,)``, 0 or less, for logits ``(M, K)``."""

AnyTarget = Target | Tensor | Score | None
"""A class for all pictures (number, name, `RUNNER_UP`), one for each, your own score, or None: the predicted class."""


@dataclass(frozen=True, eq=False)
class Targets:
    """What is explained in each of N pictures.

    Attributes
    ----------
    class_index
        The class ``(N,)``; with your own score the predicted one, which only the background needs.
    against
        The class ``(N,)`` that the first is compared with; the probability is then that of the two alone.
    score
        Your own score in place of the class.
    """

    class_index: Tensor
    against: Tensor | None = None
    score: Score | None = None

    def __len__(self) -> int:
        return len(self.class_index)

    def __getitem__(self, rows: Tensor) -> Targets:
        return self._each(lambda classes: classes[rows])

    def to(self, device: torch.device) -> Targets:
        """The same on another device."""
        return self._each(lambda classes: sent(classes, device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Targets:
        against = None if self.against is None else change(self.against)
        return replace(self, class_index=change(self.class_index), against=against)

    def log_probabilities(self, logits: Tensor, scores: Scores = SOFTMAX) -> Tensor:
        """Log-probabilities ``(k N,)`` for logits ``(k N, K)`` of k versions of the pictures.

        Raises
        ------
        XaiWidgetsError
            If your own score gives something else, or NaN.
        """
        found = self._scores(logits, scores)
        if found.shape != logits.shape[:1]:
            raise _complaint(found, len(logits))
        given = found.detach()
        require((torch.isfinite(given) & (given <= 0)).all(), lambda: _complaint(given, len(logits)))
        return found

    def _scores(self, logits: Tensor, scores: Scores) -> Tensor:
        if self.score is not None:
            return self.score(logits)
        times = len(logits) // len(self)
        classes = self.class_index.repeat(times)
        if self.against is not None:
            return F.logsigmoid(own_scores(logits, classes) - own_scores(logits, self.against.repeat(times)))
        return scores.own_log_probabilities(logits, classes)

    def name(self, row: int, class_names: Sequence[str]) -> str:
        """What is explained in one picture, for captions."""
        if self.score is not None:
            return "own score"
        name = class_names[int(self.class_index[row])]
        return name if self.against is None else f"{name}, not {class_names[int(self.against[row])]}"


def _complaint(scores: Tensor, count: int) -> XaiWidgetsError:
    return XaiWidgetsError(
        f"scores must be {count} log-probabilities (finite, 0 or less), but are {scores.tolist()[:5]}"
    )


def targets_of(
    target: AnyTarget, against: Target | Tensor | None, logits: Tensor, class_names: Sequence[str]
) -> Targets:
    """The targets of pictures with logits ``(N, K)``; no class may be missing, or compared with itself."""
    predicted = logits.argmax(1)
    if callable(target):
        return Targets(predicted, score=target)
    classes = predicted if target is None else _classes(target, logits, class_names)
    if against is None:
        return Targets(classes)
    others = _classes(against, logits, class_names)
    if (same := classes == others).any():
        row = int(same.nonzero()[0])
        raise XaiWidgetsError(f"picture {row}: class {class_names[int(classes[row])]!r} cannot be told from itself")
    return Targets(classes, others)


def require_explained(study: Study, targets: Targets) -> None:
    """Refuse, with an `XaiWidgetsError`, targets that the classifier never predicts."""
    for classes in (targets.class_index, targets.against):
        for number in () if classes is None else classes.unique().tolist():
            study.class_index(number)


def _classes(target: Any, logits: Tensor, class_names: Sequence[str]) -> Tensor:
    """The class of each picture ``(N,)``."""
    if isinstance(target, str) and target == RUNNER_UP:
        return logits.topk(2).indices[:, 1]
    return each_class(target, len(logits), class_names)

"""What is explained: a class, a class rather than another, or any score that is a log-probability."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.errors import XaiWidgetsError

RUNNER_UP = "runner-up"

Score = Callable[[Tensor], Tensor]
"""Log-probabilities ``(M,)``, 0 or less, for logits ``(M, K)``."""

Classes = int | str | Tensor | Score | None
"""A class for all pictures, one for each, `RUNNER_UP`, a score of one's own, or None for what the classifier says."""


@dataclass(frozen=True, eq=False)
class Target:
    """What is explained in each of N pictures.

    Attributes
    ----------
    classes
        The class ``(N,)``; with a score of one's own, what the classifier says, which only the background needs.
    against
        The class that the first is told from ``(N,)``; the probability is then that of the two alone.
    score
        In place of the class: a score of one's own.
    """

    classes: Tensor
    against: Tensor | None = None
    score: Score | None = None

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, places: Tensor) -> Target:
        against = None if self.against is None else self.against[places]
        return replace(self, classes=self.classes[places], against=against)

    def to(self, device: torch.device) -> Target:
        """The same on another device."""
        against = None if self.against is None else self.against.to(device)
        return replace(self, classes=self.classes.to(device), against=against)

    def log_probabilities(self, logits: Tensor) -> Tensor:
        """Log-probabilities ``(k N,)`` for logits ``(k N, K)`` of k versions of the pictures.

        Raises
        ------
        XaiWidgetsError
            If a score of one's own gives something else, or NaN.
        """
        found = self._scores(logits)
        if found.shape != logits.shape[:1] or not torch.isfinite(found).all() or (found > 0).any():
            raise XaiWidgetsError(
                f"scores must be {len(logits)} log-probabilities (finite, 0 or less), and are {found.tolist()[:5]}"
            )
        return found

    def _scores(self, logits: Tensor) -> Tensor:
        if self.score is not None:
            return self.score(logits)
        times = len(logits) // len(self)
        own = _of(logits, self.classes.repeat(times))
        if self.against is not None:
            return F.logsigmoid(own - _of(logits, self.against.repeat(times)))
        return own - logits.logsumexp(1)

    def name(self, place: int, class_names: Sequence[str]) -> str:
        """What is explained in one picture, for captions."""
        if self.score is not None:
            return "own score"
        name = class_names[int(self.classes[place])]
        return name if self.against is None else f"{name}, not {class_names[int(self.against[place])]}"


def target_of(classes: Classes, against: int | str | Tensor | None, logits: Tensor) -> Target:
    """The target that is asked for, of pictures with these logits ``(N, K)``.

    Raises
    ------
    XaiWidgetsError
        If a class does not exist, or is told from itself.
    """
    if callable(classes):
        return Target(logits.argmax(1), score=classes)
    chosen = logits.argmax(1) if classes is None else _chosen("classes", classes, logits)
    if against is None:
        return Target(chosen)
    other = _chosen("against", against, logits)
    if (chosen == other).any():
        place = int((chosen == other).nonzero()[0])
        raise XaiWidgetsError(f"picture {place}: class {int(chosen[place])} cannot be told from itself")
    return Target(chosen, other)


def _chosen(what: str, wanted: int | str | Tensor, logits: Tensor) -> Tensor:
    count, classes = logits.shape
    if isinstance(wanted, str):
        if wanted != RUNNER_UP:
            raise XaiWidgetsError(f"{what} is {wanted!r}; the only word for a class is {RUNNER_UP!r}")
        return logits.topk(2).indices[:, 1]
    found = torch.as_tensor(wanted).cpu()
    found = found.expand(count) if found.dim() == 0 else found
    if found.shape != (count,) or found.is_floating_point() or found.min() < 0 or found.max() >= classes:
        raise XaiWidgetsError(f"{what} must be {count} whole numbers, 0 to {classes - 1}, and are {found.tolist()}")
    return found.long()


def _of(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.gather(1, classes[:, None])[:, 0]

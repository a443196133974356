"""Two ways in which logits become probabilities: a softmax over all classes, or a sigmoid for each of them."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F


class Scores(ABC):
    """How logits ``(N, K)`` become probabilities."""

    name: str

    @abstractmethod
    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities ``(N, K)`` of the classes."""

    @abstractmethod
    def log_probabilities(self, logits: Tensor) -> Tensor:
        """Their logarithms ``(N, K)``."""

    @abstractmethod
    def own_log_probabilities(self, logits: Tensor, classes: Tensor) -> Tensor:
        """Log-probabilities ``(N,)`` of one class for each picture."""

    @abstractmethod
    def log_odds(self, logits: Tensor, classes: Tensor) -> Tensor:
        """Logarithm ``(N,)`` of p / (1 - p) for one class of each picture."""

    @abstractmethod
    def outcomes(self, logits: Tensor) -> Tensor:
        """Probabilities ``(N, M)`` of all that can be the case, for divergences of two answers."""

    @abstractmethod
    def log_outcomes(self, logits: Tensor) -> Tensor:
        """Their logarithms ``(N, M)``."""


class Softmax(Scores):
    """One class is true of a picture; all probabilities sum to 1."""

    name = "softmax"

    def probabilities(self, logits: Tensor) -> Tensor:
        """Softmax."""
        return logits.softmax(1)

    def log_probabilities(self, logits: Tensor) -> Tensor:
        """Logarithm of the softmax."""
        return logits.log_softmax(1)

    def own_log_probabilities(self, logits: Tensor, classes: Tensor) -> Tensor:
        """The class's logit less the log of the sum of all exponentials."""
        return _own(logits, classes) - logits.logsumexp(1)

    def log_odds(self, logits: Tensor, classes: Tensor) -> Tensor:
        """The class's logit less the log of the sum of the others' exponentials."""
        own = F.one_hot(classes, logits.shape[1]).bool()
        return logits[own] - logits.masked_fill(own, -torch.inf).logsumexp(1)

    outcomes, log_outcomes = probabilities, log_probabilities


class Sigmoid(Scores):
    """Any number of classes may be true of a picture; each has a probability of its own."""

    name = "sigmoid"

    def probabilities(self, logits: Tensor) -> Tensor:
        """Sigmoid of each logit."""
        return logits.sigmoid()

    def log_probabilities(self, logits: Tensor) -> Tensor:
        """Logarithm of each sigmoid."""
        return F.logsigmoid(logits)

    def own_log_probabilities(self, logits: Tensor, classes: Tensor) -> Tensor:
        """That of the class's own logit."""
        return F.logsigmoid(_own(logits, classes))

    def log_odds(self, logits: Tensor, classes: Tensor) -> Tensor:
        """The class's own logit."""
        return _own(logits, classes)

    def outcomes(self, logits: Tensor) -> Tensor:
        """Each class is true, or is not: ``(N, 2 K)``."""
        return torch.cat([logits, -logits], 1).sigmoid()

    def log_outcomes(self, logits: Tensor) -> Tensor:
        """Each class is true, or is not: ``(N, 2 K)``."""
        return F.logsigmoid(torch.cat([logits, -logits], 1))


SOFTMAX, SIGMOID = Softmax(), Sigmoid()
SCORES: dict[str, Scores] = {scores.name: scores for scores in (SOFTMAX, SIGMOID)}


def _own(values: Tensor, classes: Tensor) -> Tensor:
    return values.gather(1, classes[:, None])[:, 0]

"""Whether a classifier does clearly better on its labelled pictures when they are normalised in another common way.

A wrong normalisation goes unnoticed: the classifier still answers, only worse. Each common one is tried on the same
pictures, and compared with the study's own by those that only one of the two gets right (McNemar's exact test).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import comb
from typing import Protocol

import torch
from torch import Tensor

from xai_widgets.names import UNKNOWN
from xai_widgets.pictures import PictureSet, draw, item

COMMON = {
    "none": ((0.0,), (1.0,)),
    "ImageNet's": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "that to [-1, 1]": ((0.5,), (0.5,)),
    "that to [0, 255]": ((0.0,), (1 / 255,)),
    "CLIP's": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "MNIST's": ((0.1307,), (0.3081,)),
}
"""Means and deviations that published networks are trained with; MNIST's only for pictures of one channel."""

AT_ONCE, MOST, LEAST = 32, 256, 16
"""Pictures: of these many a candidate that is no better is dropped; at most; with fewer nothing is said."""

CHANCE = 0.01
"""How often something may be said although nothing is wrong."""


class Normalised(Protocol):
    """What is needed of a study."""

    train: PictureSet
    test: PictureSet
    shape: tuple[int, int, int]
    mean: Tensor
    std: Tensor
    batch_size: int

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits of a batch."""

    def borrowed(self) -> AbstractContextManager[None]:
        """Context in which the model is called."""


@dataclass
class Candidate:
    """A normalisation, and how many pictures only it gets right, and only the study's own."""

    name: str
    mean: Tensor
    std: Tensor
    better: int = 0
    worse: int = 0

    @property
    def chance(self) -> float:
        """Probability of so large an advantage between two that are equally good."""
        differ = self.better + self.worse
        return float(sum(comb(differ, k) for k in range(self.better, differ + 1)) / 2**differ)


def remark(study: Normalised, check: Callable[[], object]) -> str:
    """A sentence that names a clearly better normalisation; empty if there is none, or too few labelled pictures.

    From time to time `check` is called, which may raise to stop it.
    """
    tried = candidates(study)
    left, right, seen = tried, 0, 0
    for pictures, labels in _labelled(study):
        if not left:
            break
        check()
        own = _winners(study, pictures) == labels
        for one in left:
            other = _winners(study, (pictures - one.mean) / one.std * study.std.cpu() + study.mean.cpu()) == labels
            one.better, one.worse = one.better + int((other & ~own).sum()), one.worse + int((own & ~other).sum())
        left = [one for one in left if one.better > one.worse]
        right, seen = right + int(own.sum()), seen + len(labels)
    best = min(left, key=lambda one: one.chance, default=None)
    if best is None or seen < LEAST or best.chance >= CHANCE / len(tried):
        return ""
    return _sentence(best, right, seen)


def candidates(study: Normalised) -> list[Candidate]:
    """The common normalisations for so many channels, but for the study's own."""
    channels = study.shape[0]
    fitting = {name: pair for name, pair in COMMON.items() if len(pair[0]) in (1, channels)}
    if channels != 1:
        del fitting["MNIST's"]
    made = [Candidate(name, _channels(mean), _channels(std)) for name, (mean, std) in fitting.items()]
    return [one for one in made if not (_near(one.mean, study.mean) and _near(one.std, study.std))]


def _channels(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values).view(-1, 1, 1)


def _near(one: Tensor, other: Tensor) -> bool:
    same = torch.isclose(one, other.cpu(), rtol=0.02, atol=0.002)
    return bool(same.all())


def _labelled(study: Normalised) -> Iterator[tuple[Tensor, Tensor]]:
    """At most `MOST` pictures with labels, of `AT_ONCE` at a time; unseen ones first; none if the first have none."""
    places = [(part, index) for part in (study.test, study.train) for index in draw(part, MOST)][:MOST]
    for at in range(0, len(places), AT_ONCE):
        pairs = [item(part, index) for part, index in places[at : at + AT_ONCE]]
        known = [(picture, label) for picture, label in pairs if label != UNKNOWN]
        if not known:
            return
        yield torch.stack([picture.float() for picture, _ in known]), torch.tensor([label for _, label in known])


def _winners(study: Normalised, pictures: Tensor) -> Tensor:
    with study.borrowed(), torch.no_grad():
        return torch.cat([study.forward(batch).argmax(1).cpu() for batch in pictures.split(study.batch_size)])


def _sentence(best: Candidate, right: int, seen: int) -> str:
    mean, std = (", ".join(f"{value:.4g}" for value in each.flatten().tolist()) for each in (best.mean, best.std))
    other = right + best.better - best.worse
    return (
        f"the model gets {right / seen:.0%} of {seen} pictures right, and would get {other / seen:.0%} right with "
        f"another common normalisation ({best.name}: mean=[{mean}], std=[{std}]); check which one it was trained with"
    )

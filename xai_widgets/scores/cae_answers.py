"""What CAE, and simpler methods, make of the birds of an exam."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean

import torch
from torch import Tensor

from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.path import dial, film_strip
from xai_widgets.methods.cae.routes import DIAL_STEPS, Route, route_to
from xai_widgets.methods.cae.walk import Walk
from xai_widgets.progress import Progress
from xai_widgets.scores.bird_cases import Cases
from xai_widgets.scores.counterfactual_measures import smoothed

CONFIDENCE = 0.95
"""The requested probability of the target, where one is requested."""

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, CONFIDENCE)
"""Probabilities that the dial is tried with."""


@dataclass(frozen=True, eq=False)
class Answer:
    """Counterfactuals of the first pictures of an exam.

    A decoder that draws the whole picture anew is not blamed twice for its reconstruction: that is `before`.
    """

    before: Tensor  # the pictures that changes are counted from, (N, C, H, W) in [0, 1]
    after: Tensor  # the counterfactuals

    def __len__(self) -> int:
        return len(self.after)

    @property
    def map(self) -> Tensor:
        """Absolute change of each pixel, averaged over the channels, ``(N, H, W)``."""
        return (self.after - self.before).abs().mean(1)


@dataclass(frozen=True, eq=False)
class Walks:
    """What was found on the routes of the first pictures of an exam."""

    codes: Tensor  # where the routes end, (N, d)
    end: Answer  # the counterfactuals there
    likely: Answer  # those with the requested CONFIDENCE
    violation: float  # mean share of the change of the target's probability that leads away from it
    start_gap: float  # mean absolute difference of the first frame and the picture


def walk(cae: CAE, route: Route, cases: Cases, progress: Progress) -> Walks:
    """Lead each picture of an exam to its target."""
    codes, starts, ends, likely, violations = [], [], [], [], []
    for way, target in _walks(cae, route, cases, progress, f"changing pictures, {route} route"):
        strip = film_strip(way, target, frames=2)
        share, _ = dial(way, target, CONFIDENCE, steps=DIAL_STEPS)
        codes.append(way.route[-1])
        starts.append(strip.pictures[0])
        ends.append(strip.pictures[-1])
        likely.append(way.show(torch.tensor([share]))[0][0])
        violations.append(strip.violation)
    before = torch.stack(starts)
    return Walks(
        codes=torch.stack(codes),
        end=Answer(before, torch.stack(ends)),
        likely=Answer(before, torch.stack(likely)),
        violation=mean(violations),
        start_gap=float((before - cases.pictures).abs().mean()),
    )


def dialled(cae: CAE, route: Route, cases: Cases, progress: Progress) -> Tensor:
    """The probabilities ``(N, len(LEVELS))`` that are obtained where `LEVELS` are requested."""
    found = [
        [dial(way, target, level, steps=DIAL_STEPS)[1] for level in LEVELS]
        for way, target in _walks(cae, route, cases, progress, f"dialling, {route} route")
    ]
    return torch.tensor(found)


def _walks(cae: CAE, route: Route, cases: Cases, progress: Progress, task: str) -> Iterator[tuple[Walk, int]]:
    """The walk of each picture, and its target."""
    encoded = cae.encode(cases.pictures)
    progress.start(task, len(cases))
    for i, (source, target) in enumerate(zip(cases.sources.tolist(), cases.targets.tolist(), strict=True)):
        yield cae.walk(encoded[i], route_to(cae, encoded[i], source, target, route, None), source, target), target
        progress.advance()


def saliency(cae: CAE, cases: Cases, progress: Progress) -> dict[str, Tensor]:
    """The maps that a user sees beside the difference, ``(N, H, W)``, all averaged over 3x3 pixels."""
    progress.start("saliency of CAE", len(cases))
    found: dict[str, list[Tensor]] = {"path": [], "several": []}
    for picture, target in zip(cases.pictures, cases.targets.tolist(), strict=True):
        maps = cae.explain(picture, target).saliency
        for name, values in found.items():
            values.append(maps[name])
        progress.advance()
    return {"path": smoothed(torch.stack(found["path"]).abs()), "several": torch.stack(found["several"])}


def other_decoding(cae: CAE, cases: Cases, codes: Tensor) -> dict[str, Answer]:
    """The pictures of given codes ``(N, d)`` in the way of decoding that this CAE does not prefer, by its name."""
    pasted = not cae.pasted
    encoded = cae.encode(cases.pictures)
    before, after = (cae.decode(encoded, z, pasted=pasted) for z in (encoded.z, codes))
    return {"pasted" if pasted else "direct": Answer(before, after)}


def nearest(cae: CAE, cases: Cases) -> Answer:
    """Copies of training pictures: of those the classifier calls the target, the one with the nearest class code."""
    codes = cae.encode(cases.pictures).z
    found = []
    for z, target in zip(codes, cases.targets, strict=True):
        candidates = (cae.code_classes == target).nonzero().flatten()
        closest = candidates[(cae.codes[candidates] - z).norm(dim=1).argmin()]
        found.append(cae.study.train[int(cae.code_indices[closest])][0])
    return Answer(cases.pictures, torch.stack(found))


def unchanged(cases: Cases) -> Answer:
    """Copies of the pictures themselves."""
    return Answer(cases.pictures, cases.pictures)

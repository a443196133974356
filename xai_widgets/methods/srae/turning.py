"""The strength of an x-feature turned up or down: the score that the sum predicts, and the network's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.show.words import amount, signed

STEP, MOST = 0.25, 3.0
STOPS = tuple(STEP * stop for stop in range(int(MOST / STEP) + 1))
"""Strengths, by which an x-feature is multiplied: 0 removes it, 1 changes nothing."""


@dataclass(frozen=True, eq=False)
class Turned:
    """The answers at all S stops.

    The score that the sum predicts and that the rest of the network gives, ``(S,)``; the predicted classes in words.
    """

    predicted: Tensor
    real: Tensor
    predictions: tuple[str, ...]

    def sentence(self, stop: int, name: str, score_name: str) -> str:
        """What follows at one stop, in one line."""
        predicted, answer = float(self.predicted[stop]), float(self.real[stop])
        here = STOPS.index(1.0)
        if stop == here:
            return f"{name} as it is: {score_name} {amount(answer)}, predicted class {self.predictions[stop]}."
        what = "removed" if stop == 0 else f"×{STOPS[stop]:g}"
        change = signed(answer - float(self.real[here]))
        return (
            f"{name} {what}: the sum predicts {amount(predicted)}, the network gives {amount(answer)} ({change}). "
            f"Predicted class: {self.predictions[stop]}."
        )


def turn(srae: SRAE, picture: Tensor, target: int, features: Sequence[int]) -> list[Turned]:
    """Turn x-features of a picture ``(C, H, W)``, each alone, to all stops, and ask the network once for all."""
    count = len(STOPS)
    factors = torch.ones(len(features), count, srae.settings.features)
    for index, feature in enumerate(features):
        factors[index, :, feature] = torch.tensor(STOPS)
    found = srae.intervene(picture.expand(len(features) * count, *picture.shape), target, factors.flatten(0, 1))
    names = srae.study.class_names
    chances, winners = found.probabilities.max(1)
    labels = [f"{names[k]} {chance:.0%}" for k, chance in zip(winners.tolist(), chances.tolist(), strict=True)]
    parts = [slice(index * count, (index + 1) * count) for index in range(len(features))]
    return [Turned(found.predicted[part], found.real[part], tuple(labels[part])) for part in parts]

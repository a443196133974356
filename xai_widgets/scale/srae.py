"""SRAE of a data set: each score as a sum of x-features."""

from __future__ import annotations

import torch
from torch import Tensor

from xai_widgets.methods.masking.views import dimmed
from xai_widgets.methods.srae.explanation import SRAEExplanation
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.scale.rows import Method, Rows

NUMBERS = ("score", "rebuilt", "unexplained", "needed")


def rows(explainer: SRAE, pictures: Tensor) -> Rows:
    """The sum of each picture's class, the likeliest of those explained; the masks are the evidence for it."""
    predicted = explainer.study.predict(pictures)
    probability, prediction = predicted.max(1)
    explained = torch.tensor(explainer.classes)
    target = explained[predicted[:, explained].argmax(1)]
    made: dict[str, Tensor] = {}
    for number in target.unique().tolist():
        chosen = (target == number).nonzero().flatten()
        for name, values in _of_class(explainer.explain(pictures[chosen], number)).items():
            made.setdefault(name, values.new_zeros(len(pictures), *values.shape[1:]))[chosen] = values
    whole = made["code"].abs().sum(1) + made["unexplained"].abs()
    return Rows(
        prediction=prediction,
        probability=probability,
        target=target,
        trust=1 - made["unexplained"].abs() / whole.clamp_min(1e-12),
        numbers={name: made[name] for name in NUMBERS},
        masks=made["masks"],
        thumbnails=[dimmed(picture, mask) for picture, mask in zip(pictures, made["masks"], strict=True)],
        code=made["code"],
    )


def _of_class(found: SRAEExplanation) -> dict[str, Tensor]:
    positive = found.heatmaps().sum(1).clamp_min(0)
    return {
        "code": found.contributions,
        "score": found.score,
        "rebuilt": found.rebuilt,
        "unexplained": found.unexplained,
        "needed": found.n90.float(),
        "masks": positive / positive.amax((1, 2), keepdim=True).clamp_min(1e-12),
    }


METHOD = Method(rows, NUMBERS, trained=True)

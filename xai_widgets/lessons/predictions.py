"""What a classifier predicts: probabilities, accuracy, and which class it takes for which."""

from __future__ import annotations

from torch import Tensor

from xai_widgets.study import Study


def probabilities(study: Study, picture: Tensor) -> dict[str, dict[str, float]]:
    """The probability of each class for one picture ``(C, H, W)``."""
    found = zip(study.class_names, study.predict(picture)[0].tolist(), strict=True)
    return {name: {"probability": value} for name, value in found}


def share(study: Study, pictures: Tensor, classes: Tensor) -> float:
    """Share of pictures ``(N, C, H, W)`` predicted as the given classes ``(N,)``; with true classes, accuracy."""
    return float((study.predict(pictures).argmax(1) == classes).float().mean())


def changed(study: Study, before: Tensor, after: Tensor) -> float:
    """Share of pictures whose predicted class differs between two versions ``(N, C, H, W)``."""
    return 1 - share(study, after, study.predict(before).argmax(1))


def confusion(study: Study, pictures: Tensor, labels: Tensor) -> dict[str, dict[str, float]]:
    """For each true class, the share of its pictures ``(N, C, H, W)`` that are predicted as each class."""
    predicted = study.predict(pictures).argmax(1)
    rows = {}
    for k, name in enumerate(study.class_names):
        counts = predicted[labels == k].bincount(minlength=study.classes)
        rows[name] = dict(zip(study.class_names, (counts / counts.sum()).tolist(), strict=True))
    return rows

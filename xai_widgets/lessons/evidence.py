"""Where masks and changes are, and how clearly a method shows that a classifier cheats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.methods.inversion.explanation import InversionExplanation
from xai_widgets.study import Study

CLEAR = 0.4
"""A method shows a cheat clearly if its value is so far above both others, as a share of what is possible."""


def on_regions(explanation: InversionExplanation, regions: Mapping[str, Tensor]) -> dict[str, dict[str, float]]:
    """For each explained class, the share of its mask on each region, bool ``(H, W)``."""
    masses = {name: explanation.mass(region).tolist() for name, region in regions.items()}
    names = [explanation.class_names[k] for k in explanation.class_index.tolist()]
    return {name: {where: masses[where][row] for where in regions} for row, name in enumerate(names)}


def counterfactuals(study: Study, pictures: Tensor, confidence: float = 0.95) -> list[Counterfactual]:
    """Change each picture ``(N, C, H, W)`` until the classifier predicts another class, which goes round in turn."""
    predicted = study.predict(pictures).argmax(1).tolist()
    others = [(k + 1 + row % (study.classes - 1)) % study.classes for row, k in enumerate(predicted)]
    cae = study.explainers["cae"]
    return [cae.explain(one, k, confidence=confidence) for one, k in zip(pictures, others, strict=True)]


def share_of_change(changes: Sequence[Counterfactual], regions: Tensor) -> float:
    """Mean share of the changes that falls on a region of each picture, bool ``(N, H, W)``."""
    found = [one.share_within(region) for one, region in zip(changes, regions, strict=True)]
    return sum(found) / len(found)


def clearness(cheat: float, other: float, chance: float) -> float:
    """How far the value of a cheat is above the other classifier and above chance: 1 is as far as possible."""
    return (cheat - max(other, chance)) / (1 - chance)

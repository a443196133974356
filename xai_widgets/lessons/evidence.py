"""Where masks and changes are, whether they are right, and how clearly a method shows that a classifier cheats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import SLOTS
from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.methods.inversion.explanation import InversionExplanation
from xai_widgets.scores.bird_cases import drawn_without, logit_falls, of_birds, redrawn
from xai_widgets.scores.counterfactual_measures import psnr_gain
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


def as_species(birds: BirdPictures, indices: Iterable[int], species: Iterable[int]) -> Tensor:
    """The truth ``(N, C, H, W)``: each bird drawn again as another species; its ring stays."""
    return torch.stack([redrawn(birds, i, k, birds.cue(i)) for i, k in zip(indices, species, strict=True)])


def decibels_gained(changes: Sequence[Counterfactual], truths: Tensor) -> list[float]:
    """By how many dB each counterfactual is closer to the truth ``(N, C, H, W)`` than the picture itself is."""
    before, after = (torch.stack([getattr(one, name) for one in changes]) for name in ("original", "picture"))
    gains: list[float] = psnr_gain(before, after, truths).tolist()
    return gains


def fall_without(study: Study, count: int) -> dict[str, dict[str, float]]:
    """By how much the logit of a bird's own species falls without each part, on the first held-out birds."""
    birds = of_birds(study.test)
    pictures, labels = study.load(birds, range(count))
    changed = {part: drawn_without(birds, range(count), part) for part in SLOTS}
    return {part: {"fall": fall} for part, fall in logit_falls(study, pictures, changed, labels).items()}

"""The exam of guided feature inversion on the field guide, where it is known what every pixel shows.

A mask is good if the class lives on what is kept and dies with what is removed, and if it is where the evidence must
be: on the deciding parts of a single bird, on the right one of two birds, on the cue that a cheater looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import PARTS, Bird, pair
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.progress import Progress
from xai_widgets.scores.bird_cases import Cases, draw_cases
from xai_widgets.scores.counterfactual_measures import dilated
from xai_widgets.scores.inversion_baselines import baseline_masks
from xai_widgets.scores.measure import Measure
from xai_widgets.scores.summaries_truth import Truth
from xai_widgets.study import Study

SINGLES = 64
"""Pictures of single birds that are drawn; those that the classifier gets wrong are left out."""

PAIRS = 50
"""Pictures of two birds that are drawn; those whose species are not the two likeliest ones are left out."""

ALONE = 16
"""Pictures that are explained one at a time, too."""

OWN = "inversion"


@dataclass(frozen=True, eq=False)
class Asked:
    """Pictures, the classes ``(N,)`` whose evidence is wanted, and where it is, bool ``(N, H, W)``."""

    pictures: Tensor
    classes: Tensor
    regions: Tensor


@dataclass(frozen=True, eq=False)
class Answer:
    """Masks ``(N, H, W)``, and probabilities of the classes for what is kept and for what is removed, ``(N,)``."""

    masks: Tensor
    kept: Tensor
    removed: Tensor


def examine(study: Study, seed: int, progress: Progress) -> dict[str, Measure]:
    """All measures of guided feature inversion, beside those of the published one and of other masks.

    Parameters
    ----------
    study
        The demo; nothing needs to be fitted.
    seed
        Decides which unseen birds are drawn.
    progress
        Told each step.

    Raises
    ------
    XaiWidgetsError
        If the pictures are not from the field guide, the classifier knows none of them, or captum is not installed.
    """
    cases = draw_cases(study, SINGLES, seed)
    singles = Asked(cases.pictures, cases.sources, Truth(cases.birds).where(cases.places).any(1))
    answers = _answers(study, singles, seed, progress)
    measures = _probabilities(answers, "") | {
        "parts_excess_mass": _beside(answers, lambda one: excess_mass(one.masks, singles.regions), "higher", 0.0),
        "area": _beside(answers, lambda one: one.masks.mean((1, 2)), "lower"),
        "degenerate": _beside(answers, _degenerate, "lower"),
    }
    measures |= _cue(answers, cases) if cases.has_cue else _pairs(study, cases.birds, seed, progress)
    return measures | _one_at_a_time(study, singles, answers[OWN], progress)


# --- who is asked what ---------------------------------------------------------------------------------------------


def _answers(study: Study, asked: Asked, seed: int, progress: Progress) -> dict[str, Answer]:
    """Of guided inversion in its presets; then the masks of others, blended with the backgrounds of the first."""
    own = GuidedFeatureInversion(study)
    makers = {
        OWN: own,
        "fast": GuidedFeatureInversion.fast(study),
        "paper": GuidedFeatureInversion.paper(study),
        "paper, our background": GuidedFeatureInversion.paper(study, background=own.background),
    }
    found = {who: made.explain(asked.pictures, asked.classes, progress=progress) for who, made in makers.items()}
    stage_one = own.invert(asked.pictures, progress=progress).masks
    others = {"stage_one": stage_one} | baseline_masks(study, asked.pictures, asked.classes, seed, progress)
    answers = {who: Answer(one.masks, one.kept, one.removed) for who, one in found.items()}
    behind = found[OWN].backgrounds
    return answers | {who: _answer(study, asked, masks, behind) for who, masks in others.items()}


def _answer(study: Study, asked: Asked, masks: Tensor, behind: Tensor) -> Answer:
    def probability(mask: Tensor) -> Tensor:
        shown = asked.pictures * mask + behind * (1 - mask)
        return study.predict(shown).gather(1, asked.classes[:, None])[:, 0]

    return Answer(masks, probability(masks[:, None]), probability(1 - masks[:, None]))


def draw_pairs(study: Study, birds: BirdPictures, count: int, seed: int) -> Asked:
    """Two-bird pictures, each asked about both; of at most `count`, those whose species are the two likeliest ones.

    Raises
    ------
    XaiWidgetsError
        If there is no such picture.
    """
    places = study.draw(birds, 2 * count, seed)
    drawn = [(birds.bird(a), birds.bird(b)) for a, b in zip(places[::2], places[1::2], strict=False)]
    rows = [row for two in drawn for row in _both(study, two, birds.size)]
    if not rows:
        raise XaiWidgetsError(f"the classifier knows both birds in none of {len(drawn)} pictures; give it some to know")
    pictures, classes, regions = zip(*rows, strict=True)
    return Asked(torch.stack(pictures), torch.tensor(classes), torch.stack(regions))


def _both(study: Study, two: tuple[Bird, Bird], size: tuple[int, int]) -> list[tuple[Tensor, int, Tensor]]:
    """Picture, species and place of each of the two; nothing if the classifier thinks that others are likelier."""
    rgb, maps = pair(*two, (size[0], 2 * size[1]))
    picture = torch.from_numpy(rgb).permute(2, 0, 1).float() / 255
    likeliest = set(study.predict(picture[None])[0].topk(2).indices.tolist())
    if likeliest != {bird.species for bird in two}:
        return []
    shown = [torch.from_numpy(parts) for parts in maps]
    where = [(one != PARTS["background"]) & (one != PARTS["clutter"]) for one in shown]
    return [(picture, bird.species, region) for bird, region in zip(two, where, strict=True)]


# --- measures ------------------------------------------------------------------------------------------------------


def excess_mass(masks: Tensor, regions: Tensor) -> Tensor:
    """Share of each mask's mass in its region, minus the region's share of the picture ``(N,)``; 0 by chance.

    An empty mask has no mass anywhere.
    """
    inside = (masks * regions).sum((1, 2)) / masks.sum((1, 2)).clamp_min(1e-12)
    return inside - regions.float().mean((1, 2))


def pointing(masks: Tensor, regions: Tensor) -> Tensor:
    """Whether the maximum of each mask is in its region, or no more than two pixels away, 0 or 1 ``(N,)``."""
    highest = masks.flatten(1).argmax(1, keepdim=True)
    return dilated(regions).flatten(1).gather(1, highest)[:, 0].float()


def _probabilities(answers: Mapping[str, Answer], prefix: str) -> dict[str, Measure]:
    return {
        f"{prefix}kept": _beside(answers, lambda one: one.kept, "higher"),
        f"{prefix}removed": _beside(answers, lambda one: one.removed, "lower"),
    }


def _pairs(study: Study, birds: BirdPictures, seed: int, progress: Progress) -> dict[str, Measure]:
    asked = draw_pairs(study, birds, PAIRS, seed)
    answers = _answers(study, asked, seed, progress)
    chance = float(dilated(asked.regions).float().mean())
    return _probabilities(answers, "pair_") | {
        "pair_pointing": _beside(answers, lambda one: pointing(one.masks, asked.regions), "higher", chance),
        "pair_excess_mass": _beside(answers, lambda one: excess_mass(one.masks, asked.regions), "higher", 0.0),
        "pair_degenerate": _beside(answers, _degenerate, "lower"),
    }


def _cue(answers: Mapping[str, Answer], cases: Cases) -> dict[str, Measure]:
    """In which share of the pictures more than half of the mask's mass is on the cue."""

    def on_cue(one: Answer) -> Tensor:
        return (one.masks * cases.cues).sum((1, 2)) / one.masks.sum((1, 2)).clamp_min(1e-12)

    return {
        "cheat_mass_on_cue": _beside(answers, on_cue, "higher", float(cases.cues.float().mean())),
        "cheat_mostly_on_cue": _beside(answers, lambda one: (on_cue(one) > 0.5).float(), "higher"),
    }


def _degenerate(one: Answer) -> Tensor:
    """Masks that are constant, or not finite, 0 or 1."""
    flat = one.masks.amax((1, 2)) - one.masks.amin((1, 2)) < 1e-3
    return (flat | ~torch.isfinite(one.masks).all(2).all(1)).float()


def _one_at_a_time(study: Study, asked: Asked, together: Answer, progress: Progress) -> dict[str, Measure]:
    """Differences of masks that were found in a batch from those found alone: mean, and greatest of all pixels."""
    made = GuidedFeatureInversion(study)
    pairs = list(zip(asked.pictures, asked.classes, strict=True))[:ALONE]
    alone = torch.cat([made.explain(picture, one[None], progress=progress).masks for picture, one in pairs])
    difference = (alone - together.masks[: len(alone)]).abs()
    return {
        "batch_error": Measure(float(difference.mean()), "lower"),
        "batch_error_most": Measure(float(difference.max()), "lower"),
    }


def _beside(
    answers: Mapping[str, Answer],
    measure: Callable[[Answer], Tensor],
    better: Literal["higher", "lower"],
    chance: float | None = None,
) -> Measure:
    values = {who: float(measure(one).double().mean()) for who, one in answers.items()}
    return Measure(values.pop(OWN), better, chance, values)

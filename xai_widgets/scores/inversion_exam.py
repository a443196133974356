"""The exam of guided feature inversion on the field guide, where it is known what every pixel shows.

A mask is good if the kept picture keeps the class and the removed picture loses it, and if the mask lies where the
evidence must be: on the deciding parts of a single bird, on the right one of two birds, on the cue of a cheater.
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
from xai_widgets.methods.inversion.explanation import FLAT
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.masking.batches import own_scores
from xai_widgets.methods.masking.views import blend
from xai_widgets.progress import Progress
from xai_widgets.scores.bird_cases import Cases, draw_cases
from xai_widgets.scores.counterfactual_measures import dilated
from xai_widgets.scores.inversion_baselines import baseline_masks
from xai_widgets.scores.measure import Measure
from xai_widgets.scores.summaries_truth import Truth
from xai_widgets.study import Study

SINGLES = 64
"""Single birds that are drawn; those that the classifier gets wrong are left out."""

PAIRS = 50
"""Pictures of two birds that are drawn; only those whose species are the two most probable ones are used."""

ALONE = 16
"""So many pictures are also explained one at a time."""

OWN = "inversion"


@dataclass(frozen=True, eq=False)
class MaskCases:
    """Pictures, the classes to explain ``(N,)``, and where the evidence for them is, bool ``(N, H, W)``."""

    pictures: Tensor
    class_index: Tensor
    regions: Tensor


@dataclass(frozen=True, eq=False)
class Answer:
    """Masks ``(N, H, W)``, and probabilities of the classes for the kept and for the removed pictures, ``(N,)``."""

    masks: Tensor
    kept: Tensor
    removed: Tensor


def examine(study: Study, seed: int, progress: Progress) -> dict[str, Measure]:
    """All measures of guided feature inversion, beside those of the published method and of other masks."""
    cases = draw_cases(study, SINGLES, seed)
    singles = MaskCases(cases.pictures, cases.sources, Truth(cases.birds).where(cases.indices).any(1))
    answers = _answers(study, singles, seed, progress)
    measures = _probabilities(answers, "") | {
        "parts_excess_mass": _beside(answers, lambda one: excess_mass(one.masks, singles.regions), "higher", 0.0),
        "area": _beside(answers, lambda one: one.masks.mean((1, 2)), "lower"),
        "degenerate": _beside(answers, _degenerate, "lower"),
    }
    measures |= _cue(answers, cases) if cases.has_cue else _pairs(study, cases.birds, seed, progress)
    return measures | _one_at_a_time(study, singles, answers[OWN], progress)


# --- masks and pictures --------------------------------------------------------------------------------------------


def _answers(study: Study, asked: MaskCases, seed: int, progress: Progress) -> dict[str, Answer]:
    """Those of each preset of guided inversion, and of other masks with the backgrounds of the default preset."""
    own = GuidedFeatureInversion(study)
    makers = {
        OWN: own,
        "fast": GuidedFeatureInversion.fast(study),
        "paper": GuidedFeatureInversion.paper(study),
        "paper, our background": GuidedFeatureInversion.paper(study, background=own.background),
    }
    pictures, classes = asked.pictures, asked.class_index
    found = {who: made.explain(pictures, classes, progress=progress) for who, made in makers.items()}
    stage_one = own.invert(pictures, progress=progress).masks
    others = {"stage_one": stage_one} | baseline_masks(study, pictures, classes, seed, progress)
    answers = {who: Answer(one.masks, one.kept, one.removed) for who, one in found.items()}
    behind = found[OWN].backgrounds
    return answers | {who: _answer(study, asked, masks, behind) for who, masks in others.items()}


def _answer(study: Study, asked: MaskCases, masks: Tensor, behind: Tensor) -> Answer:
    def probability(mask: Tensor) -> Tensor:
        return own_scores(study.predict(blend(asked.pictures, behind, mask)), asked.class_index)

    return Answer(masks, probability(masks[:, None]), probability(1 - masks[:, None]))


def draw_pairs(study: Study, birds: BirdPictures, count: int, seed: int) -> MaskCases:
    """At most `count` pictures of two birds, each twice, for both of its species; see `PAIRS`."""
    indices = study.draw(birds, 2 * count, seed)
    drawn = [(birds.bird(a), birds.bird(b)) for a, b in zip(indices[::2], indices[1::2], strict=False)]
    rows = [row for two in drawn for row in _both(study, two, birds.size)]
    if not rows:
        raise XaiWidgetsError(
            f"the classifier recognises both birds in none of {len(drawn)} pictures; use more pictures"
        )
    pictures, classes, regions = zip(*rows, strict=True)
    return MaskCases(torch.stack(pictures), torch.tensor(classes), torch.stack(regions))


def _both(study: Study, two: tuple[Bird, Bird], size: tuple[int, int]) -> list[tuple[Tensor, int, Tensor]]:
    """Picture, species and region of both birds; nothing if another species is more probable."""
    rgb, maps = pair(*two, (size[0], 2 * size[1]))
    picture = torch.from_numpy(rgb).permute(2, 0, 1).float() / 255
    predicted = set(study.predict(picture[None])[0].topk(2).indices.tolist())
    if predicted != {bird.species for bird in two}:
        return []
    parts = [torch.from_numpy(part_map) for part_map in maps]
    regions = [(one != PARTS["background"]) & (one != PARTS["clutter"]) for one in parts]
    return [(picture, bird.species, region) for bird, region in zip(two, regions, strict=True)]


# --- measures ------------------------------------------------------------------------------------------------------


def excess_mass(masks: Tensor, regions: Tensor) -> Tensor:
    """Share of each mask's mass in its region, minus the region's share of the picture ``(N,)``; 0 by chance."""
    return _mass(masks, regions) - regions.float().mean((1, 2))


def _mass(masks: Tensor, regions: Tensor) -> Tensor:
    """Share of each mask's mass in its region ``(N,)``; 0 for an empty mask."""
    return (masks * regions).sum((1, 2)) / masks.sum((1, 2)).clamp_min(1e-12)


def pointing(masks: Tensor, regions: Tensor) -> Tensor:
    """Whether the maximum of each mask is at most two pixels away from its region, 0 or 1 ``(N,)``."""
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
    """The share of the mask's mass on the cue, and in which share of the pictures this is more than half."""
    chance = float(cases.cues.float().mean())
    return {
        "cheat_mass_on_cue": _beside(answers, lambda one: _mass(one.masks, cases.cues), "higher", chance),
        "cheat_mostly_on_cue": _beside(answers, lambda one: (_mass(one.masks, cases.cues) > 0.5).float(), "higher"),
    }


def _degenerate(one: Answer) -> Tensor:
    """Whether each mask is constant or not finite, 0 or 1 ``(N,)``."""
    flat = one.masks.amax((1, 2)) - one.masks.amin((1, 2)) < FLAT
    return (flat | ~torch.isfinite(one.masks).all(2).all(1)).float()


def _one_at_a_time(study: Study, asked: MaskCases, together: Answer, progress: Progress) -> dict[str, Measure]:
    """Differences between masks that were found in a batch and alone: the mean, and the greatest of all pixels."""
    inversion = GuidedFeatureInversion(study)
    pairs = list(zip(asked.pictures, asked.class_index, strict=True))[:ALONE]
    alone = torch.cat([inversion.explain(picture, target, progress=progress).masks for picture, target in pairs])
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

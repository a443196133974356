"""The exam of visual summaries on the field guide, where it is known what every pixel shows.

A mask is good if it is small, lies on deciding parts, keeps the score alone, and destroys the score when it is removed.
A group of regions is good if it shows a single part. The evidence of a summary should equal the worth of its part: the
loss of log-odds if the part is left out of the drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.demos import bird_classifier
from xai_widgets.methods.summaries.causal import elsewhere
from xai_widgets.methods.summaries.masks import STRONG, CrispMasks
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.progress import Progress
from xai_widgets.scores.bird_cases import CUE, of_birds
from xai_widgets.scores.measure import Measure
from xai_widgets.scores.summaries_truth import NOTHING, Truth, groups, hits, precision, purity, shown
from xai_widgets.study import Study

BIRDS = 800
"""Fresh birds, in which pictures of every species are found."""

PICTURES = 50
"""Pictures of each species for the summaries that are examined."""

FEWER = 15
"""For the published ones, whose masks take several times as long, and for variations."""

FEWER_CLASSES = 4
"""Species that the published ones, and variations, are made for."""

RANDOM_NETWORKS = 3

OWN = "summaries"

Ints = npt.NDArray[np.int64]

Found = Sequence[ClassSummaries]
"""One for each species."""

Kinds = Mapping[str, Sequence[Ints]]
"""What each region of each of them shows, by whom they were made."""


def examine(study: Study, seed: int, progress: Progress) -> dict[str, Measure]:
    """All measures of visual summaries, beside those of the published ones and of variations."""
    truth = Truth(_fresh(study, seed))
    found = _found(study, truth.birds, seed, progress)
    kinds = {who: [truth.kinds(one) for one in each] for who, each in found.items()}

    def seconds(one: ClassSummaries) -> Tensor:
        return torch.tensor([one.origin["seconds"] / len(one.masks)])

    return {
        **_masks(found, truth),
        **_groups(found, kinds, seed),
        **_causes(study, found, kinds, truth),
        **(_cue(found, kinds, truth) if CUE in truth.parts else {}),
        "random_network_stable": _random_networks(truth.birds, seed, progress),
        "seconds_per_picture": _beside(
            found, lambda one: torch.tensor([one.origin["seconds"] / len(one.masks)]), "lower"
        ),
    }


def _fresh(study: Study, seed: int) -> BirdPictures:
    """Held-out birds of the same kind, which were not used to choose any settings either."""
    birds = of_birds(study.test)
    beyond = birds.first + len(birds) + seed * BIRDS
    return BirdPictures(BIRDS, species=birds.species, size=birds.size, seed=birds.seed, first=beyond, cheat=birds.cheat)


def _found(study: Study, birds: BirdPictures, seed: int, progress: Progress) -> dict[str, Found]:
    """Summaries of each species by whom they were made; of the published ones and of variations, of fewer."""
    options: dict[str, Any] = {"pictures": birds, "seed": seed}
    fewer = options | {"most": FEWER}
    own = VisualSummaries(study, **options, most=PICTURES)
    others = {
        "proposal flow": VisualSummaries(study, similarity="proposal flow", **fewer),
        "sufficient masks": VisualSummaries(study, masks=CrispMasks.sufficient(study), **fewer),
        "paper": VisualSummaries.paper(study, **fewer),
        "paper, our baselines": VisualSummaries.paper(study, baselines=STRONG, **fewer),
    }
    found: dict[str, Found] = {OWN: [own.find(species, progress=progress) for species in range(study.classes)]}
    few = range(min(FEWER_CLASSES, study.classes))
    return found | {who: [one.find(species, progress=progress) for species in few] for who, one in others.items()}


# --- masks ---------------------------------------------------------------------------------------------------------


def _masks(found: Mapping[str, Found], truth: Truth) -> dict[str, Measure]:
    deciding = {who: [truth.deciding(one.indices) for one in each] for who, each in found.items()}
    chance = [_elsewhere(one) for one in found[OWN]]

    def against_truth(measure: Callable[[Tensor, Tensor], Tensor]) -> Measure:
        values = {
            who: _mean([measure(one.masks.masks, parts) for one, parts in zip(each, deciding[who], strict=True)])
            for who, each in found.items()
        }
        by_chance = _mean([measure(masks, parts) for masks, parts in zip(chance, deciding[OWN], strict=True)])
        return _measure(values, "higher", by_chance)

    return {
        "kept": _beside(found, lambda one: one.masks.kept[:, 0], "higher"),
        "removed": _beside(found, lambda one: one.masks.removed[:, 0], "lower"),
        "area": _beside(found, lambda one: one.masks.area[:, 0], "lower"),
        "crispness": _beside(found, lambda one: one.masks.crispness[:, 0], "higher"),
        "mask_precision": against_truth(precision),
        "part_hit": against_truth(hits),
    }


def _elsewhere(one: ClassSummaries) -> Tensor:
    """Masks of the same shapes at other places ``(N, 1, H, W)``."""
    shapes = one.masks.masks[:, 0]
    return elsewhere(shapes, torch.zeros_like(shapes), seed=0)[:, None]


# --- groups --------------------------------------------------------------------------------------------------------


def _groups(found: Mapping[str, Found], kinds: Kinds, seed: int) -> dict[str, Measure]:
    """Whether groups of regions are parts: of all regions, and of those in sound summaries."""
    dice = np.random.default_rng(seed)
    shuffled = [dice.permutation(kind) for kind in kinds[OWN]]
    measures = {}
    for sound, suffix in ((False, ""), (True, "_kept")):
        labels = {who: [groups(one, sound=sound) for one in each] for who, each in found.items()}
        for name, score in (("ari", _rand_index), ("purity", purity)):
            values = {who: _agreement(score, kinds[who], labels[who]) for who in found}
            chance = _agreement(score, shuffled, labels[OWN])
            measures[f"{name}{suffix}"] = _measure(values, "higher", chance)
    # Of as many pictures only, since a few pictures make a greater share of as many kinds.
    counted = {OWN: found[OWN]}
    return measures | {"per_100": _beside(counted, lambda one: torch.tensor([one.per_100]), "higher")}


def _agreement(score: Callable[[Ints, Ints], float], kinds: Sequence[Ints], labels: Sequence[Ints]) -> float:
    """Mean over species; regions outside all groups are left out."""
    pairs = zip(kinds, labels, strict=True)
    return _mean([torch.tensor([score(kind[own >= 0], own[own >= 0])]) for kind, own in pairs])


def _rand_index(kinds: Ints, labels: Ints) -> float:
    return float(adjusted_rand_score(kinds, labels)) if len(kinds) else float("nan")


# --- causes --------------------------------------------------------------------------------------------------------


def _causes(study: Study, found: Mapping[str, Found], kinds: Kinds, truth: Truth) -> dict[str, Measure]:
    """The least that a sound summary's removal costs, and whether its evidence is what its part is worth."""
    pairs = {who: _evidence_and_worth(study, each, kinds[who], truth) for who, each in found.items()}
    return {
        **{
            f"causal_{name}": _measure({who: _least(each, name) for who, each in found.items()}, "higher", 0.0)
            for name in ("drop_low", "evidence_low")
        },
        "evidence_truth_r": _measure({who: _correlation(values) for who, values in pairs.items()}, "higher", 0.0),
    }


def _least(each: Found, name: str) -> float:
    values = [getattr(summary, name) for one in each for summary in one.kept]
    return min(values, default=float("nan"))


def _evidence_and_worth(study: Study, each: Found, kinds: Sequence[Ints], truth: Truth) -> list[tuple[float, float]]:
    """Evidence of each sound summary that shows a part, and what is lost where the part was never drawn."""
    pairs = []
    for one, kind in zip(each, kinds, strict=True):
        if one.kept:
            worth = truth.worth(study, one)
            parts = shown(one, kind)
            sound = [(summary, part) for summary, part in zip(one.summaries, parts, strict=True) if summary.sound]
            pairs += [(summary.evidence, float(worth[part])) for summary, part in sound if part != NOTHING]
    return pairs


def _correlation(pairs: Sequence[tuple[float, float]]) -> float:
    """Pearson's; NaN for fewer than three pairs."""
    return float(np.corrcoef(np.array(pairs).T)[0, 1]) if len(pairs) >= 3 else float("nan")


def _cue(found: Mapping[str, Found], kinds: Kinds, truth: Truth) -> dict[str, Measure]:
    """In which share of the species the cue is what the first summary shows."""
    cue = truth.parts.index(CUE)

    def first(one: ClassSummaries, kind: Ints) -> float:
        return float(bool(one.kept) and shown(one, kind)[0] == cue)

    shares = {
        who: float(np.mean([first(*pair) for pair in zip(each, kinds[who], strict=True)]))
        for who, each in found.items()
    }
    return {"cue_first_share": _measure(shares, "higher", 1 / len(truth.parts))}


def _random_networks(birds: BirdPictures, seed: int, progress: Progress) -> Measure:
    """Sound summaries of networks that have learned nothing, in all."""
    count = 0
    for number in range(RANDOM_NETWORKS):
        with torch.random.fork_rng():
            torch.manual_seed(seed + number)
            study = Study(bird_classifier(birds.species), birds, test=birds)
        predicted = int(study.predict(birds[0][0]).argmax())
        indices = study.draw(birds, PICTURES, seed)
        count += len(VisualSummaries(study, seed=seed).find(predicted, indices=indices, progress=progress).kept)
    return Measure(count, "lower")


# --- measures ------------------------------------------------------------------------------------------------------


def _mean(values: Sequence[Tensor]) -> float:
    """Of all values that exist."""
    return float(torch.cat(list(values)).double().nanmean())


def _beside(
    found: Mapping[str, Found],
    measure: Callable[[ClassSummaries], Tensor],
    better: Literal["higher", "lower"],
    chance: float | None = None,
) -> Measure:
    return _measure({who: _mean([measure(one) for one in each]) for who, each in found.items()}, better, chance)


def _measure(values: Mapping[str, float], better: Literal["higher", "lower"], chance: float | None = None) -> Measure:
    others = {who: value for who, value in values.items() if who != OWN}
    return Measure(values[OWN], better, chance, others)

"""What summaries and x-features of drawn birds show, compared with the known parts of the birds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import SLOTS
from xai_widgets.methods.srae.settings import Basis
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.scores.srae_exam import Birds, auc
from xai_widgets.scores.summaries_truth import NOTHING, Truth, shown
from xai_widgets.study import Study

# --- summaries -----------------------------------------------------------------------------------------------------


def shown_parts(birds: BirdPictures, found: ClassSummaries) -> list[str]:
    """The part that most regions of each summary show, or "no part"."""
    truth = Truth(birds)
    kinds = shown(found, truth.kinds(found))
    return ["no part" if kind == NOTHING else truth.parts[kind] for kind in kinds]


def evidence_and_worth(study: Study, birds: BirdPictures, found: ClassSummaries) -> dict[str, dict[str, float]]:
    """For each sound summary, its evidence and the worth of the part that it shows, both in log-odds.

    The worth is the loss of log-odds if the part is left out of the drawing; the method does not know it.
    """
    truth = Truth(birds)
    worth = dict(zip(truth.parts, truth.worth(study, found).tolist(), strict=True))
    rows = {}
    for number, (summary, part) in enumerate(zip(found.kept, shown_parts(birds, found), strict=False), 1):
        rows[f"{number}: {part}"] = {"evidence": summary.evidence, "worth of the part": worth.get(part, 0.0)}
    return rows


def first_parts(birds: BirdPictures, each: Sequence[ClassSummaries]) -> dict[str, str]:
    """For each class, the part that its first summary shows; "none" where there is no summary."""
    return {found.class_name: (shown_parts(birds, found) or ["none"])[0] for found in each}


def share_first(birds: BirdPictures, each: Sequence[ClassSummaries], part: str) -> float:
    """Share of classes whose first summary shows this part."""
    return float(np.mean([first == part for first in first_parts(birds, each).values()]))


# --- x-features ----------------------------------------------------------------------------------------------------


def detection(srae: SRAE, birds: Birds, species: int, part: str, basis: Basis = "srae") -> list[float]:
    """How well each x-feature separates birds of a species with a part from the same birds without it.

    The value is an AUC: 1 is always, 0.5 is guessing.
    """
    whole, without = (
        srae.contributions(pictures, species, basis=basis)
        for pictures in (birds.whole[species], birds.without[part][species])
    )
    return [auc(ours, theirs) for ours, theirs in zip(whole.T, without.T, strict=True)]


def detectors(srae: SRAE, birds: Birds, species: int) -> dict[str, dict[str, float]]:
    """For each deciding part, how well each x-feature detects it (see `detection`)."""
    rows = {slot: detection(srae, birds, species, slot) for slot in SLOTS}
    return {slot: {f"x{number}": value for number, value in enumerate(row, 1)} for slot, row in rows.items()}


def best_detectors(srae: SRAE, birds: Birds, species: int) -> dict[str, dict[str, float]]:
    """For each deciding part, how well the best x-feature, principal component and PLS component detect it."""
    bases: dict[str, Basis] = {"SRAE": "srae", "PCA": "pca", "PLS": "pls"}
    return {
        slot: {name: max(detection(srae, birds, species, slot, basis)) for name, basis in bases.items()}
        for slot in SLOTS
    }


def best_detection(srae: SRAE, birds: Birds, part: str) -> float:
    """How well the best x-feature of a species detects a part, as the mean over all explained species."""
    return float(np.mean([max(detection(srae, birds, species, part)) for species in srae.classes]))


def with_and_without(srae: SRAE, birds: Birds, species: int, part: str) -> dict[str, dict[str, float]]:
    """The mean contribution of each x-feature for birds with a part, and for the same birds without it."""
    versions = {f"with the {part}": birds.whole[species], f"without the {part}": birds.without[part][species]}
    means = {name: srae.contributions(some, species).mean(0).tolist() for name, some in versions.items()}
    count = len(next(iter(means.values())))
    return {f"x{number + 1}": {name: row[number] for name, row in means.items()} for number in range(count)}


def strengths(
    srae: SRAE, picture: Tensor, species: int, feature: int, factors: Sequence[float]
) -> dict[str, list[float]]:
    """The change of the score if the strength of an x-feature changes: as the sum predicts it, and in the network."""
    table = torch.ones(len(factors), srae.settings.features)
    table[:, feature] = torch.tensor(factors)
    found = srae.intervene(picture.expand(len(factors), *picture.shape[-3:]), species, table)
    return {"predicted by the sum": found.predicted_change.tolist(), "real network": found.real_change.tolist()}

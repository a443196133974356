"""SRAE's exam on the field guide.

A sum of x-features must be the score, on unseen birds and within a species, too. Its x-features should be few,
respond to the parts that define a species (those parts can be left out of a drawing), be the same for other seeds, and
change the real network as predicted. Every number comes with those of the published model, and of principal components
with a regression and partial least squares, which are fitted on the same pictures.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, product
from math import isnan, nan
from statistics import mean

import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata
from torch import Tensor

from xai_widgets.data.birds import SLOTS
from xai_widgets.methods.srae.additive import alive
from xai_widgets.methods.srae.heatmaps import deletion, enlarged
from xai_widgets.methods.srae.report import Numbers, numbers
from xai_widgets.methods.srae.settings import Basis
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.progress import Progress
from xai_widgets.scores.bird_cases import CUE, drawn_without, of_birds
from xai_widgets.scores.counterfactual_measures import pearson
from xai_widgets.scores.measure import Measure
from xai_widgets.study import Study

PICTURES = 480
"""Unseen pictures that sums are compared on."""

PER_SPECIES = 40
"""At most so many of each species are drawn again with parts left out."""

FEWER = 8
"""Of each species, for interventions and maps."""

SEEDS, PAPER_SEEDS = 5, 2
"""Fits that stability is measured on; the slow published model has fewer."""

PAPER_EPOCHS, PAPER_PICTURES, PAPER_ROUNDS = 10, 2000, 2
"""The published model learns from as many pictures as ours, and for longer, but not for minutes."""

FACTORS = (0.0, 0.5, 1.5, 2.0)
"""What x-features are multiplied by, one at a time."""


@dataclass(frozen=True, eq=False)
class Contender:
    """X-features that are examined: a fit, fits with other seeds, and the basis of their x-features."""

    fits: list[SRAE]
    basis: Basis

    @property
    def first(self) -> SRAE:
        """The fit that everything but stability is measured on."""
        return self.fits[0]

    def contributions(self, pictures: Tensor, k: int) -> Tensor:
        """What x-features add to the score of class k, ``(N, L)``."""
        return self.first.contributions(pictures, k, basis=self.basis)


@dataclass(frozen=True, eq=False)
class Birds:
    """Unseen birds, and some of them drawn again."""

    pictures: Tensor  # (N, C, H, W) in [0, 1]
    logits: Tensor  # of the network, (N, K)
    species: Tensor  # (N,)
    whole: list[Tensor]  # some pictures of each species, (n, C, H, W)
    without: Mapping[str, list[Tensor]]  # the same without a slot or the cue, by its name

    def of(self, k: int) -> Tensor:
        """Some pictures of species k."""
        return self.pictures[self.species == k][:FEWER]


def examine(study: Study, seed: int, progress: Progress) -> dict[str, Measure]:
    """All of SRAE's measures; what is not in ``study.explainers`` ("srae", "srae-paper") is fitted first."""
    birds = draw_birds(study, seed)
    everyone = _contenders(study, seed, progress)
    ours = everyone["srae"].first
    chance = best_of_noise(PER_SPECIES, ours.settings.features, seed)
    progress.start("examining x-features", len(everyone))
    found: dict[str, dict[str, float]] = {}
    for who, one in everyone.items():
        found[who] = _values(one, birds, seed)
        progress.advance()
    chances = {"r2_all": 0.0, "r2_positive": 0.0, "part_auc": chance, "cue_auc": chance, "intervention_r": 0.0}
    chances |= {"stability": 0.0, "map_deletion": found["srae"].pop("random_deletion")}
    measures = {name: _beside(name, found, chances.get(name)) for name in found["srae"]}
    measures["part_auc_pca"] = Measure(found["pca"]["part_auc"], "higher", chance)
    return measures


def _contenders(study: Study, seed: int, progress: Progress) -> dict[str, Contender]:
    """Our fits and the published ones; they may fail, and the measures then say so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        # What was fitted before was not timed here.
        ours = [_ours(study, seed + i).fit(progress=progress) for i in range(SEEDS)]
        papers = [study.explainers.get("srae-paper") or _paper(study, seed).fit(progress=progress)]
        papers += [_paper(study, seed + i).fit(progress=progress) for i in range(1, PAPER_SEEDS)]
    return {
        "srae": Contender(ours, "srae"),
        "paper": Contender(papers, "srae"),
        "pca": Contender(ours, "pca"),
        "pls": Contender(ours, "pls"),
    }


def _ours(study: Study, seed: int) -> SRAE:
    return SRAE(study, seed=seed)


def _paper(study: Study, seed: int) -> SRAE:
    made = SRAE.paper(study, epochs=PAPER_EPOCHS, pictures=PAPER_PICTURES, seed=seed)
    made.settings = replace(made.settings, rounds=PAPER_ROUNDS)
    return made


def draw_birds(study: Study, seed: int) -> Birds:
    """Draw birds of which no explainer has seen any."""
    birds = of_birds(study.test)
    indices = study.draw(birds, PICTURES, seed)
    pictures, species = study.load(birds, indices)
    chosen = [[index for index in indices if birds.labels[index] == k][:PER_SPECIES] for k in range(birds.species)]
    parts = (*SLOTS, *([] if birds.cheat is None else [CUE]))
    gone = {part: [drawn_without(birds, of_one, part) for of_one in chosen] for part in parts}
    whole = [study.load(birds, of_one)[0] for of_one in chosen]
    return Birds(pictures, study.logits(pictures), species, whole, gone)


# --- the measures of one contender -------------------------------------------------------------------------------

LOWER = {"accuracy_change", "n90", "map_sum_error", "fit_seconds"}
"""The measures of which less is better."""


def _values(one: Contender, birds: Birds, seed: int) -> dict[str, float]:
    table = [_numbers(one, birds, k) for k in one.first.classes]
    parts = [best for slot in SLOTS for best in _aucs(one, birds, slot)]
    found = {
        "r2_all": min(row.r2_all for row in table),
        "r2_positive": min(row.r2_positive for row in table),
        "accuracy_change": _accuracy_change(one, birds),
        "alive_min": float(min(row.alive for row in table)),
        "second_first_min": min(row.second_first for row in table),
        "part_auc": mean(parts),
        "n90": mean(row.n90 for row in table),
        **_interventions(one, birds),
        "stability": _stability(one, birds),
        **_maps(one, birds, seed),
        "fit_seconds": one.first.seconds if one.basis == "srae" else nan,
    }
    return found | ({"cue_auc": min(_aucs(one, birds, CUE))} if CUE in birds.without else {})


def _numbers(one: Contender, birds: Birds, k: int) -> Numbers:
    contributions = one.contributions(birds.pictures, k)
    return numbers(contributions, one.first.bias(k, basis=one.basis), birds.logits[:, k], birds.species == k)


def _accuracy_change(one: Contender, birds: Birds) -> float:
    """How much the network's accuracy changes, at worst, when the sum replaces the logit of one class."""
    before = (birds.logits.argmax(1) == birds.species).float().mean()
    changes = []
    for k in one.first.classes:
        logits = birds.logits.clone()
        logits[:, k] = one.contributions(birds.pictures, k).sum(1) + one.first.bias(k, basis=one.basis)
        changes.append(float(((logits.argmax(1) == birds.species).float().mean() - before).abs()))
    return max(changes)


def _aucs(one: Contender, birds: Birds, part: str) -> list[float]:
    """For each class, how well its best x-feature separates pictures with a part from the same without it."""
    found = []
    for k, whole, without in zip(one.first.classes, birds.whole, birds.without[part], strict=True):
        pairs = zip(one.contributions(whole, k).T, one.contributions(without, k).T, strict=True)
        found.append(max(auc(ours, theirs) for ours, theirs in pairs))
    return found


def auc(higher: Tensor, lower: Tensor) -> float:
    """Probability that one of the values ``(N,)`` is above one of ``(M,)``; equal ones count half."""
    ranks = rankdata(torch.cat([higher, lower]).numpy())[: len(higher)]
    return float((ranks.sum() - len(higher) * (len(higher) + 1) / 2) / (len(higher) * len(lower)))


def best_of_noise(pictures: int, features: int, seed: int) -> float:
    """The average AUC of the best of so many x-features of pure noise."""
    noise = torch.randn(50, 2, pictures, features, generator=torch.Generator().manual_seed(seed))
    return mean(max(auc(a, b) for a, b in zip(one.T, other.T, strict=True)) for one, other in noise)


def _interventions(one: Contender, birds: Birds) -> dict[str, float]:
    """Correlation of predicted and real changes of the logit when one x-feature is multiplied, over everything."""
    features = one.first.settings.features
    factors = torch.ones(features * len(FACTORS), features)
    for row, (feature, factor) in enumerate(product(range(features), FACTORS)):
        factors[row, feature] = factor
    predicted, real = [], []
    for k in one.first.classes:
        pictures = birds.of(k)
        rows = pictures.repeat_interleave(len(factors), dim=0)
        found = one.first.intervene(rows, k, factors.repeat(len(pictures), 1), basis=one.basis)
        predicted.append(found.predicted_change)
        real.append(found.real_change)
    worst = min(pearson(ours, theirs) for ours, theirs in zip(predicted, real, strict=True))
    return {"intervention_r": pearson(torch.cat(predicted), torch.cat(real)), "intervention_r_worst": worst}


def _stability(one: Contender, birds: Birds) -> float:
    """Mean correlation of matched x-features over pairs of seeds and classes; flat x-features are left out."""
    found = []
    for k in one.first.classes:
        traces = [fit.contributions(birds.pictures, k, basis=one.basis) for fit in one.fits]
        found.append(stability([trace[:, alive(trace, birds.logits[:, k])] for trace in traces]))
    return mean(found)


def stability(traces: Sequence[Tensor]) -> float:
    """Mean correlation of matched x-features ``(N, L)`` that vary, over all pairs of fits; NaN for a single one."""
    pairs = [matched(one, other)[1] for one, other in combinations(traces, 2) if one.shape[1] and other.shape[1]]
    return float(torch.cat(pairs).mean()) if pairs else nan


def matched(one: Tensor, other: Tensor) -> tuple[list[tuple[int, int]], Tensor]:
    """The one-to-one assignment of traces ``(N, L)`` and ``(N, M)`` with the highest sum of correlations, and those."""
    found = correlations(one, other)
    rows, columns = linear_sum_assignment(-found.numpy())
    return list(zip(rows.tolist(), columns.tolist(), strict=True)), found[rows, columns]


def correlations(one: Tensor, other: Tensor) -> Tensor:
    """Correlation ``(L, M)`` of each trace of ``(N, L)`` with each of ``(N, M)``; 0 for one that does not vary."""
    a, b = (traces.double() - traces.double().mean(0) for traces in (one, other))
    lengths = a.norm(dim=0)[:, None] * b.norm(dim=0)
    found: Tensor = a.T @ b / lengths.clamp_min(1e-12)
    return found.float()


def _maps(one: Contender, birds: Birds, seed: int) -> dict[str, float]:
    """How far maps are from summing to the score, and the share of a contribution lost with the top of its map."""
    errors, falls, random = [], [], []
    generator = torch.Generator().manual_seed(seed)
    for k in one.first.classes:
        found = one.first.explain(birds.of(k), k, basis=one.basis)
        errors.append(float((found.maps.sum((1, 2, 3)) + found.bias - found.rebuilt).abs().max()))
        falls.append(found.deletion[found.significant])
        sides = (birds.pictures.shape[2], birds.pictures.shape[3])
        noise = enlarged(torch.rand(found.maps.shape, generator=generator), sides)
        signed = noise * found.contributions.sign()[:, :, None, None]
        random.append(deletion(partial(one.contributions, k=k), found.pictures, signed)[found.significant])
    fall = torch.cat(falls)
    return {
        "map_sum_error": max(errors),
        "map_deletion": float(fall.mean()),
        "map_deletion_half": float((fall >= 0.5).float().mean()),
        "random_deletion": float(torch.cat(random).mean()),
    }


def _beside(name: str, found: Mapping[str, Mapping[str, float]], chance: float | None) -> Measure:
    """The measure of "srae", with those of the others as baselines."""
    others = {who: values[name] for who, values in found.items() if who != "srae" and not isnan(values[name])}
    return Measure(found["srae"][name], "lower" if name in LOWER else "higher", chance, others)

"""SRAE: how few x-features carry a score, whether they sum to it, and whether each stands for one thing.

    python -m benchmarks.papers.srae_faithfulness --data DIR --json -

Qi, Khorram and Li, "Embedding Deep Networks into Visual Explanations" (Artificial Intelligence 2021). On Fashion-MNIST,
and on cars with outlined parts (EfficientNet-Lite0's features and a linear layer that tells fronts from backs).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Protocol

import torch
from torch import Tensor

import xai_widgets as xw
from benchmarks.papers import clothes
from benchmarks.papers.common import (
    OURS,
    PAPER,
    Claim,
    Experiment,
    Means,
    Options,
    Row,
    Rows,
    fashion_missing,
    folder_missing,
    photos_missing,
    run,
)
from benchmarks.photos import cars
from xai_widgets.methods.srae.heatmaps import enlarged
from xai_widgets.methods.srae.report import LEAST_R2, Numbers, numbers
from xai_widgets.progress import Progress
from xai_widgets.study import Study

BASES = {"pca": "PCA", "pls": "PLS"}
PROJECTED = {"nmf": "NMF", "random": "frozen random features"}
PLACE = "random place"
NMF_POSITIONS = 4000
"""NMF learns from so many places at most."""


@dataclass(frozen=True)
class Size:
    """How much is learnt and measured; epochs of ours and of the published method take about as long."""

    learnt: int
    unseen: int
    network_epochs: int
    epochs: int
    paper_epochs: int
    cars: int
    unseen_cars: int
    car_epochs: int
    paper_car_epochs: int


SIZE = Size(1500, 400, 4, 16, 3, 60, 40, 32, 8)
QUICK = Size(800, 200, 4, 4, 1, 24, 12, 8, 3)


class Contender(Protocol):
    """Scores of a class as sums of x-features."""

    def contributions(self, pictures: Tensor, k: int) -> Tensor:
        """What each x-feature adds, ``(N, L)``."""

    def bias(self, k: int) -> float:
        """The start of the sum."""

    def maps(self, pictures: Tensor, k: int) -> Tensor:
        """Where it adds it, ``(N, L, rows, columns)``."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """One basis of a fitted SRAE."""

    srae: xw.SRAE
    basis: Any

    def contributions(self, pictures: Tensor, k: int) -> Tensor:
        """See `Contender`."""
        return self.srae.contributions(pictures, k, basis=self.basis)

    def bias(self, k: int) -> float:
        """See `Contender`."""
        return self.srae.bias(k, basis=self.basis)

    def maps(self, pictures: Tensor, k: int) -> Tensor:
        """See `Contender`."""
        return self.srae.explain(pictures, k, basis=self.basis).maps


class Projected:
    """Numbers of each place of a layer that no class has a say in, and a regression on their means for each class.

    The layer's positive part is projected: on drawn directions ("random"), or on those of a non-negative matrix
    factorisation ("nmf").
    """

    def __init__(self, study: Study, layer: str, count: int, kind: str, seed: int) -> None:
        from sklearn.linear_model import LinearRegression

        self.study, self.layer = study, layer
        pictures, _ = study.load(study.train, range(len(study.train)))
        places = self._places(pictures)
        flat = places.flatten(0, 1)
        drawn = flat[torch.randperm(len(flat), generator=torch.Generator().manual_seed(seed))[:NMF_POSITIONS]]
        self.project = _random(drawn, count, seed) if kind == "random" else _nmf(drawn, count, seed)
        self.readout = LinearRegression().fit(self._values(places).mean(1).numpy(), study.logits(pictures).numpy())

    def _places(self, pictures: Tensor) -> Tensor:
        code = self.study.codes(pictures, self.layer).relu()
        self.grid = tuple(code.shape[2:])
        return code.flatten(2).transpose(1, 2)

    def _values(self, places: Tensor) -> Tensor:
        return self.project(places.flatten(0, 1)).view(*places.shape[:2], -1)

    def maps(self, pictures: Tensor, k: int) -> Tensor:
        """See `Contender`."""
        values = self._values(self._places(pictures))
        slopes = torch.from_numpy(self.readout.coef_[k]).float()
        return (values * slopes / values.shape[1]).transpose(1, 2).unflatten(2, self.grid)

    def contributions(self, pictures: Tensor, k: int) -> Tensor:
        """See `Contender`."""
        return self.maps(pictures, k).sum((2, 3))

    def bias(self, k: int) -> float:
        """See `Contender`."""
        return float(self.readout.intercept_[k])


def _random(places: Tensor, count: int, seed: int) -> Callable[[Tensor], Tensor]:
    drawn = torch.randn(places.shape[1], count, generator=torch.Generator().manual_seed(seed))
    middle = places.mean(0)
    return lambda some: ((some - middle) @ drawn).relu()


def _nmf(places: Tensor, count: int, seed: int) -> Callable[[Tensor], Tensor]:
    from sklearn.decomposition import NMF

    model = NMF(count, random_state=seed, max_iter=300, init="nndsvda").fit(places.numpy())
    return lambda some: torch.from_numpy(model.transform(some.numpy())).float()


def measured(options: Options, seed: int, progress: Progress) -> Rows:
    """All measures of one seed."""
    size = QUICK if options.quick else SIZE
    data = clothes.clothes(size.learnt, size.unseen, seed)
    model = clothes.taught(data.train, data.train_labels, size.network_epochs, seed, progress)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what fails is measured, too
        study = data.study(model, "clothes")
        rows = _sums(study, contenders(study, size.epochs, size.paper_epochs, seed, progress), "fashion")
        every = cars.Cars.shuffled(options.data, seed)
        learnt, unseen = every.part(slice(size.cars)), every.part(slice(size.cars, size.cars + size.unseen_cars))
        study = cars.study(learnt, unseen)
        found = contenders(study, size.car_epochs, size.paper_car_epochs, seed, progress)
        return rows | _sums(study, found, "cars") | _purities(study, found, unseen, seed)


def contenders(study: Study, epochs: int, paper_epochs: int, seed: int, progress: Progress) -> dict[str, Contender]:
    """Ours, the published x-features, and simpler ones of the same number."""
    ours = xw.SRAE(study, epochs=epochs, seed=seed)
    ours.settings = replace(ours.settings, rounds=0)
    paper = xw.SRAE.paper(study, epochs=paper_epochs, features=ours.settings.features, seed=seed)
    paper.settings = replace(paper.settings, rounds=0)
    for one in (ours, paper):
        one.fit(progress=progress)
    others = {name: Fitted(ours, basis) for basis, name in BASES.items()}
    layer, count = ours.settings.layer, ours.settings.features
    projected = {name: Projected(study, layer, count, kind, seed) for kind, name in PROJECTED.items()}
    return {OURS: Fitted(ours, "srae"), PAPER: Fitted(paper, "srae"), **others, **projected}


# --- sums --------------------------------------------------------------------------------------------------------


def _sums(study: Study, found: Mapping[str, Contender], name: str) -> dict[str, Row]:
    """Means over the classes, on unseen pictures."""
    pictures, labels = study.load(study.test, range(len(study.test)))
    logits = study.logits(pictures)
    each = {who: [_of_class(one, pictures, logits, labels, k) for k in range(study.classes)]
            for who, one in found.items()}  # fmt: skip

    def row(better: str, value: Callable[[_OfClass], float]) -> Row:
        return Row(better, {who: fmean(value(one) for one in all_of) for who, all_of in each.items()})  # type: ignore[arg-type]

    return {
        f"{name}_x_features_for_90_percent": row("lower", lambda one: one.numbers.n90),
        f"{name}_r2": row("higher", lambda one: one.numbers.r2_all),
        f"{name}_r2_within_class": row("higher", lambda one: one.numbers.r2_positive),
        f"{name}_accuracy_change": row("lower", lambda one: one.accuracy_change),
        f"{name}_overlap_of_x_features": row("lower", lambda one: one.overlap),
    }


@dataclass(frozen=True)
class _OfClass:
    """Measures of one class."""

    numbers: Numbers
    accuracy_change: float
    overlap: float


def _of_class(one: Contender, pictures: Tensor, logits: Tensor, labels: Tensor, k: int) -> _OfClass:
    traces, bias = one.contributions(pictures, k), one.bias(k)
    own = logits.argmax(1) == k
    replaced = logits.clone()
    replaced[:, k] = traces.sum(1) + bias
    before, after = ((scores.argmax(1) == labels).float().mean() for scores in (logits, replaced))
    return _OfClass(numbers(traces, bias, logits[:, k], own), float((after - before).abs()), overlap(traces))


def overlap(traces: Tensor) -> float:
    """Mean squared cosine of different x-features' traces ``(N, L)``: 0 orthogonal, 1 all the same.

    x-features that are 0 everywhere are left out.
    """
    lengths = traces.norm(dim=0)
    unit = traces[:, lengths > 1e-6 * lengths.max()] / lengths[lengths > 1e-6 * lengths.max()]
    if unit.shape[1] < 2:
        return 0.0
    squared = (unit.T @ unit).square()
    return float((squared.sum() - squared.diag().sum()) / (squared.numel() - len(squared)))


# --- parts -------------------------------------------------------------------------------------------------------


def _purities(study: Study, found: Mapping[str, Contender], unseen: cars.Cars, seed: int) -> dict[str, Row]:
    """How often the peak of an x-feature's map is on the part where it mostly is; and a drawn place instead."""
    pictures, _ = study.load(unseen, range(len(unseen)))
    parts = torch.stack([unseen.where(index) for index in range(len(unseen))])
    said = study.logits(pictures).argmax(1)
    each = {who: [] for who in (*found, PLACE)}
    for k in range(study.classes):
        own = said == k
        for who, one in found.items():
            maps = enlarged(one.maps(pictures[own], k), (cars.SIDE, cars.SIDE))
            each[who].append(purity(maps, parts[own]))
        noise = torch.rand(maps.shape, generator=torch.Generator().manual_seed(seed))
        each[PLACE].append(purity(noise, parts[own]))
    return {"cars_part_purity": Row("higher", {who: fmean(values) for who, values in each.items()})}


def purity(maps: Tensor, parts: Tensor) -> float:
    """Mean over x-features of the share of pictures in which their peak is on their own part.

    Maps are ``(N, L, H, W)``, parts bool ``(N, P, H, W)``; an x-feature's own part is where most of its peaks are.
    """
    peaks = maps.flatten(2).argmax(2)
    hits = parts.flatten(2).float().transpose(1, 2)
    found = torch.stack([one[own] for one, own in zip(hits, peaks, strict=True)])
    return float(found.mean(0).amax(1).mean())


ABOUT = (
    "x-features of a small network for Fashion-MNIST, and of EfficientNet-Lite0 with a linear layer that tells fronts "
    "of cars from backs. All contenders have as many x-features; ours and the published ones are trained for about as "
    "long. Means over the classes, on unseen pictures. 'overlap': mean squared cosine between traces of x-features (0 "
    "is orthogonal). Purity: how often the peak of an x-feature's map is on the part where it mostly is."
)


def claims(means: Means) -> list[Claim]:
    """What the paper and its companion study say, asked of the published x-features."""
    source = "Qi et al. 2021"
    count, change = means.of("fashion_x_features_for_90_percent", PAPER), means.of("fashion_accuracy_change", PAPER)
    overlaps = {who: means.of("fashion_overlap_of_x_features", who) for who in (PAPER, "frozen random features")}
    pure = {who: means.of("cars_part_purity", who) for who in (PAPER, OURS, "PCA", PLACE)}
    rows = (PAPER, OURS, "PCA", "PLS", "NMF", "frozen random features")
    return [
        Claim(
            "Companion study of Qi et al.",
            "Two or three x-features carry 90 % of a score (there: 2.17).",
            f"{means.said('fashion_x_features_for_90_percent', *rows)}; few say little where they do not sum "
            f"to the score: R² {means.said('fashion_r2', *rows)}.",
            count <= 3 and means.of("fashion_r2", PAPER) >= LEAST_R2,
        ),
        Claim(
            source,
            "The sum can stand in for the score: accuracy changes by less than one point.",
            f"Change: {means.said('fashion_accuracy_change', *rows)}.",
            change < 0.01,
        ),
        Claim(
            source,
            "x-features are more orthogonal than features that were never pulled apart.",
            f"Overlap: {means.said('fashion_overlap_of_x_features', *rows)}; R² of the published sum "
            f"{means.of('fashion_r2', PAPER):.3g}.",
            overlaps[PAPER] < overlaps["frozen random features"] and means.of("fashion_r2", PAPER) >= LEAST_R2,
        ),
        Claim(
            source,
            "Each x-feature stands for one part of the object, more than simpler features do.",
            f"Purity: {means.said('cars_part_purity', *rows, PLACE)}.",
            pure[PAPER] > max(pure["PCA"], pure[PLACE]),
        ),
    ]


def missing(options: Options) -> str:
    """Why it cannot run here."""
    return fashion_missing() or photos_missing() or folder_missing(options, "car_parts")


SHORT = "Trained for about as long as ours, the published x-features do not sum to the score (see R²)."
NOTES = {
    "fashion_x_features_for_90_percent": f"Few x-features are worth something only if they sum to the score. {SHORT}",
    "cars_x_features_for_90_percent": SHORT,
    "fashion_r2": (
        "PLS is fitted to the scores in closed form. Here, x-features are means over places, and the network's dense "
        "layer sees each place apart, so no sum of means can be the score."
    ),
    "cars_r2": "The score of cars is linear in the layer's means, so PLS is all but exact.",
    "fashion_overlap_of_x_features": (
        "Principal components and PLS are orthogonal by construction; ours are pulled apart only as far as they stay "
        "faithful."
    ),
    "cars_part_purity": "An x-feature that is 0 everywhere counts as being on no part.",
}

EXPERIMENT = Experiment("srae_faithfulness", measured, claims, missing, ABOUT, NOTES)

if __name__ == "__main__":
    run(EXPERIMENT)

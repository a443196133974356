"""Visual summaries: the same class through two networks of different strength, and SVMs of summaries.

    python -m benchmarks.papers.summaries_networks --data DIR --json -

Carletti et al., "Understanding deep architectures by visual summaries" (2018). On photos of ants and bees, and of cars:
EfficientNet-Lite0's features with a linear layer, and a small network that is trained here. Both find summaries of one
class in the same photos.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from statistics import fmean

import torch
from torch import Tensor

import xai_widgets as xw
from benchmarks.papers.common import (
    OURS,
    PAPER,
    Claim,
    Experiment,
    Means,
    Options,
    Row,
    Rows,
    folder_missing,
    photos_missing,
    run,
)
from benchmarks.photos import cars
from benchmarks.real_pictures import Real, taught
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.summaries.compare import compare
from xai_widgets.methods.summaries.masks import CrispMasks
from xai_widgets.methods.summaries.paper_masks import TwoStageSettings
from xai_widgets.methods.summaries.specialise import Specialised, specialise
from xai_widgets.methods.summaries.summary import ClassSummaries
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.pictures import PictureSet
from xai_widgets.progress import Progress
from xai_widgets.study import Study

STRONG, WEAK = "lite0", "small"
PAPER_SHARE = 8
"""The published masks get a part of their steps, so that they take about as long as ours: one in so many."""


@dataclass(frozen=True)
class Size:
    """How much is learnt and searched, and how large photos of ants and bees are."""

    learnt: int
    unseen: int
    epochs: int
    searched: int
    side: int


SIZE, QUICK = Size(100, 60, 12, 8, 224), Size(16, 8, 2, 5, 160)


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos to learn from and unseen ones, the names of two classes, and which of them is searched."""

    train: PictureSet
    test: PictureSet
    names: tuple[str, str]
    searched: int


def measured(options: Options, seed: int, progress: Progress) -> Rows:
    """All measures of one seed."""
    size = QUICK if options.quick else SIZE
    rows: dict[str, Row] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what fails is measured, too
        for name, photos in (("ants_bees", _insects(options, size, seed)), ("cars", _cars(options, size, seed))):
            rows |= _examined(name, photos, size, seed, progress)
    return rows


# --- photos and networks -----------------------------------------------------------------------------------------


def _insects(options: Options, size: Size, seed: int) -> Photos:
    parts = [xw.folder(options.data / "ants_bees" / part, size.side) for part in ("train", "test")]
    counts = (size.learnt, size.unseen)
    train, test = (_some(part, count, seed) for part, count in zip(parts, counts, strict=True))
    return Photos(train, test, ("ants", "bees"), 1)


def _some(photos: PictureSet, count: int, seed: int) -> list[tuple[Tensor, int]]:
    return [photos[i] for i in Study.draw(photos, count, seed)]


def _cars(options: Options, size: Size, seed: int) -> Photos:
    every = cars.Cars.shuffled(options.data, seed)
    train, test = every.part(slice(size.learnt)), every.part(slice(size.learnt, size.learnt + size.unseen))
    return Photos(train, test, cars.SIDES, 0)


def strong(photos: Photos) -> Study:
    """Lite0's features with a linear layer fitted to the photos to learn from."""
    return cars.study(photos.train, photos.test, photos.names)


def small(photos: Photos, epochs: int, seed: int, progress: Progress) -> Study:
    """A small network that is trained on them."""
    pairs = [[one[i] for i in range(len(one))] for one in (photos.train, photos.test)]
    real = Real(photos.names, pairs[0], pairs[1], epochs, {})
    return real.study(taught(real, seed, progress), "small")


# --- summaries ---------------------------------------------------------------------------------------------------


def _examined(name: str, photos: Photos, size: Size, seed: int, progress: Progress) -> dict[str, Row]:
    studies = {STRONG: strong(photos), WEAK: small(photos, size.epochs, seed, progress)}
    indices = _searched(studies, photos, size.searched, seed)
    found = {who: _summaries(study, indices, photos, seed, progress) for who, study in studies.items()}
    published = {who: _published(study, indices, photos, seed, progress) for who, study in studies.items()}
    matched = compare(*(found[who] for who in studies))
    specialised = {who: _specialised(study, [found[who]], seed, progress) for who, study in studies.items()}
    return {
        f"{name}_accuracy_alone": Row("higher", {OURS: accuracy(studies[STRONG]), WEAK: accuracy(studies[WEAK])}),
        f"{name}_summaries_in_100_pictures": Row("higher", _counts(found) | _counts(published, f"{PAPER}, ")),
        f"{name}_kept": Row("higher", _masks(found, "kept") | _masks(published, "kept", f"{PAPER}, ")),
        f"{name}_removed": Row("lower", _masks(found, "removed") | _masks(published, "removed", f"{PAPER}, ")),
        f"{name}_area": Row("lower", _areas(found) | _areas(published, f"{PAPER}, ")),
        f"{name}_matched_summaries": Row("higher", {OURS: float(len(matched.matches))}),
        **{f"{name}_specialised_{who}": _gain(one) for who, one in specialised.items()},
    }


def _searched(studies: dict[str, Study], photos: Photos, count: int, seed: int) -> list[int]:
    """Photos of the class, those first that both networks get right."""
    drawn = [i for i in Study.draw(photos.train, len(photos.train), seed) if photos.train[i][1] == photos.searched]
    pictures, _ = Study.load(photos.train, drawn)
    right = torch.stack([study.predict(pictures).argmax(1) == photos.searched for study in studies.values()]).all(0)
    return [drawn[i] for i in torch.cat([right.nonzero(), (~right).nonzero()]).flatten()[:count].tolist()]


def _summaries(study: Study, indices: Sequence[int], photos: Photos, seed: int, progress: Progress) -> ClassSummaries:
    return VisualSummaries(study, seed=seed).find(photos.searched, indices=indices, progress=progress)


def _published(study: Study, indices: Sequence[int], photos: Photos, seed: int, progress: Progress) -> ClassSummaries:
    """The published masks with fewer steps; regions are compared as ours are, the published way takes minutes."""
    whole = TwoStageSettings()
    stages = {
        name: replace(stage, steps=max(stage.steps // PAPER_SHARE, 1))
        for name, stage in (("smooth", whole.smooth), ("crisp", whole.crisp))
    }
    masks = CrispMasks(study, baselines=("weak blur",), smallest=0.0, settings=replace(whole, **stages))
    finder = VisualSummaries(study, masks=masks, seed=seed)
    return finder.find(photos.searched, indices=indices, progress=progress)


def _counts(found: dict[str, ClassSummaries], prefix: str = "") -> dict[str, float]:
    return {_who(who, prefix): one.per_100 for who, one in found.items()}


def _masks(found: dict[str, ClassSummaries], what: str, prefix: str = "") -> dict[str, float]:
    """Mean probability of the class with the masks alone, or without them."""
    return {_who(who, prefix): float(getattr(one.masks, what).float().mean()) for who, one in found.items()}


def _areas(found: dict[str, ClassSummaries], prefix: str = "") -> dict[str, float]:
    """Mean share of a picture that the masks cover."""
    return {_who(who, prefix): float(one.masks.masks.any(1).float().mean()) for who, one in found.items()}


def _who(who: str, prefix: str) -> str:
    return OURS if who == STRONG and not prefix else f"{prefix}{who}"


def accuracy(study: Study) -> float:
    """Share of the unseen photos that a network gets right."""
    pictures, labels = study.load(study.test, range(len(study.test)))
    return float((study.predict(pictures).argmax(1) == labels).float().mean())


def _specialised(study: Study, found: list[ClassSummaries], seed: int, progress: Progress) -> Specialised | None:
    """What SVMs of summaries add; nothing where no summary is sound."""
    try:
        return specialise(study, found, seed=seed, progress=progress)
    except XaiWidgetsError:
        return None


def _gain(found: Specialised | None) -> Row:
    values = (nan, nan, nan) if found is None else (found.accuracy, found.accuracy_alone, found.accuracy_whole)
    return Row(
        "higher", dict(zip((OURS, "network alone", "SVMs of whole photos"), values, strict=True)) | {"chance": 0.5}
    )


ABOUT = (
    "One class of photos (bees; fronts of cars) through two networks: EfficientNet-Lite0's features with a linear "
    "layer ('ours' and 'lite0'), and a small network trained on the same photos ('small'). Both search the same ones. "
    f"'paper': the published masks with one in {PAPER_SHARE} of their steps, so that they take about as long as ours. "
    "Sound summaries are counted for each hundred photos. Kept and removed: mean probability of the class with the "
    "masks alone, and without them."
)


def claims(means: Means) -> list[Claim]:
    """What the paper says of networks and summaries."""
    source, names = "Carletti et al. 2018", ("ants_bees", "cars")
    better = [means.of(f"{name}_accuracy_alone") > means.of(f"{name}_accuracy_alone", WEAK) for name in names]
    counted = [f"{name}_summaries_in_100_pictures" for name in names]
    more = [means.of(one) > means.of(one, WEAK) for one in counted]
    gains = [means.of(f"{name}_specialised_{STRONG}") - means.of(f"{name}_specialised_{STRONG}", "network alone")
             for name in names]  # fmt: skip
    known = [gain for gain in gains if isfinite(gain)]
    said = "; ".join(
        f"{name}: accuracy {means.said(f'{name}_accuracy_alone', OURS, WEAK)}, "
        f"summaries {means.said(f'{name}_summaries_in_100_pictures', OURS, WEAK)}"
        for name in names
    )
    gained = f"mean gain {100 * fmean(known):.2g} points" if known else "no summary of lite0 was sound"
    return [
        Claim(source, "The better network has more summaries.", f"{said}.", all(better) and all(more)),
        Claim(
            source,
            "SVMs of summaries improve a network's accuracy.",
            f"On lite0: {gained}.",
            bool(known) and fmean(known) > 0,
        ),
    ]


def missing(options: Options) -> str:
    """Why it cannot run here."""
    return photos_missing() or folder_missing(options, "ants_bees", "car_parts")


EXPERIMENT = Experiment("summaries_networks", measured, claims, missing, ABOUT)

if __name__ == "__main__":
    run(EXPERIMENT)

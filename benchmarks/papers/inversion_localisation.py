"""Guided feature inversion: whether masks lie where a class is, and tell two classes of a picture apart.

    python -m benchmarks.papers.inversion_localisation --data DIR --json -

Du et al., "Towards explanation of DNN-based prediction with guided feature inversion" (KDD 2018). Three kinds of
pictures: mosaics of four photos and pictures of two photos side by side, for EfficientNet-Lite0, and brain slices with
outlined tumours, for a small network. Of photos only those pictures are used in which the network gives the classes
5 % and more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional as F

import xai_widgets as xw
from benchmarks.papers import maps as scored
from benchmarks.papers.common import (
    OURS,
    PAPER,
    Claim,
    Experiment,
    Means,
    Options,
    Row,
    Rows,
    captum_missing,
    folder_missing,
    photos_missing,
    run,
)
from benchmarks.real_pictures import real_pictures, taught
from xai_widgets.lessons.photos import four_in_one, halved
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.photos import lite0_study
from xai_widgets.progress import Progress
from xai_widgets.scores.inversion_baselines import LOG, baseline_masks
from xai_widgets.study import Study

SIDE = 224
SEEN = 0.05
"""A photo's class counts as seen in a picture if it gets this probability."""

NAMES = {
    "gradient": "gradient",
    "integrated_gradients": "integrated gradients",
    "occlusion": "occlusion",
    "grad_cam": "Grad-CAM",
}
SCORES = {LOG: "", "": " of the logit"}
FULL = "paper in full"


@dataclass(frozen=True)
class Asked:
    """Which masks are made: also those of the published search in full, and which scores captum explains."""

    full: bool
    scores: tuple[str, ...] = (LOG,)


@dataclass(frozen=True)
class Size:
    """How many pictures."""

    mosaics: int
    pairs: int
    slices: int


SIZE, QUICK = Size(6, 4, 60), Size(2, 1, 12)


@dataclass(frozen=True, eq=False)
class Cases:
    """Pictures ``(N, C, H, W)``, the classes to explain ``(N,)``, and where they are, bool ``(N, H, W)``."""

    pictures: Tensor
    classes: Tensor
    regions: Tensor

    def __len__(self) -> int:
        return len(self.pictures)


def measured(options: Options, seed: int, progress: Progress) -> Rows:
    """All measures of one seed."""
    size = QUICK if options.quick else SIZE
    photos = lite0_study(xw.folder(options.data / "imagenet_samples", SIDE))
    made = mosaics(photos, size.mosaics, seed)
    rows = _places(masks(photos, made, seed, progress, Asked(full=False)), made, "mosaic", 0)
    rows |= _two(photos, pairs(photos, size.pairs, seed), seed, progress)
    return rows | _slices(options, size.slices, seed, progress)


# --- pictures ----------------------------------------------------------------------------------------------------


def mosaics(study: Study, count: int, seed: int) -> Cases:
    """Mosaics of four photos, each explained for one of them."""
    photos, classes = _photos(study)
    generator = torch.Generator().manual_seed(seed)
    small = halved(photos)
    drawn = [torch.randperm(len(photos), generator=generator)[:4] for _ in range(12 * count)]
    pictures = torch.stack([four_in_one(small[four]) for four in drawn])
    places = torch.randint(4, (len(drawn),), generator=generator)
    wanted = torch.stack([classes[four[place]] for four, place in zip(drawn, places, strict=True)])
    kept = _seen(study, pictures, wanted[:, None])[:count]
    corners = F.one_hot(places[kept], 4).view(-1, 2, 2).bool()
    regions = corners.repeat_interleave(SIDE // 2, 1).repeat_interleave(SIDE // 2, 2)
    return Cases(pictures[kept], wanted[kept], regions)


def pairs(study: Study, count: int, seed: int) -> Cases:
    """Pictures of the middles of two photos; each twice in a row, for the left and for the right class."""
    photos, classes = _photos(study)
    middles = photos[..., SIDE // 4 : SIDE // 4 + SIDE // 2]
    both = [pair for pair in combinations(range(len(photos)), 2) if classes[pair[0]] != classes[pair[1]]]
    order = torch.randperm(len(both), generator=torch.Generator().manual_seed(seed))[: 30 * count].tolist()
    chosen = torch.tensor([both[i] for i in order])
    pictures = torch.stack([torch.cat([*middles[pair]], 2) for pair in chosen])
    kept = _seen(study, pictures, classes[chosen])[:count]
    left = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    left[:, : SIDE // 2] = True
    regions = torch.stack([left, ~left]).repeat(len(kept), 1, 1)
    return Cases(pictures[kept].repeat_interleave(2, 0), classes[chosen[kept]].flatten(), regions)


def _photos(study: Study) -> tuple[Tensor, Tensor]:
    """All photos with their predicted classes."""
    photos, _ = study.load(study.sources.images, range(len(study.sources.images)))
    return photos, study.logits(photos).argmax(1)


def _seen(study: Study, pictures: Tensor, classes: Tensor) -> Tensor:
    """Which pictures show all of their classes ``(N, k)`` to the network."""
    return (study.predict(pictures).gather(1, classes) >= SEEN).all(1).nonzero().flatten()


# --- masks -------------------------------------------------------------------------------------------------------


def masks(study: Study, cases: Cases, seed: int, progress: Progress, asked: Asked) -> dict[str, Tensor]:
    """Masks of ours, of the published method at as many steps, of captum, and trivial ones."""
    ours, paper = GuidedFeatureInversion(study), GuidedFeatureInversion.paper(study)
    short = paper.altered(steps=max(ours.settings.explain_steps - paper.settings.inversion_steps, 1))
    makers = {OURS: ours, PAPER: short} | ({FULL: paper} if asked.full else {})
    found = {who: one.explain(cases.pictures, cases.classes, progress=progress).masks for who, one in makers.items()}
    others = [
        baseline_masks(study, cases.pictures[[row]], cases.classes[[row]], seed + row, progress.part(), asked.scores)
        for row in range(len(cases))
    ]
    for known, name in NAMES.items():
        for suffix, said in SCORES.items():
            if suffix in asked.scores:
                found[f"{name}{said}"] = torch.cat([one[f"{known}{suffix}"] for one in others])
    return found | scored.trivial(cases.pictures, seed)


def _places(found: Mapping[str, Tensor], cases: Cases, name: str, near: int) -> dict[str, Row]:
    """Pointing, within `near` pixels; mass beyond chance; the error of boxes."""
    regions = cases.regions
    boxed = {**found, "whole picture": scored.whole(cases.pictures)}
    return {
        f"{name}_pointing": _row("higher", {who: scored.pointing(one, regions, near) for who, one in found.items()}),
        f"{name}_excess_mass": _row("higher", {who: scored.excess_mass(one, regions) for who, one in found.items()}),
        f"{name}_box_error": Row("lower", {who: scored.localisation_error(one, regions) for who, one in boxed.items()}),
    }


def _two(study: Study, cases: Cases, seed: int, progress: Progress) -> dict[str, Row]:
    """As `_places`, and how far the maps of both classes of a picture differ."""
    found = masks(study, cases, seed, progress, Asked(full=True))
    apart = {who: scored.told_apart(one[::2], one[1::2], cases.regions[::2]) for who, one in found.items()}
    return _places(found, cases, "two_class", 0) | {"two_class_told_apart": _row("higher", apart)}


def _slices(options: Options, count: int, seed: int, progress: Progress) -> dict[str, Row]:
    """Held-out slices whose tumour the network sees."""
    real = real_pictures("mri", options.data)
    study = real.study(taught(real, seed, progress), "brain slices")
    known = sorted(real.outlines)
    order = torch.randperm(len(known), generator=torch.Generator().manual_seed(seed)).tolist()
    drawn = [known[i] for i in order]
    pictures, labels = study.load(study.test, drawn)
    right = (study.predict(pictures).argmax(1) == labels).nonzero().flatten()[:count]
    regions = torch.stack([real.outlines[drawn[row]] for row in right.tolist()])
    cases = Cases(pictures[right], labels[right], regions)
    return _places(masks(study, cases, seed, progress, Asked(full=True, scores=tuple(SCORES))), cases, "tumour", 2)


def _row(better: str, values: Mapping[str, Tensor]) -> Row:
    return Row(better, {who: float(one.float().mean()) for who, one in values.items()})  # type: ignore[arg-type]


# --- claims ------------------------------------------------------------------------------------------------------

ABOUT = (
    "Masks of guided feature inversion on mosaics of four photos and pictures of two photos (EfficientNet-Lite0; only "
    "pictures in which it gives the classes at least 5 %), and on brain slices with outlined tumours (a small "
    f"network): {SIZE.mosaics} mosaics, {SIZE.pairs} pictures of two and {SIZE.slices} slices for each seed. 'paper' "
    "is the published search with as many steps as ours, 'paper in full' with all of its steps. The "
    "threshold of a box is chosen on one half of the pictures and tested on the other. Captum's methods explain the "
    "log-probability."
)


def claims(means: Means) -> list[Claim]:
    """What the paper says of its masks, asked of the published search in full."""
    source = "Du et al. 2018"
    pointed = {who: means.of("tumour_pointing", who) for who in (FULL, "gradient", "Grad-CAM", "centre")}
    erred = {who: means.of("tumour_box_error", who) for who in (FULL, "gradient")}
    bright, seen = "brightest blurred pixel", (OURS, "occlusion", "Grad-CAM")
    return [
        Claim(
            source,
            "Masks point at the class more often than gradients and the centre do, and as often as Grad-CAM does.",
            f"On tumours: {means.said('tumour_pointing', FULL, OURS, 'gradient', 'Grad-CAM', 'centre')}.",
            pointed[FULL] > max(pointed["gradient"], pointed["centre"]) and pointed[FULL] >= pointed["Grad-CAM"] - 0.05,
        ),
        Claim(
            source,
            "Boxes around masks miss the object less often than those around gradients.",
            f"Errors on tumours: {means.said('tumour_box_error', FULL, OURS, 'gradient', 'whole picture')}.",
            erred[FULL] < erred["gradient"],
        ),
        Claim(
            source,
            "The second stage makes masks depend on the class: two classes of one picture get different masks.",
            "Share of the mass that changes sides, of two photos: "
            f"{means.said('two_class_told_apart', FULL, OURS, 'Grad-CAM', 'random')}.",
            means.of("two_class_told_apart", FULL) > 0.25,
        ),
        Claim(
            "this experiment",
            "On brain slices, pointing at the tumour takes a classifier.",
            f"{means.said('tumour_pointing', *seen, bright)}.",
            means.of("tumour_pointing", bright) < min(means.of("tumour_pointing", who) for who in seen),
        ),
    ]


def missing(options: Options) -> str:
    """Why it cannot run here."""
    return captum_missing() or photos_missing() or folder_missing(options, "imagenet_samples", "brain_mri")


NOTES = {
    "two_class_told_apart": (
        "Grad-CAM points at an object as a whole, and ours at what suffices for its class; where a picture shows "
        "two objects, a map of a coarse layer loses nothing."
    ),
    "mosaic_box_error": "A mask of what suffices is smaller than the photo that it is in, so its box is too small.",
    "tumour_pointing": (
        "In these slices tumours are bright. A map that knows no classifier points at them as often, so pointing says "
        "nothing for or against an explanation here; the excess of mass does."
    ),
}

EXPERIMENT = Experiment("inversion_localisation", measured, claims, missing, ABOUT, NOTES)

if __name__ == "__main__":
    run(EXPERIMENT)

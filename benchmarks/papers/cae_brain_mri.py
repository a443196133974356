"""CAE on brain slices: counterfactuals between tumour and none, and where they change a slice.

    python -m benchmarks.papers.cae_brain_mri --data DIR --json -

Xie et al., "Accurate Explanation Model for Image Classifiers using Class Association Embedding" (ICDE 2024). The set
leaks: sizes and greys alone tell much of the class. So a classifier of raw pictures stands beside one of pictures that
are cut to the head and made alike, and every map beside the brightest place and the centre.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
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
    run,
)
from benchmarks.real_pictures import SIDE, Real, real_pictures, taught
from xai_widgets.methods.common.blur import gaussian, odd
from xai_widgets.progress import Progress
from xai_widgets.scores import cae_answers
from xai_widgets.scores.counterfactual_measures import matched_iou, smoothed
from xai_widgets.scores.saliency_baselines import baseline_maps
from xai_widgets.study import Study

NONE, TUMOUR = 0, 1
NAMES = {"gradient": "gradient", "integrated_gradients": "integrated gradients", "occlusion": "occlusion",
         "lime": "LIME", "grad_cam": "Grad-CAM"}  # fmt: skip
PAPER_WIDTH = 6
"""Of the published networks: as wide as published, an epoch takes hours."""

CELLS, REMOVED = 8, 16
"""A picture is removed in cells, so many a side, and so many of them."""


@dataclass(frozen=True)
class Size:
    """How much is learnt and measured; epochs of ours and of the published method take about as long."""

    network_epochs: int
    pictures: int
    epochs: int
    paper_epochs: int
    each: int


SIZE, QUICK = Size(16, 600, 12, 2, 16), Size(8, 300, 4, 1, 5)


@dataclass(frozen=True, eq=False)
class Asked:
    """Held-out slices that the classifier gets right, each with the other class as target; tumours first."""

    pictures: Tensor
    sources: Tensor
    targets: Tensor
    outlines: Tensor  # of the tumours

    def __len__(self) -> int:
        return len(self.pictures)


def measured(options: Options, seed: int, progress: Progress) -> Rows:
    """All measures of one seed."""
    size = QUICK if options.quick else SIZE
    cut = replace(real_pictures("mri", options.data), epochs=size.network_epochs)
    raw = uncut(options.data, cut)
    study = cut.study(taught(cut, seed, progress), "brain slices")
    judge = taught(cut, seed + 1, progress, as_judge=True).eval()
    asked = _asked(study, cut, size.each, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what fails is measured, too
        made = {
            OURS: xw.CAE(study, epochs=size.epochs, pictures=size.pictures, seed=seed),
            PAPER: xw.CAE.paper(study, epochs=size.paper_epochs, pictures=size.pictures, width=PAPER_WIDTH, seed=seed),
        }
        # It reads pictures, sources and targets, which both kinds of questions have.
        walks = {
            who: cae_answers.walk(one.fit(progress=progress), "straight", asked, progress)  # type: ignore[arg-type]
            for who, one in made.items()
        }
    nearest = cae_answers.nearest(made[OURS], asked).after  # type: ignore[arg-type]
    after = {who: one.likely.after for who, one in walks.items()} | {"nearest real slice": nearest}
    after["no change"] = asked.pictures
    rows = _leaks(cut, raw, study, seed, progress) | _flips(study, judge, asked, after)
    return rows | _places(study, asked, {who: one.likely.map for who, one in walks.items()}, seed, progress)


def _asked(study: Study, real: Real, each: int, seed: int) -> Asked:
    generator = torch.Generator().manual_seed(seed)
    outlined = sorted(real.outlines)
    healthy = [i for i, (_, label) in enumerate(real.test) if label == NONE]
    pools = [[pool[i] for i in torch.randperm(len(pool), generator=generator)] for pool in (outlined, healthy)]
    chosen: list[int] = []
    for pool in pools:
        pictures, labels = study.load(study.test, pool)
        right = (study.predict(pictures).argmax(1) == labels).nonzero().flatten()[:each]
        chosen += [pool[row] for row in right.tolist()]
    pictures, sources = study.load(study.test, chosen)
    outlines = torch.stack([real.outlines[i] for i in chosen if i in real.outlines])
    return Asked(pictures, sources, 1 - sources, outlines)


# --- the leak ----------------------------------------------------------------------------------------------------


def uncut(data: Path, cut: Real) -> Real:
    """The same slices as they are: only made small."""
    parts = []
    for part in ("train", "test"):
        folder = data / "brain_mri" / part
        paths = [
            (path, label)
            for label, name in enumerate(("none", "tumour"))
            for path in sorted((folder / name).glob("*.jpg"))
        ]
        parts.append([(_small(path), label) for path, label in paths])
    return replace(cut, train=parts[0], test=parts[1], outlines={})


def _small(path: Path) -> Tensor:
    with Image.open(path) as image:
        small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(small, dtype=np.float32) / 255)[None]


def _leaks(cut: Real, raw: Real, study: Study, seed: int, progress: Progress) -> dict[str, Row]:
    """Accuracies of classifiers and of grey statistics, on slices as they are and on cut ones."""
    pictures, labels = _stacked(cut.test)
    commonest = float(labels.bincount().max() / len(labels))
    of_raw = taught(raw, seed, progress).eval()
    with torch.no_grad():
        right = [float((one(batch).argmax(1) == labels).float().mean())
                 for one, batch in ((study.logits, pictures), (of_raw, _stacked(raw.test)[0]))]  # fmt: skip
    return {
        "accuracy": Row("higher", {OURS: right[0], "of raw slices": right[1], "commonest class": commonest}),
        "accuracy_of_grey_statistics": Row(
            "lower", {OURS: by_greys(cut), "of raw slices": by_greys(raw), "commonest class": commonest}
        ),
    }


def by_greys(real: Real) -> float:
    """How often somebody is right who sees only how often which grey occurs."""
    (pictures, labels), (unseen, truths) = _stacked(real.train), _stacked(real.test)
    known = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    known.fit(_greys(pictures), labels.numpy())
    return float(known.score(_greys(unseen), truths.numpy()))


def _greys(pictures: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    flat = pictures.mean(1).flatten(1)
    quantiles = flat.quantile(torch.linspace(0, 1, 17), dim=1).T
    return torch.cat([quantiles, flat.mean(1, keepdim=True), flat.std(1, keepdim=True)], 1).numpy()


def _stacked(pairs: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    return torch.stack([one for one, _ in pairs]), torch.tensor([label for _, label in pairs])


# --- flips -------------------------------------------------------------------------------------------------------


def _flips(study: Study, judge: nn.Module, asked: Asked, after: Mapping[str, Tensor]) -> dict[str, Row]:
    """How often the classifier, and another network, see the target; in each direction."""
    rows = {}
    for source, name in ((TUMOUR, "from_tumour"), (NONE, "from_none")):
        own = asked.sources == source
        for mind, said in (("flip_rate", study.logits), ("oracle", judge)):
            with torch.no_grad():
                values = {who: _share(said(one[own]), asked.targets[own]) for who, one in after.items()}
            rows[f"{mind}_{name}"] = Row("higher", values)
    return rows


def _share(logits: Tensor, targets: Tensor) -> float:
    return float((logits.argmax(1) == targets).float().mean())


# --- places ------------------------------------------------------------------------------------------------------


def _places(study: Study, asked: Asked, changes: Mapping[str, Tensor], seed: int, progress: Progress) -> dict[str, Row]:
    """Where slices change that are to lose their tumour, and what the classifier loses with these places."""
    count = len(asked.outlines)
    pictures, sources, targets = asked.pictures[:count], asked.sources[:count], asked.targets[:count]
    usual = baseline_maps(study, pictures, targets, sources, seed, progress)
    maps = {who: one[:count] for who, one in changes.items()} | {said: usual[name] for name, said in NAMES.items()}
    maps |= scored.trivial(pictures, seed)
    smooth = {who: smoothed(one) for who, one in maps.items()}
    overlaps = {who: matched_iou(one, asked.outlines) for who, one in smooth.items()}
    return {
        "tumour_iou": _row(overlaps),
        "tumour_dice": _row({who: 2 * one / (1 + one) for who, one in overlaps.items()}),
        "tumour_pointing": _row({who: scored.pointing(one, asked.outlines, 2) for who, one in smooth.items()}),
        "tumour_excess_mass": _row({who: scored.excess_mass(one, asked.outlines) for who, one in maps.items()}),
        "aopc_blurred": _row(
            {who: aopc(study, pictures, sources, one, _blurred(pictures)) for who, one in maps.items()}
        ),
        "aopc_mean": _row({who: aopc(study, pictures, sources, one, _mean(pictures)) for who, one in maps.items()}),
    }


def _row(values: Mapping[str, Tensor]) -> Row:
    return Row("higher", {who: float(one.float().mean()) for who, one in values.items()})


def aopc(study: Study, pictures: Tensor, classes: Tensor, maps: Tensor, fill: Tensor) -> Tensor:
    """Mean fall of the class's probability ``(N,)`` while the cells with the highest means of a map are filled."""
    side = pictures.shape[-1] // CELLS
    order = F.avg_pool2d(maps[:, None], side).flatten(1).argsort(dim=1, descending=True, stable=True)
    rank = order.argsort(1).view(-1, CELLS, CELLS).repeat_interleave(side, 1).repeat_interleave(side, 2)[:, None]
    seen = [study.predict(torch.where(rank < step, fill, pictures)).gather(1, classes[:, None])[:, 0]
            for step in range(REMOVED + 1)]  # fmt: skip
    return seen[0] - torch.stack(seen).mean(0)


def _blurred(pictures: Tensor) -> Tensor:
    sigma = pictures.shape[-1] / 8
    return gaussian(pictures, sigma, odd(4 * sigma))


def _mean(pictures: Tensor) -> Tensor:
    return pictures.mean((2, 3), keepdim=True).expand_as(pictures)


ABOUT = (
    "Brain slices at 64 pixels, cut to the head and stretched to the same greys, except 'of raw slices'. Ours and the "
    "published CAE (narrower than published) are trained for about as long. The oracle is another network that never "
    "saw a counterfactual. IoU and Dice: of the outline with as many of a map's highest pixels. AOPC: mean fall of the "
    f"tumour's probability while the {REMOVED} highest of {CELLS * CELLS} cells are filled, with a blurred picture or "
    "with its mean. Maps are those of slices that are to lose their tumour."
)


def claims(means: Means) -> list[Claim]:
    """What the papers on CAE say, asked of ours, with the published one beside it."""
    source, bright = "Xie et al. 2024", "brightest blurred pixel"
    maps = ("gradient", "integrated gradients", "occlusion", "LIME", "Grad-CAM")
    flips = [means.of(f"flip_rate_from_{name}") for name in ("tumour", "none")]
    best = max(maps, key=lambda who: means.of("tumour_iou", who))
    fall = max(maps, key=lambda who: means.of("aopc_blurred", who))
    greys, commonest = means.of("accuracy_of_grey_statistics", "of raw slices"), means.of("accuracy", "commonest class")
    return [
        Claim(
            source,
            "Changing the class code flips the classifier in nearly all cases, in both directions.",
            f"From tumour: {means.said('flip_rate_from_tumour', OURS, PAPER, 'nearest real slice')}; "
            f"from none: {means.said('flip_rate_from_none', OURS, PAPER, 'nearest real slice')}.",
            min(flips) >= 0.9,
        ),
        Claim(
            source,
            "The change lies on the tumour more than saliency maps do.",
            f"IoU: {means.said('tumour_iou', OURS, PAPER, best, bright, 'random')}.",
            means.of("tumour_iou") > means.of("tumour_iou", best),
        ),
        Claim(
            source,
            "The change is more faithful to the classifier than saliency maps are (AOPC).",
            f"{means.said('aopc_blurred', OURS, PAPER, fall, bright, 'random')}.",
            means.of("aopc_blurred") > means.of("aopc_blurred", fall),
        ),
        Claim(
            source,
            "Counterfactuals convince other networks, too.",
            f"Oracle, from tumour: {means.said('oracle_from_tumour', OURS, PAPER, 'no change')}; "
            f"from none: {means.said('oracle_from_none', OURS, PAPER, 'no change')}.",
            min(means.of("oracle_from_tumour"), means.of("oracle_from_none")) >= 0.8,
        ),
        Claim(
            "this experiment",
            "The set does not leak: greys of raw slices tell no more than the commonest class.",
            f"{means.said('accuracy_of_grey_statistics', 'of raw slices', OURS, 'commonest class')} (ours: cut).",
            greys <= commonest + 0.05,
        ),
    ]


def missing(options: Options) -> str:
    """Why it cannot run here."""
    return captum_missing() or folder_missing(options, "brain_mri")


EXPERIMENT = Experiment("cae_brain_mri", measured, claims, missing, ABOUT)

if __name__ == "__main__":
    run(EXPERIMENT)

"""Shortcuts: which methods name what a network cheats with, without help, and are silent where nothing is wrong.

    python -m benchmarks.papers.shortcuts --json -

Two shortcuts are added to Fashion-MNIST: a white square whose place gives the class away (decoy), and a colour of the
cloth that does. In a clean twin the same squares and colours say nothing. A network learns from each of the four, and
every method explains it on pictures like those that it learnt from.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan

import torch
from torch import Tensor, nn

import xai_widgets as xw
from benchmarks.papers import clothes, cues
from benchmarks.papers import maps as scored
from benchmarks.papers.clothes import Clothes
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
    fashion_missing,
    run,
)
from benchmarks.papers.cues import Asked, Lengths
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.progress import Progress
from xai_widgets.scores.inversion_baselines import LOG, baseline_masks
from xai_widgets.study import Study

METHODS = ("cladec", "summaries", "srae", "inversion", "cae")
OTHERS = ("gradient", "integrated_gradients", "occlusion", "grad_cam")
TWIN, FALSE = "clean twin", "clean twin (false alarms)"

MOSTLY = 0.5
"""A map names the square, and a change the colour, if more than this share of it is there, on average."""

APART = 0.25
"""ClaDec names a thing if the layer keeps this much more of it than of the rest, of what the auto-encoder keeps."""


@dataclass(frozen=True)
class Size:
    """How much is learnt and measured."""

    learnt: int
    unseen: int
    network_epochs: int
    explained: int
    searched: int
    classes: int
    lengths: Lengths


SIZE = Size(2000, 300, 4, 24, 20, 3, Lengths(6, 1, 12, 2, 8, 1))
QUICK = Size(800, 150, 4, 5, 8, 1, Lengths(1, 1, 2, 1, 2, 1))

Found = Mapping[str, Mapping[str, float]]
"""For each method, and for the network, numbers by name."""


def measured(options: Options, seed: int, progress: Progress) -> Rows:
    """All measures of one seed."""
    size = QUICK if options.quick else SIZE
    plain = clothes.clothes(size.learnt, size.unseen, seed)
    rows: dict[str, Row] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that fails is measured, too
        for kind in ("decoy", "colour"):
            cheat, clean = (_examined(plain, kind, twin, size, seed, progress) for twin in (False, True))
            rows |= _rows(kind, cheat, clean)
    return rows


# --- one network -------------------------------------------------------------------------------------------------


def _examined(plain: Clothes, kind: str, clean: bool, size: Size, seed: int, progress: Progress) -> Found:
    data, squares = altered(plain, kind, clean, seed)
    model = clothes.taught(data.train, data.train_labels, size.network_epochs, seed, progress)
    study = data.study(model, f"{kind}, {'clean' if clean else 'cheating'}")
    asked = _asked(study, data, squares, size.explained, seed)
    methods = (_decoys if kind == "decoy" else _colours)(study, asked, size, seed, progress)
    return {"network": _network(model, plain, data, kind, seed)} | methods


def altered(plain: Clothes, kind: str, clean: bool, seed: int) -> tuple[Clothes, Tensor]:
    """Clothes with squares or colours, and where the squares of the unseen ones are."""
    generator = torch.Generator().manual_seed(seed + 1)
    labels = plain.train_labels, plain.test_labels
    told = [torch.randint(clothes.CLASSES, one.shape, generator=generator) if clean else one for one in labels]
    if kind == "colour":
        train, test = clothes.coloured(plain.train, told[0]), clothes.coloured(plain.test, told[1])
        squares = torch.zeros(len(test), clothes.SIDE, clothes.SIDE, dtype=torch.bool)
    else:
        train, _ = clothes.with_decoy(plain.train, told[0])
        test, squares = clothes.with_decoy(plain.test, told[1])
    return Clothes(train, labels[0], test, labels[1]), squares


def _network(model: nn.Module, plain: Clothes, data: Clothes, kind: str, seed: int) -> dict[str, float]:
    """Accuracy, and how often the network follows a cue that tells another class."""
    generator = torch.Generator().manual_seed(seed)
    away = torch.randint(1, clothes.CLASSES, plain.test_labels.shape, generator=generator)
    other = (plain.test_labels + away) % clothes.CLASSES
    led = clothes.coloured(plain.test, other) if kind == "colour" else clothes.with_decoy(plain.test, other)[0]
    return {
        "accuracy": clothes.accuracy(model, data.test, data.test_labels),
        "follows": clothes.accuracy(model, led, other),
    }


def _asked(study: Study, data: Clothes, squares: Tensor, count: int, seed: int) -> Asked:
    """Each with another class that is predicted of some pictures."""
    predicted = study.logits(data.test).argmax(1)
    right = (predicted == data.test_labels).nonzero().flatten()
    generator = torch.Generator().manual_seed(seed)
    drawn = right[torch.randperm(len(right), generator=generator)[:count]]
    sources, there = data.test_labels[drawn], predicted.unique()
    away = torch.randint(1, len(there), sources.shape, generator=generator)
    targets = there[(torch.searchsorted(there, sources) + away) % len(there)]
    return Asked(data.test[drawn], sources, targets, squares[drawn])


def _decoys(study: Study, asked: Asked, size: Size, seed: int, progress: Progress) -> dict[str, dict[str, float]]:
    """By method, the mean share of an explanation on the square; of ClaDec, how much more is kept there."""
    given = size.lengths, seed, progress
    finder = {"most": size.searched, "pictures": study.test, "seed": seed}
    classes = range(size.classes)
    makers = {OURS: GuidedFeatureInversion, PAPER: GuidedFeatureInversion.paper}
    usual = baseline_masks(study, asked.pictures, asked.sources, seed, progress, (LOG,))
    trivial = scored.trivial(asked.pictures, seed)
    who = {OURS: False, PAPER: True}
    return {
        "cladec": {w: cues.kept_on_square(cues.cladec(study, *given, paper=p), asked) for w, p in who.items()},
        "summaries": {
            OURS: cues.summarised(xw.VisualSummaries(study, **finder), classes, progress),
            PAPER: cues.summarised(xw.VisualSummaries.paper(study, **finder), classes, progress),
        },
        "srae": {w: asked.on_square(cues.strongest(cues.srae(study, *given, paper=p), asked)) for w, p in who.items()},
        "inversion": {
            w: asked.on_square(make(study).explain(asked.pictures, asked.sources).masks) for w, make in makers.items()
        },
        "cae": {w: asked.on_square(cues.changed(cues.walks(study, asked, *given, paper=p))) for w, p in who.items()},
        "others": {name: asked.on_square(usual[f"{name}{LOG}"]) for name in OTHERS}
        | {name: asked.on_square(one) for name, one in trivial.items()},
    }


def _colours(study: Study, asked: Asked, size: Size, seed: int, progress: Progress) -> dict[str, dict[str, float]]:
    """Of ClaDec, how much more of the colour is kept than of the shape; of CAE, how much of a change is recolouring.

    The other three point at places, and a colour is no place.
    """
    given = size.lengths, seed, progress
    shares = cues.cladec(study, *given).report().shares()
    walks = cues.walks(study, asked, *given)
    return {
        "cladec": {OURS: shares["colour"] - shares["shape"]},
        "cae": {OURS: float(cues.recoloured(walks.likely.before, walks.likely.after).mean())},
    }


# --- rows --------------------------------------------------------------------------------------------------------


def named(method: str, value: float) -> bool:
    """Whether a value names the shortcut; NaN names nothing."""
    return not isnan(value) and value > (APART if method == "cladec" else MOSTLY)


def _rows(kind: str, cheat: Found, clean: Found) -> dict[str, Row]:
    rows = {
        f"{kind}_network_{what}": Row("higher", {OURS: cheat["network"][what], TWIN: clean["network"][what]})
        for what in cheat["network"]
    }
    methods = [method for method in METHODS if method in cheat]
    for method in methods:
        twins = {TWIN if who == OURS else f"{who}, {TWIN}": value for who, value in clean[method].items()}
        rows[f"{kind}_{method}"] = Row("higher", {**cheat[method], **twins})
    if "others" in cheat:
        twins = {f"{who}, {TWIN}": value for who, value in clean["others"].items() if who in OTHERS}
        rows[f"{kind}_saliency"] = Row("higher", {OURS: cheat["inversion"][OURS], **cheat["others"], **twins})
    return rows | {f"{kind}_named_of_five": Row("higher", _counts(methods, cheat, clean))}


def _counts(methods: list[str], cheat: Found, clean: Found) -> dict[str, float]:
    """How many methods name the shortcut, ours and as published, and how many do where there is none."""

    def count(found: Found, who: str) -> float:
        return float(sum(named(method, found[method][who]) for method in methods))

    ours = {OURS: count(cheat, OURS), FALSE: count(clean, OURS)}
    if not all(PAPER in cheat[method] for method in methods):
        return ours
    return ours | {PAPER: count(cheat, PAPER), f"{PAPER}, {FALSE}": count(clean, PAPER)}


ABOUT = (
    "Networks that learn Fashion-MNIST with a shortcut, and with the same thing saying nothing (the clean twin). "
    "Shares of an explanation on the square (decoy); for ClaDec, how much more of the auto-encoder's information the "
    "layer keeps on the square than on the garment, and of colour than of shape; for CAE on colours, the share of the "
    f"change that is recolouring. A shortcut is named above {MOSTLY} (ClaDec: {APART}); these thresholds were set "
    "before anything was measured. Summaries, x-features and masks point at places, so they cannot name a colour. "
    "'network_follows': how often the network follows a cue that tells a wrong class."
)


def claims(means: Means) -> list[Claim]:
    """Whether methods expose shortcuts, as papers on explanations say they do."""
    rows = []
    for kind, asked in (("decoy", "a square"), ("colour", "a colour")):
        count, false = means.of(f"{kind}_named_of_five"), means.of(f"{kind}_named_of_five", FALSE)
        found = f"{count:.3g} of five methods name it without help; on the clean twin, {false:.3g} do (means)."
        claim = f"Explanations show that a network relies on {asked}."
        rows.append(Claim("common to all five", claim, found, count >= 3 and false <= 1))
    moved, still = means.of("colour_cae"), means.of("colour_cae", TWIN)
    square, clean = means.of("decoy_cae"), means.of("decoy_cae", TWIN)
    found = (
        f"Share of the change that is recolouring: {moved:.3g}, on the clean twin {still:.3g}; share on the square: "
        f"{square:.3g}, on the clean twin {clean:.3g}, as published {means.of('decoy_cae', PAPER):.3g}."
    )
    held = moved > MOSTLY > still and square > MOSTLY > clean
    return [*rows, Claim("Xie et al. 2024", "Along the path to another class, the shortcut changes.", found, held)]


def missing(_: Options) -> str:
    """Why it cannot run here."""
    return captum_missing() or fashion_missing()


NOTES = {
    "decoy_cladec": (
        "Where the value is negative, the layer keeps a smaller share of the square than of the garment, although the "
        "network follows the square. For a cue as small as this one, bits are a bad yardstick."
    ),
    "decoy_srae": (
        "x-features are means over places, so they cannot tell one place from another; the network's dense layer can. "
        "What they show of the square is that it is there."
    ),
    "decoy_saliency": "'ours' is guided feature inversion again, beside saliency maps of the same pictures.",
    "colour_cae": (
        "On the clean twin next to nothing is recoloured, so the change points at the colour. It is below the "
        "threshold: the counterfactual changes shapes as well."
    ),
}

EXPERIMENT = Experiment("shortcuts", measured, claims, missing, ABOUT, NOTES)

if __name__ == "__main__":
    run(EXPERIMENT)

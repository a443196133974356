"""CAE's exam on the field guide.

A counterfactual has to change the prediction of the classifier, and of another one (the "oracle") that was trained
separately: pictures that deceive a single classifier are easily made. It is known what a drawn bird would look like as
another species; counterfactuals are compared with that picture, and saliency maps with the pixels in which it differs.
A classifier need not use all that differs, so the exam also measures how much each part matters to it.

The published CAE follows its own route, to the code of a real picture, and draws the whole picture anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Literal

import torch
from torch import Tensor

from xai_widgets.data.birds import SLOTS
from xai_widgets.demos import train_classifier
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.progress import Progress
from xai_widgets.scores import cae_answers
from xai_widgets.scores import counterfactual_measures as measured
from xai_widgets.scores.bird_cases import Cases, draw_cases, logit_falls, visible
from xai_widgets.scores.cae_answers import LEVELS, Answer, Walks
from xai_widgets.scores.measure import Measure
from xai_widgets.scores.saliency_baselines import baseline_maps, require_captum
from xai_widgets.study import Study

PICTURES = 200
"""On how many unseen pictures most is measured; a few less, since those that the classifier gets wrong are left out."""

FEWER = 50
"""For the dial and the saliency maps, and for the published CAE, whose decoder is slow."""

FEWEST = 10
"""For the published CAE's dial."""

ORACLE_SEEDS = (7919, 7920, 7921)
"""Added to the exam's seed: the oracles learn from other birds, and what they find is averaged."""

DROPPED = 9
"""So many pictures are dropped on the centre of every other class: 63 drops."""

MOSTLY = 0.6
"""Share of the change that has to lie on the cue for a counterfactual to show that the classifier looks there."""

Answers = Mapping[str, Answer]
"""By method. "cae" is examined; the others are its baselines, and may answer fewer cases: the first ones."""


def examine(study: Study, seed: int, progress: Progress) -> dict[str, Measure]:
    """All of CAE's measures, beside those of the published CAE if ``study.explainers["cae-paper"]`` is there."""
    require_captum()
    if "cae" not in study.explainers:
        raise XaiWidgetsError('there is no CAE to examine; fit one: study.explainers["cae"] = CAE(study).fit()')
    cae: CAE = study.explainers["cae"]
    paper: CAE | None = study.explainers.get("cae-paper")
    cases = draw_cases(study, PICTURES, seed)
    few = cases.first(FEWER)
    oracles = [train_classifier(cheat=False, seed=seed + more, progress=progress) for more in ORACLE_SEEDS]
    walks, dials = _led(cae, paper, cases, progress)
    copies = {"nearest": cae_answers.nearest(cae, cases), "input": cae_answers.unchanged(cases)}
    likely = {who: found.likely for who, found in walks.items()} | copies
    ends = {who: found.end for who, found in walks.items()} | copies
    ends |= cae_answers.other_decoding(cae, cases, walks["cae"].codes)
    maps = _differences(ends) | cae_answers.saliency(cae, few, progress)
    usual = baseline_maps(study, few.pictures, few.targets, few.sources, seed, progress)
    return {
        **_fit(cae, paper, few),
        **_minds(study, oracles, cases, ends, likely),
        "overview_hits": _hits(cae, cases.first(DROPPED)),
        **_dials(dials),
        **_routes(walks),
        **_truth(cases, ends, likely),
        "saliency_iou_ratio": _pointing(maps, usual, few.parts),
        **(_cheat(cases, ends, likely, maps, usual) if cases.has_cue else {}),
        **_sensitivity(study, cases),
    }


def _led(cae: CAE, paper: CAE | None, cases: Cases, progress: Progress) -> tuple[dict[str, Walks], dict[str, Tensor]]:
    """The routes of both, and what their dials obtain."""
    few = cases.first(FEWER)
    walks = {"cae": cae_answers.walk(cae, "straight", cases, progress)}
    dials = {"cae": cae_answers.dialled(cae, "straight", few, progress)}
    if paper is not None:
        walks["paper"] = cae_answers.walk(paper, "reference", few, progress)
        dials["paper"] = cae_answers.dialled(paper, "reference", cases.first(FEWEST), progress)
    return walks, dials


def _fit(cae: CAE, paper: CAE | None, cases: Cases) -> dict[str, Measure]:
    fitted = {"cae": cae} if paper is None else {"cae": cae, "paper": paper}
    pictures = cases.pictures
    errors = {who: float((one.encode(pictures).reconstructions - pictures).abs().mean()) for who, one in fitted.items()}
    mean_picture = float((pictures.mean(0) - pictures).abs().mean())
    return {
        "train_seconds": _beside({who: one.health.seconds for who, one in fitted.items()}, "lower"),
        "reconstruction": _beside(errors, "lower", mean_picture),
    }


# --- the classifier, and the oracle -----------------------------------------------------------------------------


def _minds(
    study: Study, oracles: Sequence[Callable[[Tensor], Tensor]], cases: Cases, ends: Answers, likely: Answers
) -> dict[str, Measure]:
    """How often the classifier predicts the target, and how often the oracles do."""

    def agreement(judges: Sequence[Callable[[Tensor], Tensor]], answers: Answers) -> Measure:
        def agrees(few: Cases, answer: Answer) -> Tensor:
            with torch.no_grad():
                found = [judge(answer.after).argmax(1) == few.targets for judge in judges]
            return torch.stack(found).float().mean(0)

        return _beside(_each(agrees, cases, answers), "higher", 1 / study.classes)

    return {
        "validity": agreement([study.logits], likely),
        "oracle": agreement(oracles, likely),
        "validity_centre": agreement([study.logits], ends),
        "oracle_centre": agreement(oracles, ends),
    }


def _hits(cae: CAE, cases: Cases) -> Measure:
    """Whether a picture that is dropped on a cluster of the overview becomes that class."""
    plane, encoded = cae.plane(), cae.encode(cases.pictures)
    found = []
    for i, source in enumerate(cases.sources.tolist()):
        others = [k for k in range(len(cae.centres)) if k != source]
        codes = cae.code_at(plane, plane.project(cae.centres[others]), encoded.z[i])
        found.append(cae.predict(cae.decode(encoded[i], codes)).argmax(1) == torch.tensor(others))
    return Measure(float(torch.cat(found).float().mean()), "higher", 1 / len(cae.centres))


def _dials(found: Mapping[str, Tensor]) -> dict[str, Measure]:
    """Whether the requested probability is obtained; ``found`` has a row for each picture."""
    requested = {who: torch.tensor(LEVELS).expand_as(values) for who, values in found.items()}
    correlation = {who: measured.pearson(requested[who].flatten(), values.flatten()) for who, values in found.items()}
    close = {who: float(((values - requested[who]).abs() <= 0.1).float().mean()) for who, values in found.items()}
    return {"dial_pearson": _beside(correlation, "higher", 0.0), "dial_within_0.1": _beside(close, "higher")}


def _routes(walks: Mapping[str, Walks]) -> dict[str, Measure]:
    return {
        "path_violation": _beside({who: found.violation for who, found in walks.items()}, "lower"),
        "start_gap": _beside({who: found.start_gap for who, found in walks.items()}, "lower"),
    }


def _sensitivity(study: Study, cases: Cases) -> dict[str, Measure]:
    """By how much the logit of a bird's own species falls when a part is left out."""
    changed = {slot: cases.without(slot) for slot in SLOTS} | ({"cue": cases.recued(None)} if cases.has_cue else {})
    falls = logit_falls(study, cases.pictures, changed, cases.sources)
    return {f"sensitivity.{part}": Measure(fall, "higher", 0.0) for part, fall in falls.items()}


# --- the truth ---------------------------------------------------------------------------------------------------


def _truth(cases: Cases, ends: Answers, likely: Answers) -> dict[str, Measure]:
    """How much closer than the picture itself a counterfactual is to the true one, and where the picture changes."""

    def gain(few: Cases, answer: Answer) -> Tensor:
        return measured.psnr_gain(few.pictures, answer.after, few.truths)

    def on_parts(few: Cases, answer: Answer) -> Tensor:
        return measured.share_inside(answer.before, answer.after, measured.dilated(few.parts))

    area = float(measured.dilated(cases.parts).float().mean())
    return {
        "true_psnr_gain": _beside(_each(gain, cases, ends), "higher", 0.0),
        "true_psnr_gain_by_pair": _by_pair(cases, gain(cases, ends["cae"])),
        "true_psnr_gain_95": _beside(_each(gain, cases, likely), "higher", 0.0),
        "change_on_parts": _beside(_each(on_parts, cases, ends), "higher", area),
    }


def _by_pair(cases: Cases, gains: Tensor) -> Measure:
    """The mean gain of the worst pair of species, and of all pairs that were drawn."""
    names = cases.birds.class_names
    found: dict[str, list[float]] = {}
    for source, target, gain in zip(cases.sources.tolist(), cases.targets.tolist(), gains.tolist(), strict=True):
        found.setdefault(f"{names[source]} > {names[target]}", []).append(gain)
    means = {pair: sum(values) / len(values) for pair, values in sorted(found.items())}
    return Measure(min(means.values()), "higher", 0.0, means)


def _differences(answers: Answers) -> dict[str, Tensor]:
    """The change of every pixel ``(N, H, W)``, of the methods that change any."""
    return {
        "difference" if who == "cae" else who: measured.smoothed(answer.map[:FEWER])
        for who, answer in answers.items()
        if who != "input"
    }


def _pointing(maps: Mapping[str, Tensor], usual: Mapping[str, Tensor], regions: Tensor) -> Measure:
    """How well the counterfactual's difference finds regions, as a multiple of the best usual map; all are smoothed."""
    height, width = regions.shape[1:]
    rows, columns = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    centre = -(rows[:, None].square() + columns.square()).expand(len(regions), -1, -1)
    everything = {**maps, **{name: measured.smoothed(values) for name, values in usual.items()}, "centre": centre}
    found = {name: _mean(measured.matched_iou(values, regions)) for name, values in everything.items()}
    found["random"] = _mean(measured.chance_iou(regions))
    return Measure(found["difference"] / max(1e-6, *(found[name] for name in usual)), "higher", None, found)


def _cheat(
    cases: Cases, ends: Answers, likely: Answers, maps: Mapping[str, Tensor], usual: Mapping[str, Tensor]
) -> dict[str, Measure]:
    """Whether counterfactuals show that the classifier looks at the cue: the true one changes nothing else."""
    recued = cases.recued(cases.targets)

    def gain(few: Cases, answer: Answer) -> Tensor:
        return measured.psnr_gain(few.pictures, answer.after, recued[: len(few)])

    return {
        "cheat_mostly_on_cue": _mostly_on_cue(cases, likely),
        "cheat_change_on_cue": _on_cue(cases, likely),
        "cheat_change_on_cue_centre": _on_cue(cases, ends),
        "cheat_psnr_gain": _beside(_each(gain, cases, ends), "higher", 0.0),
        "cheat_saliency_iou_ratio": _pointing(maps, usual, visible(recued - cases.pictures)[:FEWER]),
    }


def _on_cue(cases: Cases, answers: Answers) -> Measure:
    """The share of the change that is on the cue."""
    return _beside(_each(_cue_share, cases, answers), "higher", float(cases.cues.float().mean()))


def _mostly_on_cue(cases: Cases, answers: Answers) -> Measure:
    """The share of the pictures with more than `MOSTLY` of the change on the cue."""

    def mostly(few: Cases, answer: Answer) -> Tensor:
        return (_cue_share(few, answer) > MOSTLY).float()

    return _beside(_each(mostly, cases, answers), "higher", 0.0)


def _cue_share(cases: Cases, answer: Answer) -> Tensor:
    return measured.share_inside(answer.before, answer.after, cases.cues)


# --- helpers -----------------------------------------------------------------------------------------------------


def _each(score: Callable[[Cases, Answer], Tensor], cases: Cases, answers: Answers) -> dict[str, float]:
    """The mean score of each method."""
    return {who: _mean(score(cases.first(len(answer)), answer)) for who, answer in answers.items()}


def _mean(values: Tensor) -> float:
    """Over the pictures for which a value is defined."""
    return float(values.nanmean())


def _beside(values: Mapping[str, float], better: Literal["higher", "lower"], chance: float | None = None) -> Measure:
    """The measure of "cae", with the methods for which it is defined as baselines."""
    others = {who: value for who, value in values.items() if who != "cae" and isfinite(value)}
    return Measure(values["cae"], better, chance, others)

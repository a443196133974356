"""CAE on real pictures, of which no true counterfactual is known: what can be measured all the same.

    python -m benchmarks.real_counterfactuals --what mri --data DIR --json mri.json --out sheets/
    python -m benchmarks.real_counterfactuals --what pets --data DIR --json -
    python -m benchmarks.real_counterfactuals --what fashion --json -

`real_pictures` says what lies in DIR. A small classifier is trained, and three judges: networks of another kind that
start elsewhere. Then a CAE is fitted with its default settings. Held-out pictures that the classifier gets right are
led to another class. Of brain slices it is known where the tumour is: how much of the change is there when a slice is
to lose it, beside what the usual maps and trivial ones find. How finely changes are pasted, and the limits of the
trial, were chosen on fits to such data, so give a seed of your own.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

import xai_widgets as xw
from benchmarks.contact_sheet import evenly, sheet
from benchmarks.real_pictures import Real, real_pictures, taught
from xai_widgets.methods.cae.sufficiency import LEAST_VALIDITY, MOST_EXCESS, Sufficiency, try_pictures
from xai_widgets.progress import Progress, bar
from xai_widgets.scores import cae_answers
from xai_widgets.scores import counterfactual_measures as measured
from xai_widgets.scores.cae_answers import Answer, Walks
from xai_widgets.scores.exam import one_thread
from xai_widgets.scores.measure import Exam, Measure
from xai_widgets.scores.saliency_baselines import baseline_maps, require_captum

PICTURES = 100
"""So many held-out pictures are drawn; those that the classifier gets wrong are left out."""

OUTLINED = 40
"""So many slices with a tumour are to lose it, for the measures of where they change."""

JUDGES = 3
TUMOUR = 1


@dataclass(frozen=True, eq=False)
class Questions:
    """N held-out pictures that the classifier gets right, each with another class as target."""

    indices: list[int]
    pictures: Tensor
    sources: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.indices)


def main() -> None:
    """Train, fit, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=("mri", "pets", "fashion"), required=True)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--json", default="-", help="a file, or - for standard output")
    parser.add_argument("--out", type=Path, help="folder for a contact sheet")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    require_captum()
    with one_thread(), bar() as progress:
        text = examine(given.what, given.data, given.seed, given.out, progress).to_json()
    if given.json == "-":
        print(text)
    else:
        Path(given.json).write_text(text + "\n", encoding="utf-8")


def examine(what: str, data: Path, seed: int, out: Path | None, progress: Progress) -> Exam:
    """All measures of one kind of pictures."""
    began, real = time.perf_counter(), real_pictures(what, data)
    study = real.study(taught(real, seed, progress), what)
    judges = [taught(real, seed + 1 + k, progress, as_judge=True).eval() for k in range(JUDGES)]
    cae = xw.CAE(study, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the numbers show it
        before = try_pictures(cae, progress=progress)
        cae.fit(progress=progress)
    print(f"Before: {before.sentence()}\nAfter: {cae.verdict()}", file=sys.stderr)
    questions = _questions(study, study.draw(study.test, PICTURES, seed), seed)
    walks = cae_answers.walk(cae, "straight", questions, progress)
    measures = (
        _pictures(real, study, judges) | _before(before) | _fit(cae) | _minds(study, judges, questions, walks, cae)
    )
    if real.outlines:
        measures |= _outlined(real, cae, seed, progress)
    if out is not None:
        _write(out / f"{what}.webp", study, judges, questions, walks)
    return Exam("cae", what, seed, round(time.perf_counter() - began, 1), measures)


def _questions(study: xw.Study, indices: list[int], seed: int) -> Questions:
    pictures, labels = study.load(study.test, indices)
    right = study.predict(pictures).argmax(1) == labels
    shift = torch.randint(1, study.classes, (len(labels),), generator=torch.Generator().manual_seed(seed))
    targets = (labels + shift) % study.classes
    kept = [index for index, good in zip(indices, right.tolist(), strict=True) if good]
    return Questions(kept, pictures[right], labels[right], targets[right])


# --- pictures, classifier and fit --------------------------------------------------------------------------------


def _pictures(real: Real, study: xw.Study, judges: list[nn.Module]) -> dict[str, Measure]:
    """How often classifier and judges are right, and somebody who sees nothing but how often which grey occurs."""
    pictures, labels = torch.stack([one for one, _ in real.test]), torch.tensor([label for _, label in real.test])
    commonest = float(labels.bincount().max() / len(labels))
    seen = [_right(judge, pictures, labels) for judge in judges]
    others = {"judges": sum(seen) / len(seen), "greys": _by_greys(real, pictures, labels)}
    return {
        "pictures": Measure(len(real.train), "higher"),
        "accuracy": Measure(_right(study.logits, pictures, labels), "higher", commonest, others),
    }


def _by_greys(real: Real, pictures: Tensor, labels: Tensor) -> float:
    levels = torch.linspace(0, 1, 17)

    def greys(batch: Tensor) -> Tensor:
        return batch.mean(1).flatten(1).quantile(levels, dim=1).T

    known = LogisticRegression(max_iter=2000)
    known.fit(greys(torch.stack([one for one, _ in real.train])), [label for _, label in real.train])
    return float(known.score(greys(pictures), labels))


def _right(judge: object, pictures: Tensor, classes: Tensor) -> float:
    with torch.no_grad():
        return float((torch.cat([judge(batch).argmax(1) for batch in pictures.split(64)]) == classes).float().mean())


def _before(trial: Sufficiency) -> dict[str, Measure]:
    """What the trial before the fit says, beside what it asks for."""
    return {
        "trial_enough": Measure(float(trial.enough), "higher"),
        "trial_followed": Measure(trial.followed / trial.swaps, "higher", None, {"least": LEAST_VALIDITY}),
        "trial_excess": Measure(trial.excess, "lower", None, {"most": MOST_EXCESS}),
    }


def _fit(cae: xw.CAE) -> dict[str, Measure]:
    health = cae.health
    return {
        "train_seconds": Measure(health.seconds, "lower"),
        "swaps": Measure(health.pasted_validity, "higher", None, {"decoded": health.validity}),
        "level": Measure(health.level, "higher"),
        "coarseness": Measure(health.coarseness, "lower", 1.0),
        "leak": Measure(health.leak, "lower", health.guessed),
    }


# --- classifier and judges ---------------------------------------------------------------------------------------


def _minds(
    study: xw.Study, judges: list[nn.Module], questions: Questions, walks: Walks, cae: xw.CAE
) -> dict[str, Measure]:
    """Who sees the target, beside copies of a real picture of the target, and the picture itself."""
    copies = {"nearest": cae_answers.nearest(cae, questions), "input": cae_answers.unchanged(questions)}

    def agree(minds: list[object], answer: Answer) -> float:
        return sum(_right(mind, answer.after, questions.targets) for mind in minds) / len(minds)

    def row(minds: list[object], answer: Answer) -> Measure:
        others = {name: agree(minds, copy) for name, copy in copies.items()}
        if study.classes == 2:
            others |= {f"from {name}": _from(k, minds, answer, questions) for k, name in enumerate(study.class_names)}
        return Measure(agree(minds, answer), "higher", 1 / study.classes, others)

    likely = study.predict(walks.likely.after).gather(1, questions.targets[:, None])
    return {
        "questions": Measure(len(questions), "higher"),
        "validity": row([study.logits], walks.likely),
        "validity_centre": row([study.logits], walks.end),
        "oracle": row(judges, walks.likely),
        "oracle_centre": row(judges, walks.end),
        "reaches_95": Measure(float((likely >= cae_answers.CONFIDENCE - 0.001).float().mean()), "higher"),
        "path_violation": Measure(walks.violation, "lower"),
        "start_gap": Measure(walks.start_gap, "lower"),
        "changed_area": Measure(float((walks.likely.map > 0.02).float().mean()), "lower"),
    }


def _from(source: int, minds: list[object], answer: Answer, questions: Questions) -> float:
    """The mean agreement for the pictures of one class."""
    own = questions.sources == source
    return sum(_right(mind, answer.after[own], questions.targets[own]) for mind in minds) / len(minds)


# --- where tumours are -------------------------------------------------------------------------------------------


def _outlined(real: Real, cae: xw.CAE, seed: int, progress: Progress) -> dict[str, Measure]:
    """Where slices change that are to lose their tumour."""
    study, known = cae.study, sorted(real.outlines)
    order = torch.randperm(len(known), generator=torch.Generator().manual_seed(seed)).tolist()
    questions = _questions(study, [known[i] for i in order[: 2 * OUTLINED]], seed)
    few = Questions(questions.indices[:OUTLINED], *(values[:OUTLINED] for values in (
        questions.pictures, questions.sources, questions.targets)))  # fmt: skip
    regions = torch.stack([real.outlines[index] for index in few.indices])
    walks = cae_answers.walk(cae, "straight", few, progress)
    usual = baseline_maps(study, few.pictures, few.targets, few.sources, seed, progress)
    maps = {
        "cae": walks.likely.map,
        "cae_centre": walks.end.map,
        "path": cae_answers.saliency(cae, few, progress)["path"],
    }
    maps |= {**usual, **_trivial(few.pictures)}
    near, smooth = measured.dilated(regions), {name: measured.smoothed(values) for name, values in maps.items()}
    return {
        "outlined": Measure(len(few), "higher"),
        "change_in_outlines": _row({name: _share(values, near) for name, values in maps.items()}, near),
        "outlines_found": _row({name: _found(values, regions) for name, values in smooth.items()}, regions),
        "highest_in_outline": _row({name: _hit(values, near) for name, values in smooth.items()}, near),
    }


def _row(found: Mapping[str, float], regions: Tensor) -> Measure:
    """CAE beside all others; chance is the area."""
    others = {name: value for name, value in found.items() if name != "cae"}
    return Measure(found["cae"], "higher", float(regions.float().mean()), others)


def _share(maps: Tensor, regions: Tensor) -> float:
    """The share of squared values in regions, as for a change."""
    squared = maps.square()
    return float(((squared * regions).sum((1, 2)) / squared.sum((1, 2)).clamp_min(1e-12)).mean())


def _found(maps: Tensor, regions: Tensor) -> float:
    """Of the highest pixels, as many as the region has, the share that lies in it."""
    hits = [region[values.topk(int(region.sum())).indices].float().mean()
            for values, region in zip(maps.flatten(1), regions.flatten(1), strict=True)]  # fmt: skip
    return float(torch.stack(hits).mean())


def _hit(maps: Tensor, regions: Tensor) -> float:
    highest = maps.flatten(1).argmax(1, keepdim=True)
    return float(regions.flatten(1).gather(1, highest).float().mean())


def _trivial(pictures: Tensor) -> dict[str, Tensor]:
    """Maps without a classifier: how bright it is, a disc on the brightest place, one in the middle, noise."""
    side = pictures.shape[-1]
    bright = measured.smoothed(measured.smoothed(measured.smoothed(pictures.mean(1))))
    top = bright.flatten(1).argmax(1)
    middle = torch.full_like(top, side // 2 * side + side // 2)
    noise = torch.rand(bright.shape, generator=torch.Generator().manual_seed(0))
    return {"bright": bright, "brightest": _disc(top, side), "centre": _disc(middle, side), "random": noise}


def _disc(places: Tensor, side: int) -> Tensor:
    """Maps ``(N, H, W)`` that fall off around one pixel each, to 0 at a quarter of the side."""
    rows, columns = places // side, places % side
    axis = torch.arange(side)
    apart = (axis[:, None] - rows[:, None, None]).square() + (axis - columns[:, None, None]).square()
    return (1 - apart.float().sqrt() / (side / 4)).clamp_min(0) + 1e-6 / (1 + apart)


# --- the sheet ---------------------------------------------------------------------------------------------------


def _write(path: Path, study: xw.Study, judges: list[nn.Module], questions: Questions, walks: Walks) -> None:
    """Inputs and counterfactuals, from those the judges believe most to those they believe least."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = torch.arange(len(questions))
    with torch.no_grad():
        believed = torch.stack(
            [judge(walks.likely.after).softmax(1)[rows, questions.targets] for judge in judges]
        ).mean(0)
    own = study.predict(walks.likely.after)[rows, questions.targets]
    chosen = evenly(believed)
    names = [[study.class_names[int(k[i])] for k in (questions.sources, questions.targets)] for i in chosen]
    captions = [
        f"{source} to\n{target} {own[i]:.0%}\njudges {believed[i]:.0%}"
        for i, (source, target) in zip(chosen, names, strict=True)
    ]
    sheet([(questions.pictures[i], walks.likely.after[i]) for i in chosen], captions).save(path, quality=85)


if __name__ == "__main__":
    main()

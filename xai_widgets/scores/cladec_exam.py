"""ClaDec's exam on the field guide.

The paper's claim is that a layer's decoded pictures hold more of what matters for the class than an auto-encoder's,
although the auto-encoder keeps more of the picture. The exam trains new classifiers on reconstructions and
tests them on unseen ones ("evaluation accuracy"). Probes do the same for factors that should not matter. The exam also
measures where the information is lost: on the background, or on the deciding parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import mean

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.data.birds import PARTS, SLOT_PARTS
from xai_widgets.demos import bird_classifier
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.cladec.information import bits
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.scores.bird_cases import of_birds
from xai_widgets.scores.measure import Measure
from xai_widgets.study import Study
from xai_widgets.training import Step, train

SEEN, UNSEEN = 1000, 500
"""How many pictures the probes are trained on, and how many everything is tested on."""

JUDGED = 200
"""How many pictures the judging classifiers are trained on: with 800, all of them are right in 99 % and more of the
cases, those that learnt from originals too, and nothing can be told apart."""

JUDGE_EPOCHS, PROBE_EPOCHS = 30, 8
SEEDS = 3
FACTORS = {"sky": 6, "body": 6, "flip": 2}
"""Traits of an individual that have nothing to do with its species, and their numbers of values."""

DECIDING = [PARTS[part] for parts in SLOT_PARTS.values() for part in parts]


@dataclass(frozen=True)
class _Truth:
    """What is known of some pictures."""

    pictures: Tensor
    species: Tensor
    factors: Mapping[str, Tensor]
    parts: Tensor


def examine(study: Study, seed: int, progress: Progress) -> dict[str, Measure]:
    """All of ClaDec's measures, for every fitted block and, for the two last, the evaluation accuracy."""
    cladec: ClaDec = study.explainers["cladec"]
    seen, unseen = _truth(study.train, SEEN), _truth(study.test, UNSEEN)
    layers = [block.name for block in study.blocks() if block.name in cladec.layers]
    measures = _checks(cladec, layers)
    rebuilt = {layer: _rebuilt(cladec, layer, seen, unseen) for layer in layers}
    for layer in layers:
        measures |= _lost_by_place(cladec, layer, unseen, rebuilt[layer])
    judges = _Judges(seen, unseen, seed, progress)
    originals = judges.accuracies((seen.pictures, unseen.pictures), "judging originals")
    for layer in layers[-2:]:
        measures |= judges.evaluation(layer, rebuilt[layer], originals)
    for layer in layers:
        measures |= judges.probes(layer, rebuilt[layer])
    return measures


def _truth(given: object, count: int) -> _Truth:
    pictures = of_birds(given)
    pixels, species = Study.load(pictures, range(count))
    traits = [pictures.bird(i).traits for i in range(count)]
    factors = {name: torch.tensor([int(getattr(trait, name)) for trait in traits]) for name in FACTORS}
    parts = torch.from_numpy(np.stack([pictures.part_map(i) for i in range(count)]))
    return _Truth(pixels, species, factors, parts)


_Rebuilt = Mapping[str, tuple[Tensor, Tensor]]
"""By "cladec" and "reference": reconstructions of the seen and of the unseen pictures."""


def _rebuilt(cladec: ClaDec, layer: str, seen: _Truth, unseen: _Truth) -> _Rebuilt:
    shown = [cladec.explain(truth.pictures, layer) for truth in (seen, unseen)]
    references = [part.original if part.reference is None else part.reference for part in shown]
    return {"cladec": (shown[0].cladec, shown[1].cladec), "reference": (references[0], references[1])}


# --- errors, checks, places --------------------------------------------------------------------------------------


def _checks(cladec: ClaDec, layers: list[str]) -> dict[str, Measure]:
    """Errors against baselines, and how many of the self-checks fail."""
    found: dict[str, Measure] = {}
    for layer in layers:
        error = cladec.report(layer).error
        ratio = error["cladec"] / error["reference"]
        found[f"error_ratio.{layer}"] = Measure(ratio, "higher", 1.0, dict(error))
        found[f"ridge_ratio.{layer}"] = Measure(error["cladec"] / error["ridge"], "lower", 1.0)
        found[f"failed_checks.{layer}"] = Measure(float(len(cladec.problems_at(layer))), "lower", 0.0)
    return found


def _lost_by_place(cladec: ClaDec, layer: str, unseen: _Truth, rebuilt: _Rebuilt) -> dict[str, Measure]:
    """What ClaDec lacks against the auto-encoder, on the background and on the deciding parts.

    In bits per pixel, and as a share of the bits that the auto-encoder keeps: a deep layer's auto-encoder has less to
    lose on the background, too.
    """
    places = {
        "background": unseen.parts == PARTS["background"],
        "parts": torch.isin(unseen.parts, torch.tensor(DECIDING)),
    }
    mean_picture = cladec.explain(unseen.pictures[:1], layer).mean_picture
    found = {}
    for place, where in places.items():
        kept = {name: _bits_at(where, unseen.pictures, pair[1], mean_picture) for name, pair in rebuilt.items()}
        lost = kept["reference"] - kept["cladec"]
        found[f"bits_lost_{place}.{layer}"] = Measure(lost, "lower", 0.0, {f"kept_{k}": v for k, v in kept.items()})
        found[f"share_lost_{place}.{layer}"] = Measure(lost / max(kept["reference"], 1e-3), "lower", 0.0)
    return found


def _bits_at(where: Tensor, pictures: Tensor, rebuilt: Tensor, mean_picture: Tensor) -> float:
    error, baseline = (((pictures - guess) ** 2).mean(1)[where].mean() for guess in (rebuilt, mean_picture))
    return float(bits(error, baseline))


# --- judges ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Judges:
    """Classifiers that are trained on pictures of the seen birds, and tested on pictures of the unseen ones."""

    seen: _Truth
    unseen: _Truth
    seed: int
    progress: Progress

    def evaluation(self, layer: str, rebuilt: _Rebuilt, originals: list[float]) -> dict[str, Measure]:
        """Accuracy of fresh classifiers on ClaDec's pictures minus that on the auto-encoder's."""
        scores = {name: self.accuracies(pair, f"judging {name} of {layer}") for name, pair in rebuilt.items()}
        gains = [ours - theirs for ours, theirs in zip(scores["cladec"], scores["reference"], strict=True)]
        baselines = {name: mean(values) for name, values in scores.items()}
        baselines |= {"originals": mean(originals), "worst_seed": min(gains)}
        return {f"evaluation_gain.{layer}": Measure(mean(gains), "higher", 0.0, baselines)}

    def accuracies(self, pair: tuple[Tensor, Tensor], task: str) -> list[float]:
        """Accuracy of one fresh classifier for each seed."""
        targets = F.one_hot(self.seen.species[:JUDGED]).float()
        found = []
        for seed in range(self.seed, self.seed + SEEDS):
            logits = self._read((pair[0][:JUDGED], pair[1]), targets, F.cross_entropy, JUDGE_EPOCHS, seed, task)
            found.append(float((logits.argmax(1) == self.unseen.species).float().mean()))
        return found

    def probes(self, layer: str, rebuilt: _Rebuilt) -> dict[str, Measure]:
        """How well factors that do not matter can be read off the reconstructions, one network for all factors."""
        found = {name: self._probed(pair, f"probing {layer}") for name, pair in rebuilt.items()}
        return {
            f"probe.{factor}.{layer}": Measure(
                found["cladec"][factor], "lower", 1 / values, {"reference": found["reference"][factor]}
            )
            for factor, values in FACTORS.items()
        }

    def _probed(self, pair: tuple[Tensor, Tensor], task: str) -> dict[str, float]:
        ours, theirs = self.seen.factors, self.unseen.factors
        targets = torch.cat([F.one_hot(ours[name], count) for name, count in FACTORS.items()], dim=1).float()
        logits = self._read(pair, targets, _cross_entropies, PROBE_EPOCHS, self.seed, task)
        parts = zip(FACTORS, logits.split(list(FACTORS.values()), dim=1), strict=True)
        return {name: float((part.argmax(1) == theirs[name]).float().mean()) for name, part in parts}

    def _read(
        self, pair: tuple[Tensor, Tensor], targets: Tensor, loss: _Loss, epochs: int, seed: int, task: str
    ) -> Tensor:
        """What the demo's network, trained afresh on targets ``(N, outputs)``, says of the second pictures."""
        pictures, test = pair
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = bird_classifier(targets.shape[1])

        def of(step: Step) -> Tensor:
            return loss(model(pictures[step.indices]), targets[step.indices])

        recipe = Recipe(epochs=epochs, batch_size=32, seed=seed)
        train(model, of, len(pictures), recipe, progress=self.progress, task=task)
        with torch.no_grad():
            return torch.cat([model(batch) for batch in test.split(256)])


_Loss = Callable[[Tensor, Tensor], Tensor]


def _cross_entropies(said: Tensor, wanted: Tensor) -> Tensor:
    """One cross-entropy for each factor, whose values stand side by side."""
    counts = list(FACTORS.values())
    parts = zip(said.split(counts, dim=1), wanted.split(counts, dim=1), strict=True)
    return torch.stack([F.cross_entropy(ours, theirs) for ours, theirs in parts]).sum()

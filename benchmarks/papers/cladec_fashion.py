"""ClaDec on Fashion-MNIST: what new classifiers learn from its reconstructions, beside those of an auto-encoder.

    python -m benchmarks.papers.cladec_fashion --json -

Schneider and Vlachos, "Explaining Neural Networks by Decoding Layer Activations" (IDA 2021). A new classifier is
trained on reconstructions of training pictures and tested on reconstructions of unseen ones ("evaluation accuracy"),
for two layers of a network of the authors' kind, and for several trade-offs alpha.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import sqrt

import torch
from torch import Tensor
from torch.nn import functional as F

import xai_widgets as xw
from benchmarks.papers import clothes
from benchmarks.papers.clothes import Clothes
from benchmarks.papers.common import OURS, PAPER, Claim, Experiment, Means, Options, Row, Rows, fashion_missing, run
from xai_widgets.progress import Progress
from xai_widgets.study import Study

LAYERS = ("conv2", "dense")
AUTO, LINEAR, RANDOM, PAPER_AUTO = "auto-encoder", "linear decoder", "random network", "paper's auto-encoder"
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
"""Of the linear decoder, in mean squared lengths of a code."""

BATCH = 32
"""Of the published decoder, too: with the authors' 128 it would take few steps in so short a time."""

Decoder = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Size:
    """How much is learnt; epochs of ours and of the published method take about as long."""

    learnt: int
    unseen: int
    network_epochs: int
    epochs: int
    paper_epochs: int
    alphas: tuple[float, ...]


SIZE = Size(1500, 400, 4, 8, 2, (0.5, 0.9))
QUICK = Size(800, 300, 4, 3, 1, (0.5,))


def measured(options: Options, seed: int, progress: Progress) -> Rows:
    """All measures of one seed."""
    size = QUICK if options.quick else SIZE
    data = clothes.clothes(size.learnt, size.unseen, seed)
    model = clothes.taught(data.train, data.train_labels, size.network_epochs, seed, progress)
    study, judge = data.study(model, "clothes"), _Judge(data, size.network_epochs, seed, progress)
    original = judge(lambda pictures: pictures)
    rows: dict[str, Row] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is too short is measured, too
        for layer in LAYERS:
            decoders = _decoders(study, data, layer, size, seed, progress)
            rows |= _layer_rows(data, layer, decoders, judge, original)
            if layer == LAYERS[-1]:
                rows |= _alphas(study, data, decoders[OURS], size, judge)
    return rows


@dataclass(frozen=True, eq=False)
class _Judge:
    """Trains new classifiers on rebuilt pictures."""

    data: Clothes
    epochs: int
    seed: int
    progress: Progress

    def __call__(self, rebuild: Decoder) -> float:
        """Evaluation accuracy: learnt on rebuilt training pictures, tested on rebuilt unseen ones."""
        data = self.data
        judge = clothes.taught(rebuild(data.train), data.train_labels, self.epochs, self.seed + 100, self.progress)
        return clothes.accuracy(judge, rebuild(data.test), data.test_labels)


# --- decoders ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Version:
    """What a fitted layer makes of pictures: decoded, or by its auto-encoder."""

    cladec: xw.ClaDec
    which: str = "cladec"
    alpha: float | None = None

    def __call__(self, pictures: Tensor) -> Tensor:
        shown = self.cladec.explain(pictures, alpha=self.alpha)
        found: Tensor = getattr(shown, self.which)
        return found


def _decoders(study: Study, data: Clothes, layer: str, size: Size, seed: int, progress: Progress) -> dict[str, Decoder]:
    ours = xw.ClaDec(study, layer, epochs=size.epochs, seed=seed).fit(progress=progress)
    blind = data.study(clothes.untrained(seed + 50), "clothes, untrained")
    random = xw.ClaDec(blind, layer, reference=None, epochs=size.epochs, seed=seed).fit(progress=progress)
    published = xw.ClaDec.paper(study, layer, seed=seed).settings
    recipe = replace(published.recipe, epochs=size.paper_epochs, batch_size=BATCH, milestones=())
    paper = xw.ClaDec(study, layer, settings=replace(published, recipe=recipe, reference_recipe=recipe))
    paper.fit(progress=progress)
    return {
        OURS: _Version(ours),
        AUTO: _Version(ours, "reference"),
        LINEAR: linear(study, data.train, layer),
        RANDOM: _Version(random),
        PAPER: _Version(paper),
        PAPER_AUTO: _Version(paper, "reference"),
    }


def linear(study: Study, pictures: Tensor, layer: str) -> Decoder:
    """A linear decoder of a layer, whose penalty a fifth of the pictures chooses."""
    from sklearn.linear_model import Ridge

    codes = study.codes(pictures, layer).flatten(1).numpy()
    pixels, cut = pictures.flatten(1).numpy(), len(pictures) * 4 // 5
    scale = float(((codes - codes.mean(0)) ** 2).sum(1).mean())

    def error(penalty: float) -> float:
        model = Ridge(penalty * scale).fit(codes[:cut], pixels[:cut])
        return float(((model.predict(codes[cut:]) - pixels[cut:]) ** 2).mean())

    fitted = Ridge(min(PENALTIES, key=error) * scale).fit(codes, pixels)

    def decode(some: Tensor) -> Tensor:
        found = fitted.predict(study.codes(some, layer).flatten(1).numpy())
        return torch.from_numpy(found).float().clamp(0, 1).view_as(some)

    return decode


# --- rows --------------------------------------------------------------------------------------------------------


def _layer_rows(
    data: Clothes, layer: str, decoders: Mapping[str, Decoder], judge: _Judge, original: float
) -> dict[str, Row]:
    accuracies = {who: judge(one) for who, one in decoders.items()} | {"original": original}
    errors = {who: float((one(data.test) - data.test).square().mean()) for who, one in decoders.items()}
    errors["mean picture"] = float((data.train.mean(0) - data.test).square().mean())
    included = {OURS: errors[AUTO] / errors[OURS], PAPER: errors[PAPER_AUTO] / errors[PAPER]}
    return {
        f"{layer}_evaluation_accuracy": Row("higher", accuracies),
        f"{layer}_error": Row("lower", errors),
        f"{layer}_error_of_auto_encoder_to_cladec": Row("lower", included),
    }


def _alphas(study: Study, data: Clothes, decoder: Decoder, size: Size, judge: _Judge) -> dict[str, Row]:
    """What ours gives at several trade-offs: new classifiers, the explained classifier's loss, and the error."""
    assert isinstance(decoder, _Version)
    versions = {OURS: decoder} | {f"alpha {alpha}": replace(decoder, alpha=alpha) for alpha in size.alphas}
    tested = {who: one(data.test) for who, one in versions.items()}
    losses = {who: float(F.cross_entropy(study.logits(one), data.test_labels)) for who, one in tested.items()}
    losses["original"] = float(F.cross_entropy(study.logits(data.test), data.test_labels))
    return {
        "alpha_evaluation_accuracy": Row("higher", {who: judge(one) for who, one in versions.items()}),
        "alpha_classification_loss": Row("lower", losses),
        "alpha_error": Row("lower", {who: float((one - data.test).square().mean()) for who, one in tested.items()}),
    }


ABOUT = (
    "Two layers of a network of the authors' kind: the last convolution and the dense layer. Evaluation accuracy: that "
    "of a new classifier which learns from reconstructions and is tested on reconstructions. Ours and the published "
    f"decoder (alpha 0.001, batches of {BATCH}) are trained for about as long, a few epochs on few pictures; so are "
    "their auto-encoders. Rows named alpha are of ours at the dense layer, 'ours' being alpha 0. The ratio of errors "
    "must be at most 1: what the layer holds, an auto-encoder of the same shape could hold. Accuracies are on "
    f"{SIZE.unseen} pictures, so differences of {100 * sqrt(0.25 / SIZE.unseen):.1f} points may be chance."
)


def claims(means: Means) -> list[Claim]:
    """What the paper says, asked of ours; and of the published decoder in the same sentence."""
    source, rows = "Schneider and Vlachos 2021", (OURS, AUTO, PAPER, PAPER_AUTO, "original")
    better = {layer: means.of(f"{layer}_evaluation_accuracy") - means.of(f"{layer}_evaluation_accuracy", AUTO)
              for layer in LAYERS}  # fmt: skip
    loss = {alpha: means.of("alpha_classification_loss", alpha) for alpha in (OURS, "alpha 0.5")}
    return [
        *(
            Claim(
                source,
                f"Classifiers learn more from ClaDec's pictures of the layer {layer} than from an auto-encoder's.",
                f"{means.said(f'{layer}_evaluation_accuracy', *rows)}.",
                better[layer] > 0,
            )
            for layer in LAYERS
        ),
        Claim(
            source,
            "The auto-encoder keeps more of the picture than ClaDec does.",
            f"Errors at the dense layer: {means.said('dense_error', OURS, AUTO, LINEAR, PAPER, PAPER_AUTO)}.",
            means.of("dense_error", AUTO) < means.of("dense_error"),
        ),
        Claim(
            source,
            "A larger alpha makes reconstructions that the explained classifier sees as it sees originals.",
            f"Its loss: {means.said('alpha_classification_loss', OURS, 'alpha 0.5', 'original')} (ours: alpha 0).",
            loss["alpha 0.5"] < loss[OURS],
        ),
    ]


FREE = "An auto-encoder is free to choose what it keeps. That it keeps more is what the comparison with it rests on."
NOTES = {
    "conv2_error": FREE,
    "dense_error": (
        f"{FREE} A linear decoder is as good as ours after so short a fit; the verdict of such a fit says that ClaDec "
        "is under-trained where a linear decoder beats it."
    ),
}

EXPERIMENT = Experiment("cladec_fashion", measured, claims, lambda _: fashion_missing(), ABOUT, NOTES)

if __name__ == "__main__":
    run(EXPERIMENT)

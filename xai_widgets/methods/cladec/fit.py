"""How one layer of ClaDec is fitted: its decoder, and the reference auto-encoder beside it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from math import log, prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xai_widgets.devices import sent
from xai_widgets.methods.cladec.information import FLOOR
from xai_widgets.methods.cladec.layer import MOST_WHITENED, FittedLayer, Settings
from xai_widgets.methods.cladec.measures import measure
from xai_widgets.methods.common.codes import CachedPass
from xai_widgets.methods.common.resume import FinishedParts
from xai_widgets.names import UNKNOWN
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.together import ALONE, Part
from xai_widgets.training import Step, train

Loss = Callable[[Tensor, Step | None], Tensor]
"""Of a batch of examples; without a step it is for validation: all units, alpha 0, squared error alone."""

SUBSETS, DIALLED = 0.15, 0.1
"""Shares of the training pictures that are decoded from some units only, and with an alpha above 0."""

NOISE = 1e-3
"""Added to each variance before whitening, so that what is next to nothing is not blown up."""

ENOUGH = 50_000_000
"""So many numbers of a layer are enough to know how its units vary."""


class LayerFit:
    """The fit of one layer, from the cached pass to the report."""

    most_held_out = 256

    def __init__(
        self,
        settings: Settings,
        layer: str,
        seen: CachedPass,
        unseen: CachedPass,
        progress: Progress,
        finished: FinishedParts,
    ) -> None:
        self.study, self.settings, self.layer = seen.study, settings, layer
        self.seen, self.unseen, self.progress, self.finished = seen, unseen, progress, finished
        # The last tenth decides which epoch is kept, and is never trained on; the published recipe keeps the last.
        self.held_out = 0 if settings.paper or len(seen) < 2 else min(max(len(seen) // 10, 1), self.most_held_out)
        self.count = len(seen) - self.held_out
        self.some = min(1000, max(ENOUGH // prod(self.study.shape), 2))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.recipe.seed)
            self.fitted = self._new()
        pixels = seen.picture(slice(0, self.some))
        self.variance = float(pixels.var(0, correction=0).mean().clamp_min(FLOOR))

    @property
    def examples(self) -> int:
        """How many an epoch has."""
        return self.count

    def _new(self) -> FittedLayer:
        shape = tuple(self.seen.code(self.layer, slice(0, 1)).shape[1:])
        fitted = FittedLayer(self.study, self.layer, shape, self.settings)
        fitted.mean_picture.copy_(self.seen.picture(slice(0, min(self.count, self.some))).mean(0))
        if not self.settings.paper:
            some = slice(0, min(self.count, 1000, max(ENOUGH // prod(shape), 2)))
            units = self.seen.code(self.layer, some).transpose(0, 1).flatten(1)
            fitted.code_mean.copy_(units.mean(1))
            fitted.whitening.copy_(_whitening(units))
        return fitted

    def run(self) -> FittedLayer:
        """Train decoder and reference, then measure both."""
        began = time.perf_counter()
        epochs = {"cladec": self._train_decoder()}
        if self.fitted.encoder is not None:
            epochs["reference"] = self._train_reference()
        report = measure(self.fitted, self.seen, self.unseen, self.settings.reference)
        self.fitted.report = replace(report, epochs=epochs, seconds=time.perf_counter() - began)
        return self.fitted.eval()

    def _train_decoder(self) -> int:
        return self._train(self.fitted.decoder, self._cladec_loss, self.settings.recipe, "ClaDec")

    def _train_reference(self) -> int:
        """Train encoder and decoder; a warm start is kept unless training improves on it."""
        fitted, warm = self.fitted, self.settings.reference == "warm"
        parts = (fitted.encoder, fitted.reference_scale, fitted.reference_decoder)
        trained = nn.ModuleList([part for part in parts if part is not None])
        if warm and fitted.reference_decoder is not None:
            fitted.reference_decoder.load_state_dict(fitted.decoder.state_dict())
        start, error = copy.deepcopy(trained.state_dict()), self._error(trained, self._reference_loss)
        epochs = self._train(trained, self._reference_loss, self.settings.reference_recipe, "auto-encoder")
        if warm and self._error(trained, self._reference_loss) > error:
            trained.load_state_dict(start)
        return epochs

    def _train(self, module: nn.Module, loss: Loss, recipe: Recipe, what: str) -> int:
        """Train, unless an interrupted fit has done so already; the number of epochs it took."""
        name = f"{what} of {self.layer}"
        if (known := self.finished.restore(name, module)) is not None:
            return known
        history = train(
            module,
            lambda step: loss(step.indices, step),
            self.examples,
            recipe,
            validate=(lambda: self._validation(loss)) if self.held_out else None,
            progress=self.progress,
            task=name,
            checkpoint=self.finished.checkpoint(name),
            shared=True,
        )
        self.finished.keep(name, module, len(history.train_loss))
        return len(history.train_loss)

    def _error(self, module: nn.Module, loss: Loss) -> float:
        """Error on the pictures held out; 0 if there are none."""
        module.eval()
        with torch.no_grad():
            return self._validation(loss) if self.held_out else 0.0

    def _validation(self, loss: Loss) -> float:
        batches = torch.arange(self.count, len(self.seen)).split(self.study.batch_size)
        means = torch.stack([loss(batch, None) for batch in batches]).tolist()
        return float(sum(mean * len(batch) for mean, batch in zip(means, batches, strict=True)) / self.held_out)

    def _cladec_loss(self, indices: Tensor, step: Step | None) -> Tensor:
        part = part_of(len(indices), step)
        shown, alpha = self._conditions(len(indices), step)
        indices, shown, alpha = part.of(indices), part.of(shown), part.of(alpha)
        given = self.seen.code(self.layer, indices), self._sent(shown), self._sent(alpha)
        picture, log_variance = self.fitted.cladec(*given)
        return part.mean(self._loss(indices, picture, log_variance, alpha, step))

    def _reference_loss(self, indices: Tensor, step: Step | None) -> Tensor:
        part = part_of(len(indices), step)
        shown, alpha = self._conditions(len(indices), step)
        indices, shown, alpha = part.of(indices), part.of(shown), part.of(alpha)
        picture, log_variance = self.fitted.reference(self.seen.picture(indices), self._sent(shown))
        return part.mean(self._loss(indices, picture, log_variance, torch.zeros_like(alpha), step))

    def _conditions(self, count: int, step: Step | None) -> tuple[Tensor, Tensor]:
        """Which units are shown ``(N, C)`` and alpha ``(N,)``, on the CPU: for most pictures all units, and alpha 0."""
        shown, alpha = torch.ones(count, self.fitted.code[0]), torch.full((count,), self.settings.alpha)
        if step is not None and not self.settings.paper:
            shown = _some_units(count, self.fitted.code[0], step.generator)
            alpha = _some_alphas(count, step.generator)
        return shown, alpha

    def _sent(self, tensor: Tensor) -> Tensor:
        return sent(tensor, self.study.device)

    def _loss(self, indices: Tensor, picture: Tensor, log_variance: Tensor, alpha: Tensor, step: Step | None) -> Tensor:
        wanted = self.seen.picture(indices)
        error = (picture - wanted).square().mean((1, 2, 3))
        if step is None:
            return error.mean()
        if not self.settings.paper:
            error = error / self.variance
        dial, some = self._sent(alpha), (alpha > 0).nonzero().flatten()
        total = ((1 - dial) * error).mean()
        if len(some):
            rows = self._sent(some)
            total = total + (dial[rows] * self._classifier_loss(indices[some], picture[rows])).sum() / len(alpha)
        return total if self.settings.paper else total + _likelihood(wanted - picture, log_variance)

    def _classifier_loss(self, some: Tensor, pictures: Tensor) -> Tensor:
        """Cross-entropy with true labels, if known (paper), or divergence from the beliefs on the original / log K."""
        with self.study.borrowed():
            logits = self.study.forward(pictures)
        if self.settings.paper:
            said = self.study.scores.log_probabilities(logits)
            return F.nll_loss(said, self._sent(self.seen.labels[some]), ignore_index=UNKNOWN, reduction="none")
        said = self.study.scores.log_outcomes(logits)
        believed = self.study.scores.outcomes(self._sent(self.seen.logits[some]))
        divergence: Tensor = F.kl_div(said, believed, reduction="none").sum(1) / log(self.study.classes)
        return divergence


def part_of(size: int, step: Step | None) -> Part:
    """Which rows of so many this process computes; in validation all."""
    return (ALONE if step is None else step.group).of(size)


def _whitening(units: Tensor) -> Tensor:
    """The matrix ``(C, C)`` after which the units ``(C, M)`` have variance 1 and no correlation.

    Units are much alike, and what distinguishes them is small: unwhitened, a decoder learns it last. Of all such
    matrices it is the one that changes the units least (ZCA), on standardised units. Above `MOST_WHITENED` units only
    the factors ``(C,)`` that standardise them.
    """
    scale = 1 / _deviation(units)
    if len(units) > MOST_WHITENED:
        return scale
    standard = (units - units.mean(1, keepdim=True)) * scale[:, None]
    values, vectors = torch.linalg.eigh(standard @ standard.T / units.shape[1])
    rotated: Tensor = vectors @ torch.diag((values.clamp_min(0) + NOISE).rsqrt()) @ vectors.T
    whitening: Tensor = rotated * scale[:, None]
    return whitening


def _deviation(units: Tensor) -> Tensor:
    """Standard deviation of each unit, with floors relative to the layer, whatever its scale.

    A unit that hardly ever fires must not become the loudest when it does, and one that is constant must not have its
    rounding errors blown up.
    """
    deviation = units.std(1, correction=0)
    floor = max(0.1 * float(deviation.mean()), 1e-3 * float(units.abs().mean()), 1e-12)
    return deviation.clamp_min(floor)


def _some_units(count: int, units: int, generator: torch.Generator) -> Tensor:
    """For a share `SUBSETS` of the pictures a random subset of units, of any size; for the others all."""
    rate = torch.rand(count, 1, generator=generator)
    rate[torch.rand(count, generator=generator) >= SUBSETS] = 1.0
    return (torch.rand(count, units, generator=generator) < rate).float()


def _some_alphas(count: int, generator: torch.Generator) -> Tensor:
    """For a share `DIALLED` of the pictures an alpha between 0.003 and 0.95, evenly in its logarithm; else 0."""
    alpha: Tensor = 10 ** (-2.5 + 2.48 * torch.rand(count, generator=generator))
    alpha[torch.rand(count, generator=generator) >= DIALLED] = 0.0
    return alpha


def _likelihood(residual: Tensor, log_variance: Tensor) -> Tensor:
    """Gaussian negative log likelihood of fixed residuals: trains the deviation, and never the mean."""
    floored = log_variance.clamp(min=-11.0, max=2.0)  # exp(-11) is about one step of an 8-bit picture, squared
    return 0.5 * (floored + residual.detach().square().mean(1, keepdim=True) * (-floored).exp()).mean()

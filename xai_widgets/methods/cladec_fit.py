"""How one layer of ClaDec is fitted: its decoder, and the reference auto-encoder beside it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import log
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xai_widgets.errors import NotFittedError
from xai_widgets.methods.cladec_explanation import LayerReport
from xai_widgets.methods.cladec_measures import measure
from xai_widgets.methods.codes import CachedPass
from xai_widgets.methods.decoder import ConditionalDecoder, PaperDecoder
from xai_widgets.methods.information import FLOOR
from xai_widgets.methods.reference import ReferenceEncoder
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.training import History, Recipe, Step, train

Loss = Callable[[Tensor, Step | None], Tensor]
"""Of a batch of examples; without a step it is for validation: all units, alpha 0, squared error alone."""

SUBSETS, DIALLED = 0.15, 0.1
"""Shares of the training pictures that are decoded from some units only, and with an alpha above 0."""

NOISE = 1e-3
"""Added to each variance before whitening, so that what is next to nothing is not blown up."""

STD_FLOOR = 1e-3
"""Least standard deviation by which a unit is divided: one that never moves stays at zero."""


@dataclass(frozen=True)
class Settings:
    """How ClaDec is fitted.

    Attributes
    ----------
    reference
        "scratch": the auto-encoder starts from fresh weights. "warm": from the classifier's and the fitted decoder's,
        which is quicker and can never end worse than ClaDec, but may keep the classifier's features and so
        understate what is lost. None: no auto-encoder.
    recipe, reference_recipe
        How the two are trained.
    width
        Channels of the decoder at the picture's side.
    pictures
        At most this many training pictures are used, drawn by the seed.
    paper
        The authors' architecture, loss and schedule for one fixed `alpha`; otherwise one decoder serves every alpha
        and every subset of units.
    alpha
        The fixed trade-off of the paper's loss.
    """

    reference: Literal["scratch", "warm"] | None = "scratch"
    recipe: Recipe = field(default_factory=lambda: Recipe(epochs=13))
    reference_recipe: Recipe = field(default_factory=lambda: Recipe(epochs=17))
    width: int = 16
    pictures: int = 3000
    paper: bool = False
    alpha: float = 0.0


class FittedLayer(nn.Module):
    """Decoder, reference and constants of one layer."""

    code_mean: Tensor
    whitening: Tensor
    mean_picture: Tensor

    def __init__(self, study: Study, layer: str, code: tuple[int, ...], settings: Settings) -> None:
        super().__init__()
        self.layer = layer
        self.code = code
        self.conditional = not settings.paper
        self.register_buffer("code_mean", torch.zeros(code[0]))
        self.register_buffer("whitening", torch.eye(code[0]))
        self.register_buffer("mean_picture", torch.zeros(study.shape))
        self.decoder = self._new_decoder(study, settings)
        self.encoder = ReferenceEncoder(study, layer, warm=settings.reference == "warm") if settings.reference else None
        self.reference_decoder = self._new_decoder(study, settings) if settings.reference else None
        self.report: LayerReport | None = None
        self.to(study.device).to(memory_format=torch.channels_last)  # a third faster on a CPU

    def _new_decoder(self, study: Study, settings: Settings) -> nn.Module:
        if settings.paper:
            return PaperDecoder(self.code, study.shape)
        return ConditionalDecoder(self.code, study.shape, settings.width)

    def from_code(self, code: Tensor, shown: Tensor, alpha: float = 0.0) -> tuple[Tensor, Tensor]:
        """ClaDec's pictures of raw codes, seeing the units where `shown` ``(C,)`` is 1, and their deviation."""
        dial, mask = torch.full((len(code),), alpha, device=code.device), shown.to(code.device).expand(len(code), -1)
        picture, log_variance = self.decode(self.decoder, code, mask, dial)
        return picture, (log_variance / 2).exp()[:, 0]

    def from_pictures(self, pictures: Tensor, shown: Tensor) -> Tensor:
        """The reference's pictures of pictures, its decoder seeing the units where `shown` ``(C,)`` is 1."""
        if self.encoder is None or self.reference_decoder is None:
            raise NotFittedError(f"layer {self.layer!r} was fitted without a reference")
        code = self.encoder(pictures)
        never, mask = torch.zeros(len(code), device=code.device), shown.to(code.device).expand(len(code), -1)
        return self.decode(self.reference_decoder, code, mask, never)[0]

    def standard(self, code: Tensor, shown: Tensor) -> Tensor:
        """Raw codes centred, hidden units at zero, and whitened over the units."""
        each_place = (1,) * (code.dim() - 2)
        centred = (code - self.code_mean.view(1, -1, *each_place)) * shown.view(*shown.shape, *each_place)
        return torch.einsum("nc...,cd->nd...", centred, self.whitening)

    def decode(self, decoder: nn.Module, code: Tensor, shown: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """Mean picture and log variance from raw codes."""
        if not self.conditional:
            picture = decoder(code)
            return picture, torch.full_like(picture[:, :1], -torch.inf)
        mean, log_variance = decoder(self.standard(code, shown), shown, alpha, self.mean_picture)
        return mean, log_variance


class LayerFit:
    """The fit of one layer, from the cached pass to the report."""

    def __init__(
        self,
        study: Study,
        settings: Settings,
        layer: str,
        seen: CachedPass,
        unseen: CachedPass,
        progress: Progress,
        checkpoint: Path | None,
    ) -> None:
        self.study, self.settings, self.layer = study, settings, layer
        self.seen, self.unseen, self.progress, self.checkpoint = seen, unseen, progress, checkpoint
        # The last tenth decides when to stop, and is never trained on.
        self.held_out = min(max(len(seen) // 10, 1), 256) if len(seen) > 1 else 0
        self.count = len(seen) - self.held_out
        with torch.random.fork_rng():
            torch.manual_seed(settings.recipe.seed)
            self.fitted = self._new()
        self.variance = float(seen.picture(slice(0, 1000)).var(0).mean().clamp_min(FLOOR))

    def _new(self) -> FittedLayer:
        code = self.seen.code(self.layer, slice(0, min(self.count, 1000)))
        fitted = FittedLayer(self.study, self.layer, tuple(code.shape[1:]), self.settings)
        pixels = self.seen.picture(slice(0, min(self.count, 1000)))
        fitted.mean_picture.copy_(pixels.mean(0))
        if not self.settings.paper:
            units = code.transpose(0, 1).flatten(1)
            fitted.code_mean.copy_(units.mean(1))
            fitted.whitening.copy_(_whitening(units))
        return fitted

    def run(self) -> FittedLayer:
        """Train decoder and reference, then measure both."""
        began = time.perf_counter()
        histories = {"cladec": self._train(self.fitted.decoder, self._cladec_loss, self.settings.recipe, "ClaDec")}
        encoder, decoder = self.fitted.encoder, self.fitted.reference_decoder
        if encoder is not None and decoder is not None:
            if self.settings.reference == "warm":
                decoder.load_state_dict(self.fitted.decoder.state_dict())
            both = nn.ModuleList([encoder, decoder])
            recipe = self.settings.reference_recipe
            histories["reference"] = self._train(both, self._reference_loss, recipe, "auto-encoder")
        report = measure(self.fitted, self.seen, self.unseen, self.settings.reference)
        self.fitted.report = replace(
            report,
            epochs={name: len(history.train_loss) for name, history in histories.items()},
            seconds=time.perf_counter() - began,
        )
        return self.fitted.eval()

    def _train(self, module: nn.Module, loss: Loss, recipe: Recipe, what: str) -> History:
        path = None if self.checkpoint is None else self.checkpoint / f"{self.layer}-{what}"
        return train(
            module,
            lambda step: loss(step.indices, step),
            self.count,
            recipe,
            # The published recipe keeps the last epoch, whatever held-out pictures say.
            validate=None if self.settings.paper or not self.held_out else lambda: self._validation(loss),
            progress=self.progress,
            task=f"{what} of {self.layer}",
            checkpoint=path,
        )

    def _validation(self, loss: Loss) -> float:
        batches = torch.arange(self.count, len(self.seen)).split(self.study.batch_size)
        return sum(float(loss(batch, None)) * len(batch) for batch in batches) / self.held_out

    def _cladec_loss(self, indices: Tensor, step: Step | None) -> Tensor:
        code = self.seen.code(self.layer, indices)
        shown, alpha = self._conditions(len(indices), step)
        picture, log_variance = self.fitted.decode(self.fitted.decoder, code, shown, alpha)
        return self._loss(indices, picture, log_variance, alpha, step)

    def _reference_loss(self, indices: Tensor, step: Step | None) -> Tensor:
        fitted = self.fitted
        if fitted.encoder is None or fitted.reference_decoder is None:
            raise NotFittedError("there is no reference to train")
        code = fitted.encoder(self.seen.picture(indices))
        shown, _ = self._conditions(len(indices), step)
        never = torch.zeros(len(indices), device=code.device)
        picture, log_variance = fitted.decode(fitted.reference_decoder, code, shown, never)
        return self._loss(indices, picture, log_variance, never, step)

    def _conditions(self, count: int, step: Step | None) -> tuple[Tensor, Tensor]:
        """Which units are shown ``(N, C)`` and alpha ``(N,)``: for most pictures all units, and alpha 0."""
        shown, alpha = torch.ones(count, self.fitted.code[0]), torch.full((count,), self.settings.alpha)
        if step is not None and not self.settings.paper:
            shown = _some_units(count, self.fitted.code[0], step.generator)
            alpha = _some_alphas(count, step.generator)
        return shown.to(self.study.device), alpha.to(self.study.device)

    def _loss(self, indices: Tensor, picture: Tensor, log_variance: Tensor, alpha: Tensor, step: Step | None) -> Tensor:
        wanted = self.seen.picture(indices)
        error = (picture - wanted).square().mean((1, 2, 3))
        if step is None:
            return error.mean()
        if not self.settings.paper:
            error = error / self.variance
        total = ((1 - alpha) * error).mean()
        if (dialled := alpha > 0).any():
            total = total + (alpha[dialled] * self._classifier_loss(indices, picture, dialled)).sum() / len(alpha)
        return total if self.settings.paper else total + _likelihood(wanted - picture, log_variance)

    def _classifier_loss(self, indices: Tensor, picture: Tensor, which: Tensor) -> Tensor:
        """Cross-entropy with the true labels (paper), or divergence from the beliefs on the original over log K."""
        with self.study.borrowed():
            said = self.study.forward(picture[which]).log_softmax(1)
        some = indices[which.cpu()]
        if self.settings.paper:
            return F.nll_loss(said, self.seen.labels[some].to(said.device), reduction="none")
        believed = self.seen.logits[some].to(said.device).softmax(1)
        divergence: Tensor = F.kl_div(said, believed, reduction="none").sum(1) / log(self.study.classes)
        return divergence


def _whitening(units: Tensor) -> Tensor:
    """The matrix ``(C, C)`` after which the units ``(C, M)`` have variance 1 and no correlation.

    Units are much alike, and what distinguishes them is small: unwhitened, a decoder learns it last. Of all such
    matrices it is the one that changes the units least (ZCA), on standardised units.
    """
    deviation = units.std(1)
    # A unit that hardly ever fires must not become the loudest when it does.
    deviation = deviation.clamp_min(max(STD_FLOOR, 0.1 * float(deviation.mean())))
    standard = (units - units.mean(1, keepdim=True)) / deviation[:, None]
    values, vectors = torch.linalg.eigh(standard @ standard.T / units.shape[1])
    rotated: Tensor = vectors @ torch.diag((values.clamp_min(0) + NOISE).rsqrt()) @ vectors.T
    whitening: Tensor = rotated / deviation[:, None]
    return whitening


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

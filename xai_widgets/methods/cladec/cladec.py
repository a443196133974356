r"""ClaDec: decode a layer's activation into a picture, and compare it with a plain auto-encoder's picture.

Schneider and Vlachos, "Explaining Neural Networks by Decoding Layer Activations" (IDA 2021, arXiv 2005.13630) and
"Explaining Classifiers by Constructing Familiar Concepts" (Machine Learning 2022, arXiv 2203.04109).

With the classifier :math:`f = h_L \circ g_L` cut at layer L, a decoder D is trained on activations alone:

.. math::

    \hat X_E = D(g_L(X)), \qquad
    \mathcal L = (1 - \alpha)\,\mathcal L_{rec}(X, \hat X_E) + \alpha\,\mathcal L_{cla}(\hat X_E)

At alpha = 0 the best decoder gives the conditional mean E[X | code], so blur marks what the code does not determine.
Every decoder loses something. The reference auto-encoder, of the same architecture and trained to reconstruct only,
shows what could be kept. The classifier lost what is missing in ClaDec's picture and present in the reference's.

Both losses are scaled to order one, so alpha means the same on every data set: the squared error is divided by
the variance of a pixel, the divergence between the predictions for X and for its reconstruction by log K.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor

from xai_widgets import limits
from xai_widgets.errors import NotFittedError, XaiWidgetsError
from xai_widgets.limits import Of
from xai_widgets.methods.cladec import before
from xai_widgets.methods.cladec.before import default_layer, known_layers
from xai_widgets.methods.cladec.explanation import ClaDecExplanation, LayerReport
from xai_widgets.methods.cladec.layer import FittedLayer, Settings
from xai_widgets.methods.cladec.measures import depth_problems
from xai_widgets.methods.cladec.saved import layer_tensors, restored_layer, tensors_by_layer
from xai_widgets.methods.cladec.units import effects_of_units, standard_codes
from xai_widgets.methods.common.codes import cached_pass, read_codes, require_gradients
from xai_widgets.methods.common.explainer import Explainer, FewPictures, Trial
from xai_widgets.methods.common.resume import FinishedParts
from xai_widgets.progress import Progress
from xai_widgets.recipe import Recipe
from xai_widgets.sizes import is_large
from xai_widgets.study import Study

ALPHAS = (0.0, 0.01, 0.1, 0.5, 0.9)
"""Trade-offs worth looking at."""

MEASURED = 512
"""Unseen pictures that a layer's report rests on."""


class ClaDec(Explainer):
    """What layers of a classifier still know about a picture, and what they have thrown away.

    Parameters
    ----------
    study
        The classifier and its pictures.
    layer
        One dotted layer name, or several; default the block in the middle. More can be given to `fit` later.
    reference, epochs, width, pictures, seed
        See `Settings`; the reference trains for a third more epochs, since it has more to learn.
    settings
        Used in place of the five above, as the presets do.

    Raises
    ------
    LayerError
        If a layer does not exist.

    Examples
    --------
    >>> cladec = ClaDec(study, "block3").fit()  # doctest: +SKIP
    >>> cladec.explain(pictures).figure()  # doctest: +SKIP
    """

    key = "cladec"
    warns = False

    def __init__(
        self,
        study: Study,
        layer: str | Sequence[str] | None = None,
        *,
        reference: Literal["scratch", "warm"] | None = "scratch",
        epochs: int = 13,
        width: int = 16,
        pictures: int | None = None,
        seed: int = 0,
        settings: Settings | None = None,
    ) -> None:
        recipe = before.default_recipe(study, epochs, seed)
        self.study = study
        own = before.default_settings(study, reference, recipe, width, pictures) if settings is None else settings
        self.settings: Settings = Of((Settings,))("settings", own)
        self.requested_layers = known_layers(study, default_layer(study) if layer is None else layer)
        self._fitted: dict[str, FittedLayer] = {}

    @classmethod
    def paper(
        cls, study: Study, layer: str | Sequence[str] | None = None, *, alpha: float = 0.001, seed: int = 0
    ) -> Self:
        """The authors' implementation: architecture, plain losses with true labels, Adam for 64 epochs.

        Differences are repairs: the reference has no dropout in its code, pictures of other sides than 32 are
        allowed, and a reconstruction is normalised again before the classifier sees it.
        """
        recipe = Recipe(
            epochs=64, batch_size=128, lr=3e-4, weight_decay=1e-5, seed=seed,
            optimizer="adam", schedule="step", milestones=(29, 58), clip=None,
        )  # fmt: skip
        settings = Settings("scratch", recipe, recipe, width=64, pictures=10**9, paper=True, alpha=alpha)
        return cls(study, layer, settings=settings)

    # --- fitting -----------------------------------------------------------------------------------------------

    @property
    def fitted(self) -> bool:
        """Whether any layer is fitted."""
        return bool(self._fitted)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that are fitted, in the network's order."""
        return tuple(layer.name for layer in self.study.layers() if layer.name in self._fitted)

    def fit(
        self,
        layer: str | Sequence[str] | None = None,
        *,
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
        on_part: Callable[[Self], object] | None = None,
    ) -> Self:
        """Fit decoder and reference of each layer that is not fitted yet; one pass over the pictures for all.

        Parameters
        ----------
        layer
            Further layers; default those of the constructor.
        progress, checkpoint, on_part
            As for `Explainer.fit`; a part is a layer.

        Raises
        ------
        CancelledError
            If the progress was cancelled; layers already fitted stay.
        LayerError
            If a layer does not exist or cannot be decoded.
        """
        wanted = self.requested_layers if layer is None else known_layers(self.study, layer)
        before.warn_of_few(self.study, [*{*wanted} - {*self._fitted}], self.settings.pictures)
        return self._run(partial(self._fit_layers, wanted), progress, checkpoint, on_part)

    def _fit(self, progress: Progress, checkpoint: Path | None, on_part: Callable[[Self], object]) -> None:
        self._fit_layers(self.requested_layers, progress, checkpoint, on_part)

    def _fit_layers(
        self, layers: Sequence[str], progress: Progress, checkpoint: Path | None, on_part: Callable[[Self], object]
    ) -> None:
        study, seed = self.study, self.settings.recipe.seed
        if not (missing := [name for name in layers if name not in self._fitted]):
            return
        if self.settings.alpha or not self.settings.paper:
            require_gradients(study, "the alpha dial is trained (ClaDec.paper(study, layer, alpha=0) has none)")
        chosen = study.draw(study.train, self.settings.pictures, seed)
        seen = cached_pass(study, study.train, chosen, missing, progress)
        if self.settings.paper and self.settings.alpha > 0:
            seen.labelled()  # or refuses
        judged = study.draw(study.test, before.measured(study, MEASURED), seed)
        unseen = cached_pass(study, study.test, judged, missing, progress)
        finished = FinishedParts(checkpoint, f"{seen.fingerprint} {self.settings}")
        kind = before.kind_of_fit(study, self.settings)
        for layer in missing:
            self._fitted[layer] = kind(self.settings, layer, seen, unseen, progress, finished).run()
            on_part(self)
        finished.clear()

    def trial(self, layer: str | None = None) -> Trial:
        """A short fit of a layer, by default of the first one that was requested; see `Explainer.trial`."""
        before.import_what_a_fit_needs()
        layer = self._named(layer)
        most, unseen = self.settings.pictures, before.measured(self.study, MEASURED)
        few = FewPictures.of(self.study, most, unseen, self.settings.recipe.seed)
        settings, trained = before.trial_growth(self.study, layer, self.settings, few.seen)
        batch = 1.0 if before.by_crops(self.study, settings) else few.batch(self.settings.recipe.batch_size)
        growth = (few.seen, few.unseen, *trained)
        return Trial(ClaDec(few.study, layer, settings=settings), growth, few.kept([layer]), batch)

    @property
    def alphas(self) -> tuple[float, ...]:
        """Trade-offs worth looking at; only one for the published method, and for large pictures."""
        return (self.settings.alpha,) if self.settings.paper or is_large(self.study.shape) else ALPHAS

    def enough(self, layer: str | None = None) -> str:
        """Whether there are enough photos for a layer, in a sentence; empty where pictures are not large."""
        return before.enough_photos(self.study, self._named(layer), self.settings.pictures)

    # --- explaining --------------------------------------------------------------------------------------------

    def explain(
        self,
        pictures: Tensor,
        layer: str | None = None,
        *,
        alpha: float | None = None,
        units: Sequence[int] | None = None,
    ) -> ClaDecExplanation:
        """Decode a layer's activations for some pictures, beside the reference's reconstruction.

        Parameters
        ----------
        pictures
            ``(N, C, H, W)`` or ``(C, H, W)`` in [0, 1].
        layer
            A fitted layer; default the first one asked for.
        alpha
            Trade-off in [0, 1]; default 0 (the paper preset: the one it was fitted with).
        units
            Which units (channels of a map, entries of a vector) the decoder and the reference's decoder may see;
            default all.

        Raises
        ------
        NotFittedError
            If the layer is not fitted.
        LayerError
            If it does not exist, or has no such units.
        PictureError
            If the pictures do not fit the model.
        """
        began = time.perf_counter()
        fitted, dial = self._of(layer), self._dial(alpha)
        batch, shown = self.study.batch(pictures).cpu(), fitted.mask(units)
        parts = [self._decode(fitted, part, shown, dial) for part in batch.split(self.study.batch_size)]
        cladec, reference, deviation = (torch.cat(column) for column in zip(*parts, strict=True))
        shown_to_it = {"original": batch, "cladec": cladec} | ({"reference": reference} if fitted.encoder else {})
        predictions = {name: self.study.predict(version) for name, version in shown_to_it.items()}
        return ClaDecExplanation(
            original=batch,
            cladec=cladec,
            reference=shown_to_it.get("reference"),
            mean_picture=fitted.mean_picture.cpu(),
            deviation=deviation,
            predictions=predictions,
            layer=fitted.layer,
            alpha=dial,
            units=None if units is None else tuple(map(int, units)),
            report=self.report(fitted.layer),
            problems=self._stale() + self.problems_at(fitted.layer),
            class_names=self.study.class_names,
            origin=self.origin(explained_in_seconds=time.perf_counter() - began),
        )

    def units(self, layer: str) -> int:
        """How many units (channels of a map, entries of a vector) a fitted layer's code has."""
        return self._of(layer).code[0]

    def report(self, layer: str | None = None) -> LayerReport:
        """Measures of a fitted layer on unseen pictures."""
        if (report := self._of(layer).report) is None:  # a fitted layer always has one
            raise NotFittedError(f"layer {layer!r} has no report; fit it again")
        return report

    def _problems(self) -> tuple[str, ...]:
        """Why the comparison at some layers is void."""
        return tuple(f"{layer}: {problem}" for layer in self.layers for problem in self.problems_at(layer))

    def problems_at(self, layer: str | None = None) -> tuple[str, ...]:
        """Why the comparison at a layer is void: its own checks, and the depth check against other fitted layers."""
        name = self._named(layer)
        drawn = [block.name for block in self.study.blocks() if block.name in self._fitted]
        errors = {block: self.report(block).error["cladec"] for block in drawn}
        return self.report(name).problems + depth_problems(name, errors)

    def _verdict(self) -> str:
        """What each fitted layer still knows, a line each."""
        return "\n".join(f"{layer}: {self.report(layer).sentence()}" for layer in self.layers)

    def rank_units(self, pictures: Tensor, layer: str | None = None) -> Tensor:
        """Units of a layer ``(C,)``: first the one whose hiding changes the decoded pictures of one batch most."""
        fitted = self._of(layer)
        return effects_of_units(self.study, fitted, self.study.batch(pictures)).argsort(descending=True)

    def neighbours(self, pictures: Tensor, layer: str | None = None, *, count: int = 3, among: int = 500) -> Tensor:
        """Indices in ``study.train`` of the pictures whose codes are nearest, ``(N, count)``.

        A guard against a decoder's imagination: what the code really resembles, among `among` pictures drawn by the
        seed.
        """
        fitted, count = self._of(layer), limits.COUNT("count", count)
        indices = self.study.draw(self.study.train, limits.COUNT("among", among), self.settings.recipe.seed)
        pool, _ = self.study.load(self.study.train, indices)
        own, others = (standard_codes(self.study, fitted, batch) for batch in (self.study.batch(pictures), pool))
        return torch.tensor(indices)[torch.cdist(own, others).argsort(1)[:, :count]]

    def _decode(
        self, fitted: FittedLayer, pictures: Tensor, shown: Tensor, alpha: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """ClaDec's and the reference's pictures (the former again without a reference), and the deviation."""
        with self.study.borrowed(), torch.no_grad():
            code = read_codes(self.study, pictures, [fitted.layer])[fitted.layer]
            cladec, deviation = fitted.from_code(code, shown, alpha)
            reference = cladec if fitted.encoder is None else fitted.from_pictures(pictures, shown)
        return cladec.cpu(), reference.cpu(), deviation.cpu()

    def _dial(self, alpha: float | None) -> float:
        dial = self.settings.dial(alpha)
        if len(self.alphas) == 1 and dial not in self.alphas:
            raise XaiWidgetsError(f"alpha is {alpha}, but decoders of large pictures are fitted for alpha 0 only")
        return dial

    def _named(self, layer: str | None) -> str:
        return self.study.layer(self.requested_layers[0] if layer is None else layer).name

    def _of(self, layer: str | None) -> FittedLayer:
        if (name := self._named(layer)) not in self._fitted:
            raise NotFittedError(f"layer {name!r} is not fitted yet; call fit({name!r}). Fitted: {list(self.layers)}")
        return self._fitted[name]

    # --- saving ------------------------------------------------------------------------------------------------

    def _settings(self) -> dict[str, Any]:
        return asdict(self.settings)

    def _tensors(self, dtype: torch.dtype) -> dict[str, Tensor]:
        return layer_tensors(self._fitted, dtype)

    def _details(self) -> dict[str, Any]:
        made = {name: {"code": one.code, "report": asdict(self.report(name))} for name, one in self._fitted.items()}
        return {"layers": made}

    @classmethod
    def _restored(cls, study: Study, tensors: Mapping[str, Tensor], details: Mapping[str, Any]) -> Self:
        made = cls(study, list(details["layers"]), settings=Settings.restored(details))
        own = tensors_by_layer(tensors, details["layers"])
        for layer, entry in details["layers"].items():
            made._fitted[layer] = restored_layer(study, made.settings, layer, entry, own[layer])
        return made

r"""SRAE: the score of a class as the sum of a few x-features.

Qi, Khorram and Li, "Embedding Deep Networks into Visual Explanations" (Artificial Intelligence 2021, arXiv 1709.05360).
For each class a small side network squeezes a layer z into L x-features, from which a linear read-out rebuilds the
network's own score, and a decoder as much of the layer as so few numbers can hold:

.. math::

    e = E_\theta(z), \qquad \hat y = \sum_l v_l e_l + b, \qquad \tilde z = D_{\tilde\theta}(e)

`losses` has the objective. Where the layer has positions, x-features are computed at every position and their mean is
read out; so each x-feature comes with a map that sums exactly to its contribution. `SRAE.paper` is the published model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor

from xai_widgets.errors import NotFittedError, XaiWidgetsError
from xai_widgets.limits import MOST, Choice, Of, Whole
from xai_widgets.methods.common.explainer import Explainer, FewPictures, Trial
from xai_widgets.methods.srae.enough import different_classes, shortage
from xai_widgets.methods.srae.explanation import SRAEExplanation, explained
from xai_widgets.methods.srae.fitted import MEASURED, MOST_CLASSES, FittedFeatures, restored_settings, views
from xai_widgets.methods.srae.heatmaps import HeatmapMethod
from xai_widgets.methods.srae.intervention import Intervention, as_factors, intervene
from xai_widgets.methods.srae.paper import paper_settings, paper_tasks
from xai_widgets.methods.srae.positions import View, layer_and_view
from xai_widgets.methods.srae.readout import LayerReadout
from xai_widgets.methods.srae.report import ClassReport
from xai_widgets.methods.srae.settings import Basis, Score, Settings, default_settings
from xai_widgets.methods.srae.table import Kind
from xai_widgets.names import Target
from xai_widgets.progress import Progress
from xai_widgets.sizes import is_small
from xai_widgets.study import Study


class SRAE(Explainer):
    """The score of a class as the sum of a few x-features.

    Parameters
    ----------
    study
        The classifier and its pictures.
    layer
        Dotted name; default the last layer that has positions.
    view
        See `Settings`; default "spatial" where the layer has positions.
    score
        "logit", or "margin": the logit minus the best other one.
    targets
        Classes to explain, by number or name; default all or, of more than `fitted.MOST_CLASSES`, those predicted
        most often.
    features, pictures, epochs, seed
        x-features per class; and how many pictures, epochs, and which seed the fit has.
    settings
        Used in place of all but study and targets, as the preset does.

    Examples
    --------
    >>> srae = SRAE(study).fit()  # doctest: +SKIP
    >>> srae.explain(pictures, "moss tanager").figure()  # doctest: +SKIP
    """

    key = "srae"

    def __init__(
        self,
        study: Study,
        layer: str | None = None,
        *,
        view: View | None = None,
        score: Score = "logit",
        targets: Sequence[Target] | None = None,
        features: int = 7,
        pictures: int = 2000,
        epochs: int = 32,
        seed: int = 0,
        settings: Settings | None = None,
    ) -> None:
        self.study = study
        if settings is None:
            name, view = layer_and_view(study, layer, view)
            photos = not is_small(study.shape)
            settings = default_settings(name, view, score, features, pictures, epochs, seed, photos=photos)
        self.settings: Settings = Of((Settings,))("settings", settings)
        self.requested_targets = None if targets is None else different_classes(study, targets)
        self._fitted: FittedFeatures | None = None

    @classmethod
    def paper(
        cls,
        study: Study,
        layer: str | None = None,
        *,
        view: View | None = None,
        score: Score = "logit",
        targets: Sequence[Target] | None = None,
        features: int = 5,
        along: Literal["images", "features"] = "images",
        pictures: int = 10**9,
        epochs: int = 130,
        seed: int = 0,
    ) -> Self:
        """The published model: 800 and 100 hidden units, ReLU, layer-wise pre-training, the authors' weights and rule.

        Parameters
        ----------
        study, layer, score, targets, features, pictures, seed
            As for the default.
        view
            Default "pooled" where the layer has positions: the published x-features are of a vector.
        along
            What is pulled apart: "images", as the authors' script does by default, or "features", as the paper says.
        epochs
            A tenth of them, too, for each pre-training.

        Notes
        -----
        Differences: the score and its rebuilt value have one shape (in the authors' code, broadcasting makes the
        network learn the mean of a batch); all pictures of other classes are used, not a sample of 8000.
        """
        name, view = layer_and_view(study, layer, view, spatial="pooled")
        settings = paper_settings(
            name, view, score, epochs=epochs, features=features, along=along, pictures=pictures, seed=seed
        )
        return cls(study, targets=targets, settings=settings)

    def at(self, layer: str) -> Self:
        """An SRAE like this one for another layer, not fitted yet."""
        name, view = layer_and_view(self.study, layer, None, spatial="pooled" if self.settings.paper else "spatial")
        settings = replace(self.settings, layer=name, view=view)
        return type(self)(self.study, targets=self.classes or self.requested_targets, settings=settings)

    # --- fitting -----------------------------------------------------------------------------------------------

    @property
    def fitted(self) -> bool:
        """Whether the x-features of all classes are fitted."""
        return self._fitted is not None

    def _fit(self, progress: Progress, checkpoint: Path | None, on_part: Callable[[Self], object]) -> None:
        if self._fitted is None:
            self._fitted = FittedFeatures.fit(self.study, self.settings, self.requested_targets, checkpoint, progress)
            on_part(self)

    def shortage(self) -> str:
        """That there are too few photos, if there are; see `enough`."""
        return shortage(self.study, self.settings)

    def trial(self, layer: str | None = None) -> Trial:
        """A short fit, without a second try of classes that failed; see `Explainer.trial`."""
        del layer
        settings = self.settings
        few = FewPictures.of(self.study, settings.pictures, MEASURED, settings.recipe.seed)
        # Those predicted most often are not known before all pictures are read; their number is.
        targets = self.requested_targets or tuple(range(min(self.study.classes, MOST_CLASSES)))
        short = replace(settings, rounds=0, recipe=replace(settings.recipe, epochs=1))
        trained = [few.seen * task for task in paper_tasks(settings)] if settings.paper else [settings.recipe.epochs]
        more, there = (1 + views(study, settings) for study in (self.study, few.study))
        growth, batch = (few.seen * more / there, few.unseen, *trained), few.batch(settings.recipe.batch_size)
        return Trial(SRAE(few.study, targets=targets, settings=short), growth, few.kept([settings.layer]) * more, batch)

    @property
    def classes(self) -> tuple[int, ...]:
        """Numbers of the classes that are explained; none before the fit."""
        return () if self._fitted is None else self._fitted.classes

    @property
    def seconds(self) -> float:
        """Duration of the fit; 0 before it."""
        return 0.0 if self._fitted is None else self._fitted.seconds

    def _problems(self) -> tuple[str, ...]:
        """Why the x-features of some classes cannot be believed; empty if all can, or if nothing is fitted."""
        names = self.study.class_names
        return tuple(f"{names[k]}: {problem}" for k in self.classes for problem in self.report(k).srae.problems)

    def _verdict(self) -> str:
        """How much the sum of each class explains, beside PCA and PLS, a line each."""
        return "\n".join(f"{self.study.class_names[k]}: {self.report(k).verdict()}" for k in self.classes)

    # --- explaining --------------------------------------------------------------------------------------------

    def explain(
        self,
        pictures: Tensor,
        target: Target | None = None,
        *,
        heatmap_method: HeatmapMethod | None = None,
        basis: Basis = "srae",
    ) -> SRAEExplanation:
        """The scores of some pictures for one class, as sums.

        Parameters
        ----------
        pictures
            ``(N, C, H, W)`` or ``(C, H, W)`` in [0, 1].
        target
            The class, by number or name; default: of those explained, the one that the network predicts for the first
            picture.
        heatmap_method
            See `heatmaps`; default `heatmaps.default_heatmap_method`.
        basis
            "srae"; "pca" or "pls", which were fitted on the same pictures; or "random", which files of older fits lack.

        Raises
        ------
        NotFittedError
            Before `fit`.
        PictureError
            If the pictures do not fit the model.
        XaiWidgetsError
            For a class that is not explained, or an unknown method or basis.
        """
        batch = self._batch(pictures)
        row = self._predicted_row(batch[:1]) if target is None else self._row(target)
        readout, origin = self._readout(row, basis), self.origin(basis=basis)
        return explained(self._found, readout, basis, batch, heatmap_method, origin, self._stale())

    def contributions(self, pictures: Tensor, target: Target, *, basis: Basis = "srae") -> Tensor:
        """What each x-feature adds to the score of a class, ``(N, L)``: `explain` without maps."""
        return self._readout(self._row(target), basis).each(self._batch(pictures))

    def bias(self, target: Target, *, basis: Basis = "srae") -> float:
        """The start of a class's sum."""
        row = self._row(target)
        return float(self._readout(row, basis).model.bias[row])

    def intervene(self, pictures: Tensor, target: Target, factors: Tensor, *, basis: Basis = "srae") -> Intervention:
        """Scale x-features, and ask the real network.

        The change is decoded into the layer, and the rest of the network is run from there.

        Parameters
        ----------
        pictures
            ``(N, C, H, W)`` or ``(C, H, W)`` in [0, 1].
        target
            The class.
        factors
            ``(L,)`` for all pictures or ``(N, L)``: 1 changes nothing, 0 removes an x-feature, 2 doubles it.
        basis
            As for `explain`.
        """
        row = self._row(target)
        readout = self._readout(row, basis)
        return intervene(readout, self.classes[row], self._batch(pictures), as_factors(factors))

    def exemplars(
        self, target: Target, feature: int, kind: Kind = "top", *, count: int = 6, own: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Training pictures that show what an x-feature stands for.

        Parameters
        ----------
        target, feature
            The class, and the x-feature's number, from 0.
        kind
            "top": where it contributes most, for or against; "median": as much as usual; "zero": nothing.
        count
            How many at most.
        own
            Only among pictures that are predicted as the class.

        Returns
        -------
        tuple
            Indices in ``study.train`` ``(count,)``, and the contributions there.
        """
        row = self._row(target)
        return self._found.table.exemplars(row, self.require_feature(feature), kind, count, own=own)

    def report(self, target: Target) -> ClassReport:
        """A class's numbers on unseen pictures, beside PCA's and PLS's."""
        return self._found.reports[self._row(target)]

    # --- names -------------------------------------------------------------------------------------------------

    def names(self, target: Target) -> tuple[str, ...]:
        """The names of a class's x-features."""
        return self._found.named(self._row(target))

    def rename(self, target: Target, feature: int, name: str) -> None:
        """Give an x-feature a name, which is saved with it; an empty one removes the name."""
        row, feature = self._row(target), self.require_feature(feature)
        self._found.rename(row, feature, Of((str,))("name", name))

    def require_feature(self, feature: int) -> int:
        """The number of an x-feature; refused if none has it."""
        if not 0 <= (number := Whole(-MOST)("feature", feature)) < self.settings.features:
            raise XaiWidgetsError(f"x-features are numbered 0 to {self.settings.features - 1}; there is no {number}")
        return number

    # --- helpers -----------------------------------------------------------------------------------------------

    @property
    def _found(self) -> FittedFeatures:
        if self._fitted is None:
            raise NotFittedError("this SRAE is not fitted yet; call fit()")
        return self._fitted

    def _batch(self, pictures: Tensor) -> Tensor:
        return self.study.batch(pictures).detach().float().cpu()

    def _readout(self, row: int, basis: Basis) -> LayerReadout:
        models = self._found.models
        return LayerReadout(self.study, self.settings, models[Choice(models)("basis", basis)], row)

    def _predicted_row(self, picture: Tensor) -> int:
        return int(self.study.logits(picture)[0, list(self._found.classes)].argmax())

    def _row(self, target: Target) -> int:
        known, names = self._found.classes, self.study.class_names
        number = self.study.class_index(target)
        if number not in known:
            raise XaiWidgetsError(
                f"{names[number]!r} is not explained; the explained classes are {[names[k] for k in known]}"
            )
        return known.index(number)

    def __repr__(self) -> str:
        state = f"{len(self.classes)} classes" if self.fitted else "not fitted"
        return f"SRAE({self.study.name!r}, {self.settings.layer!r}, {state}{', as published' * self.settings.paper})"

    # --- saving ------------------------------------------------------------------------------------------------

    def _settings(self) -> dict[str, Any]:
        plain = asdict(self.settings)
        return plain | {"target": plain.pop("score")}  # under the names of a saved file

    def _tensors(self, dtype: torch.dtype) -> dict[str, Tensor]:
        return self._found.tensors(dtype)

    def _details(self) -> dict[str, Any]:
        return self._found.details()

    @classmethod
    def _restored(cls, study: Study, tensors: Mapping[str, Tensor], details: Mapping[str, Any]) -> Self:
        settings = restored_settings(details)
        made = cls(study, targets=details["classes"], settings=settings)
        made._fitted = FittedFeatures.restored(settings, tensors, details, study.device)
        return made

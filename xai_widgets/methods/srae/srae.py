r"""SRAE: a decision as the sum of a few x-features.

Qi, Khorram and Li, "Embedding Deep Networks into Visual Explanations" (Artificial Intelligence 2021, arXiv 1709.05360).
For each class a small side network squeezes a layer z into L x-features, from which a linear read-out rebuilds the
network's own score, and a decoder as much of the layer as so few numbers can hold:

.. math::

    e = E_\theta(z), \qquad \hat y = \sum_l v_l e_l + b, \qquad \tilde z = D_{\tilde\theta}(e)

`losses` has the objective. Where the layer has places, x-features are computed at every place and their mean is read
out; so each one comes with a map that sums exactly to its contribution. `SRAE.paper` is the published model.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from xai_widgets import artifact
from xai_widgets.errors import NotFittedError, XaiWidgetsError
from xai_widgets.methods.srae.explanation import Explanation
from xai_widgets.methods.srae.fitted import Fitted, numbered
from xai_widgets.methods.srae.heatmaps import OF_THE_LAYER, Way, default_way, deletion, enlarged, heatmaps
from xai_widgets.methods.srae.intervention import Intervention, intervene
from xai_widgets.methods.srae.paper import paper_settings
from xai_widgets.methods.srae.reading import Reading
from xai_widgets.methods.srae.report import ClassReport
from xai_widgets.methods.srae.seen import scores
from xai_widgets.methods.srae.settings import Settings, Target, Weights
from xai_widgets.methods.srae.table import Kind
from xai_widgets.methods.srae.view import View, default_layer, default_view
from xai_widgets.names import find_class
from xai_widgets.progress import Progress, bar
from xai_widgets.recipe import Recipe
from xai_widgets.study import Study

HIDDEN = 32
"""Units between the layer and the x-features."""

By = Literal["srae", "pca", "pls"]
"""Whose x-features: the explanation network's, or those of a linear method fitted on the same pictures."""


class SRAE:
    """The score of a class as the sum of a few x-features.

    Parameters
    ----------
    study
        The classifier and its pictures.
    layer
        Dotted name; default the last layer that has places.
    view
        See `Settings`; default "spatial" where the layer has places.
    target
        "logit", or "margin": the logit minus the best other one.
    classes
        Which ones to explain, by number or name; default all or, of more than `fitted.MOST_CLASSES`, those the
        network sees most often.
    features
        x-features per class.
    pictures, epochs, seed
        Of the fit.

    Raises
    ------
    LayerError
        If the layer does not exist.
    XaiWidgetsError
        If a class does not exist, or a number is too small.

    Examples
    --------
    >>> srae = SRAE(study).fit()  # doctest: +SKIP
    >>> srae.explain(pictures, "moss tanager").figure()  # doctest: +SKIP
    """

    def __init__(
        self,
        study: Study,
        layer: str | None = None,
        *,
        view: View | None = None,
        target: Target = "logit",
        classes: Sequence[int | str] | None = None,
        features: int = 7,
        pictures: int = 2000,
        epochs: int = 32,
        seed: int = 0,
    ) -> None:
        name = default_layer(study) if layer is None else study.layer(layer).name
        recipe = Recipe(epochs=epochs, batch_size=128, lr=4e-3, seed=seed, clip=5.0, amp=False)
        against = (features - 1) // 2
        chosen = view or default_view(study, name)
        settings = Settings(name, chosen, target, features, against, (HIDDEN,), pictures, Weights(), recipe, rounds=2)
        self._set_up(study, settings, classes)

    @classmethod
    def paper(
        cls,
        study: Study,
        layer: str | None = None,
        *,
        view: View | None = None,
        target: Target = "logit",
        classes: Sequence[int | str] | None = None,
        features: int = 5,
        along: Literal["images", "features"] = "images",
        pictures: int = 10**9,
        epochs: int = 130,
        seed: int = 0,
    ) -> SRAE:
        """The published model: 800 and 100 hidden units, ReLU, layer-wise pre-training, the authors' weights and rule.

        Parameters
        ----------
        study, layer, target, classes, pictures, seed
            As for the default.
        view
            Default "pooled" where the layer has places: the published x-features are of a vector.
        features
            5 as published.
        along
            What is pulled apart: "images", as the authors' script does by default, or "features", as the paper says.
        epochs
            A tenth of them, too, for each pre-training.

        Notes
        -----
        Differences: the score and its rebuilt value have one shape (in the authors' code, broadcasting makes the
        network learn the mean of a batch); all pictures of other classes are used, not a sample of 8000.
        """
        name = default_layer(study) if layer is None else study.layer(layer).name
        settings = paper_settings(
            name, view or default_view(study, name, spatial="pooled"), target,
            epochs=epochs, features=features, along=along, pictures=pictures, seed=seed,
        )  # fmt: skip
        made = cls.__new__(cls)
        made._set_up(study, settings, classes)
        return made

    def _set_up(self, study: Study, settings: Settings, classes: Sequence[int | str] | None) -> None:
        self.study = study
        self.settings = settings
        self.asked = None if classes is None else tuple(find_class(study.class_names, k) for k in classes)
        if self.asked is not None and not 0 < len(set(self.asked)) == len(self.asked):
            raise XaiWidgetsError(f"classes must be different ones, at least one, and are {classes}")
        self._fitted: Fitted | None = None

    # --- fitting -----------------------------------------------------------------------------------------------

    def fit(self, *, progress: Progress | None = None, checkpoint: str | Path | None = None) -> SRAE:
        """Fit the x-features of all classes, unless that has been done.

        Parameters
        ----------
        progress
            Told each step, and asked whether to stop; default a progress bar.
        checkpoint
            Folder in which an interrupted fit finds its place again.

        Raises
        ------
        CancelledError
            If the progress was cancelled.

        Warns
        -----
        UserWarning
            If the x-features of a class cannot be believed; `problems` says why.
        """
        if self._fitted is None:
            folder = None if checkpoint is None else Path(checkpoint)
            with progress or bar() as shown:
                self._fitted = Fitted.of(self.study, self.settings, self.asked, folder, shown)
            if self.problems:
                warnings.warn(" ".join(self.problems), stacklevel=2)
        return self

    @property
    def fitted(self) -> bool:
        """Whether there is anything to explain with."""
        return self._fitted is not None

    @property
    def classes(self) -> tuple[int, ...]:
        """Numbers of the classes that are explained; none before the fit."""
        return () if self._fitted is None else self._fitted.classes

    @property
    def seconds(self) -> float:
        """What the fit took; 0 before it."""
        return 0.0 if self._fitted is None else self._fitted.seconds

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the x-features of some classes cannot be believed; empty if all can."""
        pairs = zip(self.classes, self._found.reports, strict=True)
        return tuple(f"{self.study.class_names[k]}: {said}" for k, report in pairs for said in report.srae.problems)

    @property
    def _found(self) -> Fitted:
        if self._fitted is None:
            raise NotFittedError("this SRAE is not fitted yet; call fit()")
        return self._fitted

    # --- explaining --------------------------------------------------------------------------------------------

    def explain(
        self, pictures: Tensor, of: int | str | None = None, *, way: Way | None = None, by: By = "srae"
    ) -> Explanation:
        """The scores of some pictures for one class, as sums.

        Parameters
        ----------
        pictures
            ``(N, C, H, W)`` or ``(C, H, W)`` in [0, 1].
        of
            The class, by number or name; default: of those explained, the one the network sees in the first picture.
        way
            To the heatmaps (see `heatmaps`); default `heatmaps.default_way`.
        by
            "srae", or "pca" or "pls", which were fitted on the same pictures.

        Raises
        ------
        NotFittedError
            Before `fit`.
        PictureError
            If the pictures do not fit the model.
        XaiWidgetsError
            For a class that is not explained, or an unknown way.
        """
        batch = self.study.batch(pictures).detach().float().cpu()
        logits = self.study.logits(batch)
        row = int(logits[0, list(self._found.classes)].argmax()) if of is None else self._row(of)
        reading = self._reading(row, by)
        contributions = reading.each(batch)
        chosen = way or default_way(self.study, self.settings)
        maps = heatmaps(reading, batch, chosen)
        placed = self._found.placed if chosen in OF_THE_LAYER else (0.0, 0.0)
        return Explanation(
            pictures=batch,
            class_number=self.classes[row],
            class_names=self.study.class_names,
            layer=self.settings.layer,
            target=self.settings.target,
            contributions=contributions,
            bias=float(reading.model.bias[row]),
            score=scores(logits, [self.classes[row]], self.settings.target)[:, 0],
            maps=maps,
            way=chosen,
            placed=placed,
            deletion=deletion(reading.each, batch, enlarged(maps, self.study.shape[1:], placed)),
            names=self._found.named(row) if by == "srae" else numbered(by, self.settings.features),
            alive=self._found.table.alive(row)
            if by == "srae"
            else torch.ones(self.settings.features, dtype=torch.bool),
            probabilities=logits.softmax(1),
            report=self._found.reports[row],
            origin=self._origin() | {"by": by},
        )

    def contributions(self, pictures: Tensor, of: int | str, *, by: By = "srae") -> Tensor:
        """What each x-feature adds to the score of a class, ``(N, L)``: `explain` without maps."""
        return self._reading(self._row(of), by).each(self.study.batch(pictures).detach().float().cpu())

    def bias(self, of: int | str, *, by: By = "srae") -> float:
        """What the sum of a class starts at."""
        row = self._row(of)
        return float(self._reading(row, by).model.bias[row])

    def intervene(self, pictures: Tensor, of: int | str, factors: Tensor, *, by: By = "srae") -> Intervention:
        """Turn x-features up or down, and ask the real network.

        The change is decoded into the layer, and the rest of the network is run from there.

        Parameters
        ----------
        pictures
            ``(N, C, H, W)`` or ``(C, H, W)`` in [0, 1].
        of
            The class.
        factors
            ``(L,)`` for all pictures or ``(N, L)``: 1 changes nothing, 0 takes an x-feature away, 2 doubles it.
        by
            As for `explain`.

        Raises
        ------
        XaiWidgetsError
            If the factors have another shape or are not finite, or the layer gives more than one tensor.
        """
        row = self._row(of)
        batch = self.study.batch(pictures).detach().float().cpu()
        model = self._reading(row, by).model
        return intervene(self.study, self.settings, model, row, self.classes[row], batch, torch.as_tensor(factors))

    def exemplars(
        self, of: int | str, feature: int, kind: Kind = "top", *, count: int = 6, own: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Training pictures that show what an x-feature stands for.

        Parameters
        ----------
        of, feature
            The class, and the x-feature's number, from 0.
        kind
            "top": where it contributes most, either way; "median": as much as usual; "zero": nothing.
        count
            How many at most.
        own
            Only among pictures that the network gives to the class.

        Returns
        -------
        tuple
            Places in ``study.train`` ``(count,)``, and the contributions there.
        """
        row = self._row(of)
        self._require_feature(feature)
        return self._found.table.exemplars(row, feature, kind, count, own=own)

    def report(self, of: int | str) -> ClassReport:
        """A class's numbers on unseen pictures, beside PCA's and PLS's."""
        return self._found.reports[self._row(of)]

    # --- names -------------------------------------------------------------------------------------------------

    def names(self, of: int | str) -> tuple[str, ...]:
        """What the x-features of a class are called."""
        return self._found.named(self._row(of))

    def rename(self, of: int | str, feature: int, name: str) -> None:
        """Give an x-feature a name, which is saved with it; an empty one takes the name away.

        Raises
        ------
        XaiWidgetsError
            If there is no such class or x-feature.
        """
        row = self._row(of)
        self._require_feature(feature)
        self._found.rename(row, feature, name)

    # --- helpers -----------------------------------------------------------------------------------------------

    def _reading(self, row: int, by: By) -> Reading:
        models = self._found.models
        if by not in models:
            raise XaiWidgetsError(f"by is {by!r}, but must be one of {sorted(models)}")
        return Reading(self.study, self.settings, models[by], row)

    def _row(self, of: int | str) -> int:
        """The row of a class."""
        known, names = self._found.classes, self.study.class_names
        number = find_class(names, of)
        if number not in known:
            raise XaiWidgetsError(f"{names[number]!r} is not explained; explained are {[names[k] for k in known]}")
        return known.index(number)

    def _require_feature(self, feature: int) -> None:
        if not 0 <= feature < self.settings.features:
            raise XaiWidgetsError(f"x-features are 0 to {self.settings.features - 1}, and there is no {feature}")

    def _origin(self) -> dict[str, Any]:
        return artifact.provenance(method="SRAE", model=self.study.fingerprint, **asdict(self.settings))

    def __repr__(self) -> str:
        state = f"{len(self.classes)} classes" if self.fitted else "not fitted"
        published = ", as published" if self.settings.paper else ""
        return f"SRAE({self.study.name!r}, {self.settings.layer!r}, {state}{published})"

    # --- saving ------------------------------------------------------------------------------------------------

    def save(self, path: str | Path, *, dtype: torch.dtype = torch.float32) -> Path:
        """Write x-features, names and reports to one file; with `dtype` torch.float16 it takes half of the room."""
        return self._found.save(path, self._origin(), dtype)

    @classmethod
    def load(cls, path: str | Path, study: Study) -> SRAE:
        """Read what `save` wrote, for the same classifier.

        Raises
        ------
        ArtifactError
            If the file is damaged, foreign, newer, or made from another model.
        """
        made = cls.__new__(cls)
        settings, fitted = Fitted.load(path, study)
        made._set_up(study, settings, fitted.classes)
        made._fitted = fitted
        return made

"""Guided feature inversion: where a classifier finds its evidence for a class.

explanation = GuidedFeatureInversion(study).explain(pictures)
explanation.figure()

Du, Liu, Song, Hu: Towards Explanation of DNN-based Prediction with Guided Feature Inversion (KDD 2018).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Self

import torch
from torch import Tensor

from xai_widgets import artifact, limits
from xai_widgets.errors import ArtifactError, PictureError, XaiWidgetsError
from xai_widgets.limits import Of, Several
from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.methods.inversion import backgrounds as _backgrounds
from xai_widgets.methods.inversion.backgrounds import AUTO, PAPER_BLUR, backgrounds
from xai_widgets.methods.inversion.basis import base_layers, published_layer, signs
from xai_widgets.methods.inversion.explanation import InversionExplanation, restored, stored
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.paper import PublishedSettings
from xai_widgets.methods.inversion.plain import invert_plainly
from xai_widgets.methods.inversion.problem import Cases, MaskProblem, SearchRecorder
from xai_widgets.methods.inversion.targets import AnyTarget, Targets, require_explained, targets_of
from xai_widgets.methods.masking.batches import checked
from xai_widgets.names import Target
from xai_widgets.pictures import INDICES
from xai_widgets.progress import Progress
from xai_widgets.study import Study

PICTURES, AT_ONCE = 24, 8
"""`GuidedFeatureInversion.fit` explains so many pictures, in parts of so many."""

SETTINGS: dict[str, Any] = {kind.__name__: kind for kind in (GuidedSettings, PublishedSettings)}
"""The settings that a file can hold, by name."""
NAMES, SEARCH = Several(Of((str,)), least=1), Of(tuple(SETTINGS.values()))


class GuidedFeatureInversion(Explainer):
    """Finds the part of a picture that a classifier needs, as a weighted sum of the classifier's own channels.

    Parameters
    ----------
    study
        The classifier and its pictures.
    base_layer
        The layer, or layers, whose channels make the masks; default: the last one of each resolution.
    deep_layer
        The layer where the representations of a picture and of its kept part are compared; default: the deepest base
        layer.
    background
        What replaces the picture where a mask is 0, of `backgrounds.BACKGROUNDS`.
    settings
        The search: `GuidedSettings`, or `PublishedSettings`.
    seed
        Of backgrounds of noise.

    Attributes
    ----------
    found
        The explanations that `fit` and `find` made, by index in ``study.test``.

    Raises
    ------
    LayerError
        If a layer does not exist, or gives no maps.
    XaiWidgetsError
        If the background does not exist.
    """

    key = "inversion"
    warns = False

    def __init__(
        self,
        study: Study,
        base_layer: str | Sequence[str] | None = None,
        deep_layer: str | None = None,
        *,
        background: str = AUTO,
        settings: GuidedSettings | PublishedSettings | None = None,
        seed: int = 0,
    ) -> None:
        _backgrounds.require(background)
        self.study, self.background, self.seed = study, background, limits.SEED("seed", seed)
        chosen = base_layers(study) if base_layer is None else base_layer
        self.base_layers = NAMES("base_layer", [chosen] if isinstance(chosen, str) else chosen)
        self.deep_layer = study.layer(self.base_layers[-1] if deep_layer is None else deep_layer).name
        default = GuidedSettings.of_size(study.shape[1:])
        self.settings: Any = default if settings is None else SEARCH("settings", settings)
        self._signed = signs(study, self.base_layers)
        self.found: dict[int, InversionExplanation] = {}

    @classmethod
    def faithful(cls, study: Study, *layers: Any, **options: Any) -> Self:
        """The default."""
        return cls(study, *layers, **options)

    @classmethod
    def fast(cls, study: Study, *layers: Any, **options: Any) -> Self:
        """Fewer and greater steps: less than half the time, for larger masks; the default does so with photos."""
        return cls(study, *layers, settings=GuidedSettings(steps=15, lr=0.5, area=2.0), **options)

    @classmethod
    def paper(
        cls,
        study: Study,
        base_layer: str | None = None,
        deep_layer: str | None = None,
        *,
        background: str = PAPER_BLUR,
        **options: Any,
    ) -> Self:
        """The published method: one layer, the weak blur, and its two stages of 10 and 70 steps."""
        deep = base_layers(study)[-1] if deep_layer is None else deep_layer
        layer = published_layer(study) if base_layer is None else base_layer
        return cls(study, layer, deep, background=background, settings=PublishedSettings(), **options)

    def __repr__(self) -> str:
        layers = ", ".join(self.base_layers)
        return f"GuidedFeatureInversion({self.study.name!r}, of {layers}, compared at {self.deep_layer})"

    def altered(self, **changes: Any) -> Self:
        """The same, with some settings changed and nothing found.

        Raises
        ------
        XaiWidgetsError
            If the search has no such setting.
        """
        unknown = sorted(set(changes) - set(asdict(self.settings)))
        if unknown:
            raise XaiWidgetsError(f"{type(self.settings).__name__} has no setting {unknown[0]!r}")
        made = copy(self)
        made.settings, made.found = replace(self.settings, **changes), {}
        return made

    # --- fitting -----------------------------------------------------------------------------------------------

    @property
    def fitted(self) -> bool:
        """Whether any picture of the study is explained."""
        return bool(self.found)

    def _fit(self, progress: Progress, checkpoint: Path | None, on_part: Callable[[Self], object]) -> None:
        """Explain the first unseen pictures of the study's pool; each part that is finished stays found."""
        del checkpoint
        for part in torch.tensor(self.study.draw(self.study.test, PICTURES)).split(AT_ONCE):
            self.find(part.tolist(), progress=progress)
            on_part(self)

    def find(self, indices: Sequence[int], *, progress: Progress | None = None) -> Self:
        """Explain the predicted classes of unseen pictures, and keep the explanations in `found`.

        Parameters
        ----------
        indices
            In ``study.test``; pictures in `found` are not explained again.
        progress
            Told each step; silent by default.

        Raises
        ------
        PictureError
            If a picture does not exist.
        CancelledError
            If `progress` was cancelled; what was found before stays.
        """
        missing = [index for index in dict.fromkeys(INDICES("indices", indices)) if index not in self.found]
        if not set(missing) <= set(range(len(self.study.test))):
            raise PictureError(f"indices must be 0 to {len(self.study.test) - 1}, but are {missing}")
        if missing:
            self._note_model()
            pictures, _ = self.study.load(self.study.test, missing)
            explanation = self.explain(pictures, film=True, progress=progress)
            self.found |= {index: explanation[row] for row, index in enumerate(missing)}
        return self

    def _verdict(self) -> str:
        """How many pictures are explained, and the mean probabilities that tell whether to trust the masks."""
        self._require_fitted()
        kept, removed, background = (
            fmean(float(getattr(one, name)) for one in self.found.values())
            for name in ("kept", "removed", "baseline_score")
        )
        return (
            f"Mean probability on {len(self.found)} held-out pictures: {kept:.0%} from the mask alone, {removed:.0%} "
            f"without it, {background:.0%} from the background alone."
        )

    # --- explaining --------------------------------------------------------------------------------------------

    def explain(
        self,
        pictures: Tensor,
        target: AnyTarget = None,
        *,
        against: Target | Tensor | None = None,
        film: bool = False,
        on_mask: Callable[[Tensor], object] | None = None,
        progress: Progress | None = None,
    ) -> InversionExplanation:
        """Masks of the evidence for a class (stage 2).

        Parameters
        ----------
        pictures
            ``(N, C, H, W)`` or one ``(C, H, W)``, in [0, 1]; of any size that the classifier takes.
        target
            A class for all of them (number or name), one for each ``(N,)``, "runner-up", or a function that gives
            log-probabilities ``(M,)`` for logits ``(M, K)``; default: the predicted classes.
        against
            A class for all of them, one for each, or "runner-up": why `target`, and not this class?
        film
            Record the mask of every step in `InversionExplanation.frames`.
        on_mask
            Called with the masks ``(n, H, W)`` of each batch after each step.
        progress
            Told each step; silent by default.

        Raises
        ------
        PictureError
            If the pictures do not fit the model, or there are none.
        XaiWidgetsError
            If a class does not exist, or the classifier gives no gradients, or NaN.
        CancelledError
            If `progress` was cancelled.
        """
        batch, settings = checked(self.study, pictures, "explain"), self.settings
        targets = targets_of(target, against, self.study.logits(batch), self.study.class_names)
        require_explained(self.study, targets)
        recorder = partial(SearchRecorder, filmed=film, on_mask=on_mask)
        return self._explained(batch, targets, settings.explain, settings.explain_steps, recorder, progress)

    def invert(self, pictures: Tensor, *, film: bool = False, progress: Progress | None = None) -> InversionExplanation:
        """Masks of what the network represents at all (stage 1), which does not depend on any class.

        Parameters and errors are those of `explain`; the probabilities are those of the predicted classes.
        """
        batch, settings = checked(self.study, pictures, "explain"), self.settings
        targets = Targets(self.study.logits(batch).argmax(1))
        recorder = partial(SearchRecorder, filmed=film)
        return self._explained(batch, targets, settings.invert, settings.invert_steps, recorder, progress)

    def invert_plainly(
        self, pictures: Tensor, *, steps: int = 200, progress: Progress | None = None
    ) -> tuple[Tensor, Tensor]:
        """Plain inversion, without a mask (equation 1): other pictures that look the same to the deep layer.

        Parameters
        ----------
        pictures, progress
            As for `explain`.
        steps
            Of the search.

        Returns
        -------
        tuple
            Pictures ``(N, C, H, W)``, and their relative inversion errors ``(N,)``.
        """
        batch, progress = checked(self.study, pictures, "explain"), progress or Progress()
        steps = limits.STEPS("steps", steps)
        cases = self._cases(batch, batch, Targets(self.study.logits(batch).argmax(1)))
        progress.start("plain feature inversion", len(cases.batches) * steps)

        def solve(problem: MaskProblem) -> Sequence[Tensor]:
            inverted = invert_plainly(problem, steps, progress.advance)
            with torch.no_grad():
                return inverted, problem.errors(inverted)

        inverted, errors = cases.solved(solve)
        return inverted, errors

    def _explained(
        self,
        pictures: Tensor,
        targets: Targets,
        search: Callable[[MaskProblem, SearchRecorder], tuple[Tensor, Tensor]],
        steps: int,
        recorder: Callable[[Callable[[], None]], SearchRecorder],
        progress: Progress | None,
    ) -> InversionExplanation:
        began, progress = time.perf_counter(), progress or Progress()
        behind, names = backgrounds(self.study, pictures, targets.class_index, self.background, self.seed)
        cases = self._cases(pictures, behind, targets)
        progress.start("guided feature inversion", len(cases.batches) * steps)
        channels: list[tuple[str, int]] = []

        def solve(problem: MaskProblem) -> Sequence[Tensor]:
            channels[:], recorded = problem.basis.channels, recorder(progress.advance)
            mask, weights = search(problem, recorded)
            with torch.no_grad():
                return mask, weights, problem.errors(problem.kept(mask)), recorded.film(problem.pictures)

        masks, weights, error, frames = cases.solved(solve)
        return InversionExplanation(
            pictures=pictures,
            backgrounds=behind,
            targets=targets,
            masks=masks[:, 0],
            weights=weights,
            channels=tuple(channels),
            error=error,
            frames=frames.transpose(0, 1),
            background_names=names,
            class_names=self.study.class_names,
            **cases.scores(masks),
            origin=self.origin(model=self.study.fingerprint, seconds=time.perf_counter() - began),
        )

    def _cases(self, pictures: Tensor, behind: Tensor, targets: Targets) -> Cases:
        return Cases(self.study, pictures, behind, targets, self._signed, self.deep_layer)

    # --- saving ------------------------------------------------------------------------------------------------

    def _settings(self) -> dict[str, Any]:
        own = {"base_layers": list(self.base_layers), "deep_layer": self.deep_layer, "background": self.background}
        search = {"optimiser": type(self.settings).__name__, "settings": asdict(self.settings)}
        return own | search | {"seed": self.seed}

    def _tensors(self, dtype: torch.dtype) -> dict[str, Tensor]:
        del dtype  # pictures, and the masks that the probabilities belong to, are kept as they are
        return {f"{index}/{name}": value for index, one in self.found.items() for name, value in stored(one)[0].items()}

    def _details(self) -> dict[str, Any]:
        if type(self.settings) not in SETTINGS.values():
            raise ArtifactError(f"settings of class {type(self.settings).__name__} cannot be saved")
        return {"found": {str(index): stored(one)[1] for index, one in self.found.items()}}

    @classmethod
    def _restored(cls, study: Study, tensors: Mapping[str, Tensor], details: Mapping[str, Any]) -> Self:
        settings = SETTINGS[details["optimiser"]](**details["settings"])
        own = {name: details[name] for name in ("deep_layer", "background", "seed")}
        made = cls(study, details["base_layers"], settings=settings, **own)
        for index, entry in details["found"].items():
            made.found[int(index)] = restored(artifact.group(tensors, index), entry, study.class_names)
        return made

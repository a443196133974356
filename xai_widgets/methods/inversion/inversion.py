"""Guided feature inversion: where a classifier finds its evidence for a class.

found = GuidedFeatureInversion(study).explain(pictures)
found.figure()

Du, Liu, Song, Hu: Towards Explanation of DNN-based Prediction with Guided Feature Inversion (KDD 2018).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError, PictureError, XaiWidgetsError
from xai_widgets.methods.inversion import backgrounds as _backgrounds
from xai_widgets.methods.inversion.backgrounds import AUTO, PAPER_BLUR, backgrounds
from xai_widgets.methods.inversion.basis import base_layers, published_layer, signs
from xai_widgets.methods.inversion.explanation import Inversions, restored, stored
from xai_widgets.methods.inversion.guided import GuidedSettings
from xai_widgets.methods.inversion.paper import PublishedSettings
from xai_widgets.methods.inversion.plain import invert_plainly
from xai_widgets.methods.inversion.question import Question, Watch, ask
from xai_widgets.methods.inversion.targets import Classes, Target, target_of
from xai_widgets.methods.masking.batches import batch_size
from xai_widgets.progress import Progress
from xai_widgets.study import Study

TASK = "guided feature inversion"
KIND = "inversion"

SETTINGS: dict[str, Any] = {kind.__name__: kind for kind in (GuidedSettings, PublishedSettings)}
"""Those that a file can hold, by the names it knows them by."""

_Search = Callable[[Question, Watch], tuple[Tensor, Tensor]]


class Optimiser(Protocol):
    """What finds masks for one batch; each gives masks ``(N, 1, H, W)`` and weights ``(N, n)``."""

    @property
    def explain_steps(self) -> int:
        """How often the watch sees a mask in `explain`."""

    @property
    def invert_steps(self) -> int:
        """How often it does in `invert`."""

    def explain(self, question: Question, watch: Watch) -> tuple[Tensor, Tensor]:
        """For the target."""

    def invert(self, question: Question, watch: Watch) -> tuple[Tensor, Tensor]:
        """For whatever is in the picture."""


class GuidedFeatureInversion:
    """Finds the part of a picture that a classifier needs, as a weighted sum of its own channels.

    Parameters
    ----------
    study
        Whose classifier is asked; it is borrowed, and never changed.
    base_layer
        The layer, or layers, whose channels make the masks; default: the last one of each resolution.
    deep_layer
        Where the representations of a picture and of what is kept are compared; default: the deepest base layer.
    background
        What is seen where a mask is 0, of `backgrounds.BACKGROUNDS`.
    settings
        How masks are looked for: `GuidedSettings`, or `PublishedSettings`.
    seed
        Of backgrounds of noise.

    Attributes
    ----------
    found
        What `find` found, by place in ``study.test``.

    Raises
    ------
    LayerError
        If there is no such layer, or none that has places.
    XaiWidgetsError
        If there is no such background.
    """

    def __init__(
        self,
        study: Study,
        base_layer: str | Sequence[str] | None = None,
        deep_layer: str | None = None,
        *,
        background: str = AUTO,
        settings: Optimiser | None = None,
        seed: int = 0,
    ) -> None:
        _backgrounds.require(background)
        self.study, self.background, self.seed = study, background, seed
        chosen = base_layers(study) if base_layer is None else base_layer
        self.base_layers: tuple[str, ...] = (chosen,) if isinstance(chosen, str) else tuple(chosen)
        self.deep_layer = study.layer(deep_layer or self.base_layers[-1]).name
        self.settings: Any = settings or GuidedSettings()
        self._signed = signs(study, self.base_layers)
        self.found: dict[int, Inversions] = {}

    @classmethod
    def faithful(cls, study: Study, *given: Any, **options: Any) -> Self:
        """The default."""
        return cls(study, *given, **options)

    @classmethod
    def fast(cls, study: Study, *given: Any, **options: Any) -> Self:
        """Fewer and greater steps: less than half the time, for larger masks."""
        return cls(study, *given, settings=GuidedSettings(steps=15, lr=0.5, area=2.0), **options)

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
        deep = deep_layer or base_layers(study)[-1]
        layer = base_layer or published_layer(study)
        return cls(study, layer, deep, background=background, settings=PublishedSettings(), **options)

    def __repr__(self) -> str:
        layers = ", ".join(self.base_layers)
        return f"GuidedFeatureInversion({self.study.name!r}, of {layers}, compared at {self.deep_layer})"

    def altered(self, **changes: Any) -> Self:
        """The same, with some settings changed.

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

    # --- finding -----------------------------------------------------------------------------------------------

    def explain(
        self,
        pictures: Tensor,
        classes: Classes = None,
        *,
        against: int | str | Tensor | None = None,
        film: bool = False,
        on_mask: Callable[[Tensor], object] | None = None,
        progress: Progress | None = None,
    ) -> Inversions:
        """Masks of what speaks for a class (stage 2).

        Parameters
        ----------
        pictures
            ``(N, C, H, W)`` or one ``(C, H, W)``, in [0, 1]; of any size that the classifier takes.
        classes
            A class for all of them, one for each ``(N,)``, "runner-up", or a function that gives log-probabilities
            ``(M,)`` for logits ``(M, K)``; default: what the classifier says.
        against
            A class for all of them, one for each, or "runner-up": why `classes`, and not these?
        film
            Keep the mask of every step in `Inversions.frames`.
        on_mask
            Shown the masks ``(n, H, W)`` of the pictures that are searched together, after each step.
        progress
            Told each step; silent by default.

        Raises
        ------
        PictureError
            If these are no pictures for the study, or there are none.
        XaiWidgetsError
            If a class does not exist, or the classifier gives no gradients, or NaN.
        CancelledError
            If `progress` was cancelled.
        """
        began = time.perf_counter()
        batch = self._checked(pictures)
        target = target_of(classes, against, self.study.logits(batch))
        progress, settings = progress or Progress(), self.settings
        watch = partial(Watch, progress.advance, filmed=film, on_mask=on_mask)
        return self._found(batch, target, settings.explain, settings.explain_steps, watch, progress, began)

    def find(self, places: Sequence[int], *, progress: Progress | None = None) -> Self:
        """Explain unseen pictures of the study, for what the classifier says of them, and keep that in `found`.

        Parameters
        ----------
        places
            In ``study.test``; those that are there already are not explained again.
        progress
            Told each step; silent by default.

        Raises
        ------
        PictureError
            If there is no such picture.
        CancelledError
            If `progress` was cancelled; what was found before stays.
        """
        wanted = [place for place in dict.fromkeys(map(int, places)) if place not in self.found]
        if not set(wanted) <= set(range(len(self.study.test))):
            raise PictureError(f"places must be 0 to {len(self.study.test) - 1}, and are {list(places)}")
        if wanted:
            pictures, _ = self.study.load(self.study.test, wanted)
            found = self.explain(pictures, film=True, progress=progress)
            self.found |= {place: found[at] for at, place in enumerate(wanted)}
        return self

    def invert(self, pictures: Tensor, *, film: bool = False, progress: Progress | None = None) -> Inversions:
        """Masks of whatever the network represents (stage 1), which does not depend on any class.

        Parameters, and what is raised, are those of `explain`; probabilities are of what the classifier says.
        """
        began = time.perf_counter()
        batch = self._checked(pictures)
        target = target_of(None, None, self.study.logits(batch))
        progress, settings = progress or Progress(), self.settings
        watch = partial(Watch, progress.advance, filmed=film)
        return self._found(batch, target, settings.invert, settings.invert_steps, watch, progress, began)

    def invert_plainly(
        self, pictures: Tensor, *, steps: int = 200, progress: Progress | None = None
    ) -> tuple[Tensor, Tensor]:
        """Plain inversion, without a mask (equation 1): what else looks the same to the deep layer.

        Parameters
        ----------
        pictures
            As for `explain`.
        steps
            Of the search.
        progress
            Told each step.

        Returns
        -------
        tuple
            Pictures ``(N, C, H, W)``, and their relative inversion errors ``(N,)``.
        """
        batch, progress = self._checked(pictures), progress or Progress()
        if steps < 1:
            raise XaiWidgetsError(f"steps is {steps}; at least one is needed")
        target = target_of(None, None, self.study.logits(batch))
        places = self._batches(batch)
        progress.start("plain feature inversion", len(places) * steps)
        found = [self._plain(batch[own], target[own], steps, Watch(progress.advance)) for own in places]
        inverted, errors = (torch.cat(parts) for parts in zip(*found, strict=True))
        return inverted, errors

    def _plain(self, pictures: Tensor, target: Target, steps: int, watch: Watch) -> tuple[Tensor, Tensor]:
        with self.study.borrowed(), torch.enable_grad():
            question = self._question(pictures, pictures, target)
            found = invert_plainly(question, steps, watch)
            with torch.no_grad():
                return found.cpu(), question.errors(found).cpu()

    def _found(
        self,
        pictures: Tensor,
        target: Target,
        search: _Search,
        steps: int,
        watch: Callable[[], Watch],
        progress: Progress,
        began: float,
    ) -> Inversions:
        behind, names = backgrounds(self.study, pictures, target.classes, self.background, self.seed)
        batches = self._batches(pictures)
        progress.start(TASK, len(batches) * steps)
        parts = []
        for own in batches:
            with self.study.borrowed(), torch.enable_grad():
                question = self._question(pictures[own], behind[own], target[own])
                parts.append(_searched(question, search, watch()))
        masks, weights, error = (torch.cat([part[i] for part in parts]) for i in range(3))
        return Inversions(
            pictures=pictures,
            backgrounds=behind,
            target=target,
            masks=masks[:, 0],
            weights=weights,
            channels=question.basis.channels,
            error=error,
            frames=torch.cat([part[3] for part in parts], 1),
            background_names=names,
            class_names=self.study.class_names,
            **self._measured(pictures, behind, masks, target),
            origin=self._origin() | {"seconds": time.perf_counter() - began},
        )

    def _measured(self, pictures: Tensor, behind: Tensor, masks: Tensor, target: Target) -> dict[str, Tensor]:
        """Probabilities of the target for pictures, backgrounds, and both blends of them."""
        seen = {
            "before": pictures,
            "without": behind,
            "kept": pictures * masks + behind * (1 - masks),
            "removed": pictures * (1 - masks) + behind * masks,
        }
        return {name: target.log_probabilities(self.study.logits(one)).exp() for name, one in seen.items()}

    def _question(self, pictures: Tensor, behind: Tensor, target: Target) -> Question:
        return ask(self.study, pictures, behind, target, self._signed, self.deep_layer)

    def _checked(self, pictures: Tensor) -> Tensor:
        batch = self.study.check(pictures).detach().cpu().float()
        if not len(batch):
            raise PictureError("there are no pictures to explain")
        return batch

    def _batches(self, pictures: Tensor) -> tuple[Tensor, ...]:
        height, width = pictures.shape[2:]
        return tuple(torch.arange(len(pictures)).split(batch_size(self.study, (height, width))))

    # --- keeping -----------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> Path:
        """Write what `find` found, with how it was looked for, to one file; the pictures are in it.

        Raises
        ------
        ArtifactError
            If the settings are of a class of one's own, or the file cannot be written.
        """
        if type(self.settings) not in SETTINGS.values():
            raise ArtifactError(f"settings of class {type(self.settings).__name__} cannot be saved")
        each = {str(place): stored(one) for place, one in self.found.items()}
        tensors = {f"{place}/{name}": value for place, (own, _) in each.items() for name, value in own.items()}
        found = {place: details for place, (_, details) in each.items()}
        own = {"settings": asdict(self.settings), "seed": self.seed, "found": found}
        return artifact.save(path, KIND, tensors, self._origin() | own)

    @classmethod
    def load(cls, path: str | Path, study: Study) -> Self:
        """Read what `save` wrote, for the same classifier.

        Raises
        ------
        ArtifactError
            If the file is damaged, foreign, newer, or made from another model.
        """
        tensors, details = artifact.load(path, KIND)
        artifact.require_same_model(details, study.fingerprint, path)
        try:
            settings = SETTINGS[details["optimiser"]](**details["settings"])
            own = {name: details[name] for name in ("deep_layer", "background", "seed")}
            made = cls(study, details["base_layers"], settings=settings, **own)
            for place, said in details["found"].items():
                made.found[int(place)] = restored(artifact.group(tensors, place), said, study.class_names)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise ArtifactError(f"{path} does not hold what its description says ({error!r}); find anew") from error
        return made

    def _origin(self) -> dict[str, Any]:
        own = {"base_layers": list(self.base_layers), "deep_layer": self.deep_layer, "background": self.background}
        settings = {"optimiser": type(self.settings).__name__, **asdict(self.settings)}
        return artifact.provenance(method=TASK, model=self.study.fingerprint, **own, **settings)


def _searched(question: Question, search: _Search, watch: Watch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Masks, weights, inversion errors and frames, on the CPU."""
    mask, weights = search(question, watch)
    with torch.no_grad():
        error = question.errors(question.kept(mask))
    return mask.cpu(), weights.cpu(), error.cpu(), watch.film(question.pictures)

"""What all explanation methods share: each is fitted for one study, explains pictures, and is saved and loaded."""

from __future__ import annotations

import copy
import math
import warnings
from abc import ABC, abstractmethod
from collections import UserDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from xai_widgets import artifact
from xai_widgets.errors import ArtifactError, NotFittedError, StaleError, XaiWidgetsError
from xai_widgets.limits import OrNone, path_like
from xai_widgets.modes import unmoved
from xai_widgets.pictures import draw, subset
from xai_widgets.progress import Progress, bar
from xai_widgets.study import Study

TRIAL_PICTURES, TRIAL_PIXELS, LEAST_TRIAL = 128, 96 * 64**2, 8
"""A trial is of so many pictures; of fewer where they are large, to take little memory, but of at least so many."""

TRIAL_EPOCHS = 2
"""Validation falls between two epochs, and is timed with them."""

TRIAL_BATCH = 32
"""At most so many pictures pass through the classifier at once in a trial."""


STALE = (
    "The weights of the model have changed since this fit, so it explains the old model. "
    "Make a new explainer, or restore the weights."
)


class Trial(NamedTuple):
    """A fit so short that it can be tried, to learn what the real one would take.

    Attributes
    ----------
    explainer
        A copy on a few pictures, to be trained for a moment and thrown away; it borrows the same model.
    growth
        How many times more steps the real fit takes than the trial, for each task of its progress in turn.
    kept
        Bytes that the real fit keeps of its pictures.
    batch
        How many times more pictures a training step of the real fit takes.
    """

    explainer: Explainer
    growth: Sequence[float]
    kept: int
    batch: float = 1.0


@dataclass(frozen=True)
class FewPictures:
    """A few of the pictures that a fit reads, for a trial of it.

    A `study` of the same model, without explainers; how many times more pictures to fit on (`seen`) and unseen ones
    the real fit reads, and how many (`count`) in all.
    """

    study: Study
    seen: float
    unseen: float
    count: int

    @classmethod
    def of(cls, study: Study, most: int, most_unseen: int, seed: int, least: int = LEAST_TRIAL) -> Self:
        """For a fit that reads at most so many pictures of each set, and fails on fewer than `least`."""
        seen, unseen = min(most, len(study.train)), min(most_unseen, len(study.test))
        few = min(seen, TRIAL_PICTURES, max(TRIAL_PIXELS // math.prod(study.shape[1:]), least))
        # As large a share as of those to fit on, so that whatever follows both grows alike.
        few_unseen = max(round(unseen * few / seen), 1)
        small = copy.copy(study)
        small.train = subset(study.train, draw(study.train, few, seed))
        small.test = subset(study.test, draw(study.test, few_unseen, seed))
        small._normalisation_checked = True  # which is no part of a fit
        small.batch_size, small.explainers = min(study.batch_size, TRIAL_BATCH, few), {}
        return cls(small, seen / few, unseen / few_unseen, seen + unseen)

    def batch(self, size: int) -> float:
        """How many times larger a batch of that size is than it can be in the trial."""
        there = len(self.study.train)
        return min(size, there * self.seen) / min(size, there)

    def kept(self, layers: Sequence[str]) -> int:
        """Bytes of the 8-bit pictures, their logits, and the codes of layers in half precision."""
        numbers = [math.prod(self.study.layer(layer).shape) for layer in layers]
        return self.count * (math.prod(self.study.shape) + 4 * self.study.classes + 2 * sum(numbers))


@unmoved
class Explainer(ABC):
    """An explanation method for the classifier of one study.

    A subclass says how it is fitted (`_fit`), how it explains (`explain`), how it judges the fit (`_verdict`,
    `_problems`), and what a file holds (`_tensors`, `_details`, `_restored`). Everything else exists once, here.

    Attributes
    ----------
    study
        The classifier and its pictures. The model is borrowed, and never changed.
    key
        The method's key in every registry, in ``study.explainers``, and in saved files.
    warns
        Whether `fit` warns of `problems`; not where every explanation shows them anyway.
    """

    key: ClassVar[str]
    warns: ClassVar[bool] = True
    study: Study
    _fitted_for: str | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        """Let the methods of a subclass work as without any mode of torch, too."""
        super().__init_subclass__(**options)
        unmoved(cls)

    # --- fitting -----------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def fitted(self) -> bool:
        """Whether there is anything to explain with, and to save."""

    def fit(
        self,
        *,
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
        on_part: Callable[[Self], object] | None = None,
    ) -> Self:
        """Fit what is not fitted yet.

        Parameters
        ----------
        progress
            Told each step, and asked whether to stop; default a progress bar.
        checkpoint
            Folder in which an interrupted fit finds its place again; several fits may share it.
        on_part
            Called with this explainer after each part that is finished, to save it, for example.

        Raises
        ------
        CancelledError
            If the progress was cancelled; what was finished stays.

        Warns
        -----
        UserWarning
            Before the fit, if there are too few pictures (`shortage`); after it, if it cannot be trusted (`problems`).
        """
        return self._run(self._fit, progress, checkpoint, on_part)

    def _run(
        self,
        fit: Callable[[Progress, Path | None, Callable[[Self], object]], None],
        progress: Progress | None,
        checkpoint: str | Path | None,
        on_part: Callable[[Self], object] | None,
    ) -> Self:
        self._note_model()
        if said := self.shortage():
            warnings.warn(said, stacklevel=4)
        before = self.problems
        with progress or bar() as shown:
            self.study.check_normalisation(shown)
            fit(shown, OrNone(path_like)("checkpoint", checkpoint), on_part or _nothing)
        new = [problem for problem in self.problems if problem not in before]
        if new and self.warns:
            warnings.warn(" ".join(new), stacklevel=4)
        return self

    @abstractmethod
    def _fit(self, progress: Progress, checkpoint: Path | None, on_part: Callable[[Self], object]) -> None:
        """Fit what is not fitted yet, and call `on_part` after each part."""

    def shortage(self) -> str:
        """That there are too few pictures for a fit, with the number that it needs; empty if there are enough."""
        return ""

    def trial(self, layer: str | None = None) -> Trial:
        """A short fit like the one that `fit` would begin, of a layer where the method has several.

        Raises
        ------
        XaiWidgetsError
            If the method searches instead of training.
        """
        del layer
        raise XaiWidgetsError(f"{type(self).__name__} searches instead of training, so there is no fit to try")

    # --- explaining --------------------------------------------------------------------------------------------

    @abstractmethod
    def explain(self, pictures: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Explain pictures ``(N, C, H, W)`` or ``(C, H, W)`` in [0, 1]; methods of one class take ``target=``."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Why what is fitted cannot be trusted, one sentence each; empty if it can, or if nothing is fitted."""
        return (*self._stale(), *self._problems())

    def verdict(self) -> str:
        """What was fitted and whether to trust it, in a few lines."""
        return "\n".join([*self._stale(), self._verdict()])

    def _problems(self) -> tuple[str, ...]:
        """Why the fit cannot be trusted, for the model that it was made for."""
        return ()

    @abstractmethod
    def _verdict(self) -> str:
        """What was fitted and whether to trust it, for the model that it was made for."""

    def _stale(self) -> tuple[str, ...]:
        """That the model has changed since the fit, if it has; a hash of all weights each time."""
        changed = self.fitted and self._fitted_for not in (None, self.study.fingerprint)
        return (STALE,) if changed else ()

    def _note_model(self) -> None:
        """Before something is fitted: remember for which model; a StaleError if there is something for another one."""
        if self._stale():
            raise StaleError(STALE)
        self._fitted_for = self.study.fingerprint

    # --- saving ------------------------------------------------------------------------------------------------

    def save(self, path: str | Path, *, dtype: torch.dtype = torch.float32) -> Path:
        """Write everything that is fitted to one file, which can be loaded for the model as it was at the fit.

        Parameters
        ----------
        path
            With or without its suffix; folders are created.
        dtype
            With torch.float16 or torch.bfloat16, large matrices take half of the room.

        Raises
        ------
        NotFittedError
            If nothing is fitted.
        XaiWidgetsError
            If `dtype` is another type.
        ArtifactError
            If the file cannot be written; one that was there before is then untouched.
        """
        self._require_fitted()
        if dtype not in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
            raise XaiWidgetsError(f"dtype is {dtype!r}, but must be torch.float32, float64, float16 or bfloat16")
        still = self._still()
        return artifact.save(path, self.key, still._tensors(dtype), self.origin() | still._details())

    def _still(self) -> Self:
        """A copy to be written: another thread may be fitting something further meanwhile."""
        still = copy.copy(self)
        vars(still).update(
            {name: value.copy() for name, value in vars(self).items() if isinstance(value, (dict, UserDict))}
        )
        return still

    @classmethod
    def load(cls, path: str | Path, study: Study) -> Self:
        """Read what `save` wrote, for the same classifier.

        Raises
        ------
        ArtifactError
            If the file is damaged, foreign, newer, or made from another model.
        """
        tensors, details = artifact.load(path, cls.key)
        artifact.require_same_model(details, study.fingerprint, path)
        try:
            made = cls._restored(study, tensors, details)
        except (XaiWidgetsError, LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise ArtifactError(f"{path} does not hold what its description says ({error!r}); fit again") from error
        made._fitted_for = details["model"]
        return made

    def origin(self, **extra: Any) -> dict[str, Any]:
        """How this was made, as plain values: versions, the fingerprint of the fit's model, settings, and `extra`."""
        model = extra.get("model") or (self._fitted_for if self.fitted else None) or self.study.fingerprint
        return artifact.provenance(**{"method": self.key, "model": model, **self._settings(), **extra})

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """The settings of the fit, as plain values."""

    @abstractmethod
    def _tensors(self, dtype: torch.dtype) -> Mapping[str, Tensor]:
        """All tensors of a saved file, by name."""

    @abstractmethod
    def _details(self) -> dict[str, Any]:
        """What else a saved file holds, beside the settings, as JSON takes it."""

    @classmethod
    @abstractmethod
    def _restored(cls, study: Study, tensors: Mapping[str, Tensor], details: Mapping[str, Any]) -> Self:
        """The explainer that `_tensors`, `_settings` and `_details` described."""

    def _require_fitted(self) -> None:
        if not self.fitted:
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call fit()")


def _nothing(_: object) -> None:
    """Do nothing."""

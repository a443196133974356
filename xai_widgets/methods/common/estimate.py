"""What a fit would take, before it begins: a few steps of the real fit, on a throwaway copy, extrapolated."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.utils.data import Subset

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.fit import MASK_SHARE
from xai_widgets.methods.cladec.cladec import MEASURED as CLADEC_UNSEEN
from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.methods.common.codes import MOST_BYTES, read_codes
from xai_widgets.methods.srae.fitted import MEASURED as SRAE_UNSEEN
from xai_widgets.methods.srae.fitted import MOST_CLASSES, FittedFeatures
from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.pictures import PictureSet
from xai_widgets.progress import Progress
from xai_widgets.study import Study

Fit = ClaDec | SRAE | CAE
"""What can be fitted."""

PICTURES = 128
"""So many pictures a trial is made on: a few steps of each task."""

EPOCHS = 2
"""Of a trial that validates: validation falls between the steps of two epochs, and is timed with them."""

BATCH = 32
"""Most pictures that pass through the classifier at once in a trial."""

RIDGE_PICTURES, RIDGE_PIXELS, RIDGE_CODES = 2000, 5, 3
"""The linear decoder beside ClaDec is of at most so many pictures, and holds their pixels and codes so many times."""

COPIES = 6
"""Each weight is kept so many times: itself, gradient, both moments of Adam, the best one, and an average."""


@dataclass(frozen=True)
class Estimate:
    """What a fit would take here.

    Attributes
    ----------
    seconds
        Until it is done, if nothing ends it early and no part has to be fitted twice.
    bytes
        Memory that it needs on top of what is in use: what is kept of all pictures, activations of a step, weights.
    how
        How this is known, in words.
    """

    seconds: float
    bytes: int
    how: str

    def sentence(self) -> str:
        """Both in words, as "about 40 s and 300 MB here"."""
        return f"about {_time(self.seconds)} and {_memory(self.bytes)} here"


def estimate(explainer: Fit, layer: str | None = None, *, progress: Progress | None = None) -> Estimate:
    """Try a fit for a moment, and say what all of it would take.

    The trial is the fit itself, of a few pictures and epochs, by a copy that is thrown away: the explainer stays as it
    is, and the model is borrowed.

    Parameters
    ----------
    explainer
        Fitted or not.
    layer
        For a `ClaDec`, the layer; default the first one asked for. The others have one layer, or none.
    progress
        Told each task of the trial, and asked whether to stop; silent by default.

    Raises
    ------
    CancelledError
        If the progress was cancelled.
    XaiWidgetsError
        If nothing is known about fits of this kind, or what the fit itself would raise.
    """
    trial = _trial(explainer, layer)
    watch, saved = _Watch(progress or Progress(), len(trial.ratios)), _Saved()
    watch.on_step = saved.reset
    with torch.autograd.graph.saved_tensors_hooks(saved.pack, _unpack):
        module = trial.fit(watch)
    watch.finish()
    weights = sum(parameter.numel() * parameter.element_size() for parameter in module.parameters())
    return Estimate(
        seconds=watch.extrapolated(trial.ratios),
        bytes=trial.memory(saved.most + COPIES * weights),
        how=f"{watch.steps} steps of a trial on {trial.pictures} of {trial.of} pictures, {watch.seconds:.1f} s",
    )


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(_rounded(seconds), 1)} s"
    return f"{_rounded(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _memory(count: int) -> str:
    megabytes = max(_rounded(count / 1e6), 1)
    return f"{megabytes} MB" if megabytes < 1000 else f"{count / 1e9:.1f} GB"


def _rounded(value: float) -> int:
    """One significant digit up to 10 and two from there on: no more is known."""
    digits = 1 if value < 10 else 2
    scale: int = 10 ** max(math.floor(math.log10(max(value, 1))) + 1 - digits, 0)
    return round(value / scale) * scale


# --- the trial -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Trial:
    """A small fit, and how it compares to the real one.

    Attributes
    ----------
    fit
        Runs it, and gives the module that it fits.
    ratios
        How much more the real fit has to do, for each of its tasks in turn.
    pictures, of
        On how many pictures, and how many the real one has.
    kept
        Bytes that the real fit keeps of its pictures.
    passing
        Bytes that it needs for a moment beside, before or after the training.
    """

    fit: Callable[[Progress], nn.Module]
    ratios: tuple[float, ...]
    pictures: int
    of: int
    kept: int
    passing: int

    def memory(self, step: int) -> int:
        """Bytes at the worst moment: while what is kept is joined, in a step, or before or after the training."""
        return self.kept + max(self.kept, step, self.passing)


def _trial(explainer: Fit, layer: str | None) -> _Trial:
    if isinstance(explainer, ClaDec):
        return _of_cladec(explainer, layer or explainer.requested_layers[0])
    if isinstance(explainer, SRAE):
        return _of_srae(explainer)
    if isinstance(explainer, CAE):
        return _of_cae(explainer)
    raise XaiWidgetsError(f"a fit of {type(explainer).__name__} cannot be tried; give a ClaDec, an SRAE or a CAE")


def _of_cladec(cladec: ClaDec, layer: str) -> _Trial:
    settings, pictures = cladec.settings, _Pictures(cladec.study, cladec.settings.pictures, CLADEC_UNSEEN)
    cladec.study.layer(layer)
    recipe, longer = settings.recipe, settings.reference_recipe
    small = replace(settings, recipe=replace(recipe, epochs=EPOCHS), reference_recipe=replace(longer, epochs=EPOCHS))
    made = ClaDec.__new__(ClaDec)
    made._set_up(pictures.few(recipe.seed), layer, small)

    def fit(progress: Progress) -> nn.Module:
        made._fit([layer], progress, None)
        return made._of(layer)

    epochs = [recipe.epochs, *([longer.epochs] if settings.reference else [])]
    ratios = (pictures.seen, pictures.unseen, *(number / EPOCHS * pictures.seen for number in epochs))
    return pictures.trial(fit, ratios, layer, _ridge(cladec.study, layer, pictures.of))


def _ridge(study: Study, layer: str, pictures: int) -> int:
    """Bytes that the linear decoder needs while it is fitted."""
    numbers = RIDGE_PIXELS * math.prod(study.shape) + RIDGE_CODES * math.prod(study.layer(layer).shape)
    return 4 * min(pictures, RIDGE_PICTURES) * numbers


def _of_srae(srae: SRAE) -> _Trial:
    settings, pictures = srae.settings, _Pictures(srae.study, srae.settings.pictures, SRAE_UNSEEN)
    # Those that are seen most often are not known before all pictures are read; their number is.
    classes = srae.requested_targets or tuple(range(min(srae.study.classes, MOST_CLASSES)))
    small = replace(settings, rounds=0, recipe=replace(settings.recipe, epochs=1))
    study, epochs = pictures.few(settings.recipe.seed), settings.recipe.epochs

    def fit(progress: Progress) -> nn.Module:
        return FittedFeatures.fit(study, small, classes, None, progress).network

    if settings.paper:  # all pictures in each epoch, and pre-training of each layer and of the read-out
        before = max(1, epochs // 10) * pictures.seen
        trained = [before] * (len(settings.hidden) + 2) + [epochs * pictures.seen]
    else:
        trained = [float(epochs)]
    return pictures.trial(fit, (pictures.seen, pictures.unseen, *trained), settings.layer)


def _of_cae(cae: CAE) -> _Trial:
    settings, pictures = cae.settings, _Pictures(cae.study, cae.settings.pictures, 0)
    epochs, seen = settings.recipe.epochs, pictures.seen
    made = CAE.__new__(CAE)
    made._set_up(pictures.few(settings.recipe.seed), replace(settings, recipe=replace(settings.recipe, epochs=1)))

    def fit(progress: Progress) -> nn.Module:
        made._fit(progress, None)
        return made._model

    trained, mask = epochs * seen, max(1, epochs // MASK_SHARE) * seen
    ratios = (seen, trained, seen) if settings.paper else (seen, seen, trained, mask)
    return pictures.trial(fit, ratios, cae._layer)


class _Pictures:
    """The pictures of a fit, and the few of a trial.

    Attributes
    ----------
    seen, unseen
        How many times more pictures the fit reads of each set.
    """

    def __init__(self, study: Study, most: int, most_unseen: int) -> None:
        self.study = study
        self.of = min(most, len(study.train))
        self.few_seen = min(self.of, PICTURES)
        self.of_unseen = min(most_unseen, len(study.test))
        # As large a share as of those seen, so that whatever follows both grows alike.
        self.few_unseen = max(round(self.of_unseen * self.few_seen / self.of), 1)
        self.seen, self.unseen = self.of / self.few_seen, self.of_unseen / self.few_unseen

    def few(self, seed: int) -> Study:
        """A study of a few of the pictures, and of the same model."""
        study = copy.copy(self.study)
        study.train, study.test = (
            _some(pictures, count, seed)
            for pictures, count in ((study.train, self.few_seen), (study.test, self.few_unseen))
        )
        study.batch_size = min(study.batch_size, BATCH)
        study.explainers = {}
        return study

    def trial(
        self, fit: Callable[[Progress], nn.Module], ratios: tuple[float, ...], layer: str | None, passing: int = 0
    ) -> _Trial:
        """A trial whose fit keeps pictures and the codes of a layer."""
        kept = (self.of + self.of_unseen) * (math.prod(self.study.shape) + 4 * self.study.classes)
        kept += 0 if layer is None else self._codes(layer)
        widest = max(math.prod(known.shape) for known in self.study.layers())
        read = 2 * 4 * widest * min(self.study.batch_size, self.of)  # what goes into a layer, and what comes out
        return _Trial(fit, ratios, self.few_seen, self.of, kept, max(read, passing))

    def _codes(self, layer: str) -> int:
        """Bytes of a layer's codes in half precision; those that would not fit are not kept."""
        blank = torch.zeros(1, *self.study.shape)
        with self.study.borrowed(), torch.no_grad():
            size = 2 * read_codes(self.study, blank, [layer])[layer].numel()
        return sum(size * count for count in (self.of, self.of_unseen) if size * count <= MOST_BYTES)


def _some(pictures: PictureSet, count: int, seed: int) -> PictureSet:
    places = Study.draw(pictures, count, seed)
    few: PictureSet = Subset(pictures, places)  # type: ignore[arg-type]
    return few


# --- what is measured ----------------------------------------------------------------------------------------------


class _Watch(Progress):
    """Times the steps of each task, and what is between tasks; stops when another progress does."""

    def __init__(self, other: Progress, tasks: int) -> None:
        super().__init__()
        self.on_step: Callable[[], None] = lambda: None
        self._other = other
        self._tasks: list[tuple[int, list[float]]] = []
        self._first = self._last = time.perf_counter()
        other.start("trying the fit", tasks)

    def start(self, task: str, total: int, *, done: int = 0, seconds: float = 0.0) -> None:
        if self._tasks:
            self._other.advance()
        super().start(task, total, done=done, seconds=seconds)
        self._tasks.append((total, []))
        self._last = time.perf_counter()

    def advance(self, steps: int = 1, note: str = "") -> None:
        now = time.perf_counter()
        self._tasks[-1][1].append(now - self._last)
        self._last = now
        self.on_step()
        super().advance(steps, note)

    def check(self) -> None:
        self._other.check()
        super().check()

    def finish(self) -> None:
        """The trial is over."""
        self.seconds = time.perf_counter() - self._first
        self._other.advance()

    @property
    def steps(self) -> int:
        """How many steps there were."""
        return sum(len(timed) for _, timed in self._tasks)

    def extrapolated(self, ratios: tuple[float, ...]) -> float:
        """Seconds of a fit that has so many times more to do in each task, and as the first one in between."""
        tasks = sum(ratio * total * _typical(timed) for ratio, (total, timed) in zip(ratios, self._tasks, strict=True))
        between = self.seconds - sum(sum(timed) for _, timed in self._tasks)
        return tasks + ratios[0] * between


def _typical(timed: list[float]) -> float:
    """Mean of the steps but the first, in which memory is found and code is loaded."""
    rest = timed[1:] or timed
    return sum(rest) / len(rest)


class _Saved:
    """Bytes that a step keeps for its way back, at most."""

    def __init__(self) -> None:
        self.most = 0
        self._step: dict[int, int] = {}

    def pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        self._step[storage.data_ptr()] = storage.nbytes()
        return tensor

    def reset(self) -> None:
        self.most = max(self.most, sum(self._step.values()))
        self._step.clear()


def _unpack(tensor: Tensor) -> Tensor:
    return tensor

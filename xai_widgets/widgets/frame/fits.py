"""Fits under way: they belong to their study, not to the widget that began them.

A widget that is made while a fit runs, because its cell was run again, finds that fit and follows it; a widget that is
closed leaves it to go on. What was fitted is in ``study.explainers`` then.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Protocol
from weakref import WeakKeyDictionary, WeakSet, finalize

from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.progress import Progress, ProgressState
from xai_widgets.runs.keeping import register, run_of
from xai_widgets.runs.turns import turn
from xai_widgets.study import Study
from xai_widgets.widgets.frame import threads
from xai_widgets.widgets.frame.saving import save

PATIENCE = 0.1
"""Seconds between two questions whether to stop waiting."""


class Watcher(Protocol):
    """Who hears of the fits of its explainer's study; may be a widget, which is not kept alive for it."""

    explainer: Explainer

    def hear_of_fit(self, fit: Fit) -> None:
        """Called when a fit begins, and when it has ended."""

    def was_saved(self, error: Exception | None) -> None:
        """Called when what was fitted has been saved, or could not be."""


class Fit:
    """A fit under way, of one layer where a method fits several.

    Attributes
    ----------
    explainer, layer
        What is fitted.
    error
        What ended it, if it has ended before its time.
    """

    def __init__(self, explainer: Explainer, layer: str | None) -> None:
        self.explainer, self.layer = explainer, layer
        self.name = f"Fitting {layer or explainer.key}"
        self.error: BaseException | None = None
        self._progress = Progress(self._report)
        self._followers: list[Progress] = []
        self._ended = threading.Event()

    @property
    def ended(self) -> bool:
        """Whether nothing runs any more."""
        return self._ended.is_set()

    def cancel(self) -> None:
        """Ask the fit to stop at its next step."""
        self._progress.cancel()

    def follow(self, progress: Progress) -> Explainer:
        """Report on `progress` until the fit has ended; raises what has ended the fit, or a CancelledError.

        To cancel the progress only ends the following.
        """
        self._followers.append(progress)
        try:
            progress.relay(self._progress.state)
            while not self._ended.wait(PATIENCE):
                progress.check()
        finally:
            self._followers.remove(progress)
        if self.error is not None:
            raise self.error
        return self.explainer

    def run(self) -> None:
        """Fit, and tell those who watch."""
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - kept for those who follow
            self.error = error
        study = self.explainer.study
        _FITS.remove(self)
        self._ended.set()
        for watcher in _watchers(study):
            watcher.hear_of_fit(self)
        if self.error is None:
            save(self.explainer, lambda error: _tell_saved(study, error))

    def _work(self) -> None:
        study = self.explainer.study
        options: dict[str, Any] = {} if self.layer is None else {"layer": self.layer}
        run = run_of(study)
        with ExitStack() as alone:
            alone.enter_context(_one_fit_of(self.explainer, self._progress))
            if run is not None:
                alone.enter_context(turn(run.folder, self._progress))
            # The line of numbers says the same. A warning is the last word of a fit, also where they are errors, and
            # other threads may change between now and then what they are.
            with suppress(UserWarning), warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                self.explainer.fit(progress=self._progress, checkpoint=_checkpoints(self.explainer), **options)
        register(self.explainer)

    def _report(self, state: ProgressState) -> None:
        for follower in tuple(self._followers):
            follower.relay(state)


# --- what runs -----------------------------------------------------------------------------------------------------

_FITS: list[Fit] = []
_WATCHERS: WeakSet[Any] = WeakSet()
_FOLDERS: WeakKeyDictionary[Explainer, str] = WeakKeyDictionary()
_BUSY: WeakKeyDictionary[Explainer, threading.Lock] = WeakKeyDictionary()


def begin(explainer: Explainer, layer: str | None) -> Fit:
    """Fit in the background, unless that is being done; return the fit."""
    known = find(explainer, layer)
    if known is not None:
        return known
    fit = Fit(explainer, layer)
    _FITS.append(fit)
    for watcher in _watchers(explainer.study):
        watcher.hear_of_fit(fit)
    threads.begin(fit.run, fit.cancel, "xai-widgets-fit")
    return fit


def running(study: Study, key: str) -> list[Fit]:
    """The fits under way of a method."""
    return [fit for fit in tuple(_FITS) if fit.explainer.study is study.owner and fit.explainer.key == key]


def find(explainer: Explainer, layer: str | None) -> Fit | None:
    """The fit under way of an explainer, or of one that will be just the same."""
    alike = (fit for fit in tuple(_FITS) if fit.layer == layer and stands_for(fit.explainer, explainer))
    return next(alike, None)


def stands_for(one: Explainer, other: Explainer) -> bool:
    """Whether an explainer may take the place of another one, for which nothing is fitted."""
    if one is other or one.study is not other.study or one.key != other.key or other.fitted:
        return one is other
    return one._settings() == other._settings()


def watch(watcher: Watcher) -> None:
    """Let somebody hear of the fits of its study, until `ignore`."""
    _WATCHERS.add(watcher)


def ignore(watcher: Watcher) -> None:
    """Tell somebody no more."""
    _WATCHERS.discard(watcher)


def _watchers(study: Study) -> tuple[Watcher, ...]:
    return tuple(watcher for watcher in tuple(_WATCHERS) if watcher.explainer.study is study)


def _tell_saved(study: Study, error: Exception | None) -> None:
    for watcher in _watchers(study):
        watcher.was_saved(error)


def _checkpoints(explainer: Explainer) -> str:
    """The folder in which a fit that was cancelled is taken up again, by another widget, too."""
    if explainer not in _FOLDERS:
        _FOLDERS[explainer] = folder = tempfile.mkdtemp(prefix=f"{explainer.key}-")
        finalize(explainer, shutil.rmtree, folder, ignore_errors=True)
    return _FOLDERS[explainer]


@contextmanager
def _one_fit_of(explainer: Explainer, progress: Progress) -> Iterator[None]:
    """Wait for the fit of another layer: an explainer cannot be fitted twice at a time."""
    busy = _BUSY.setdefault(explainer, threading.Lock())
    if not busy.acquire(blocking=False):
        progress.start("Waiting for the fit of another layer", 1)
        while not busy.acquire(timeout=PATIENCE):
            progress.check()
    try:
        yield
    finally:
        busy.release()

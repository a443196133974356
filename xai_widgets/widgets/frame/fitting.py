"""What the explorers share about fits: the Fit button, how long it would take, and the fit that is followed."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import ipywidgets

from xai_widgets.methods.common.estimate import Estimate, estimate
from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.methods.registry import EXPLAINERS
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.widgets.frame import fits
from xai_widgets.widgets.frame.app import App
from xai_widgets.widgets.frame.fits import Fit
from xai_widgets.widgets.views.tools import close_all


class Fitting(App):
    """An app around an explainer that may have to be fitted first.

    A fit belongs to its study. Whoever shows what is being fitted follows the fit, whichever widget began it; it goes
    on when the widget is closed or shows something else, and is ended by Cancel.

    Attributes
    ----------
    explainer, study
        What explains; what is fitted in the widget is fitted there, and can be saved from there.
    fitting
        The Fit button with "How long?" beside it, one control for the row of controls.
    """

    explainer: Any
    study: Study
    _followed: Fit | None = None
    _closed = False

    @abstractmethod
    def _refresh(self) -> None:
        """Show what is chosen, or begin to compute it."""

    def _make_fitting(self, *, given: bool) -> None:
        """Make the buttons; an explainer that was `given` is not exchanged for one that is fitted elsewhere."""
        self._given = given
        self._estimates: dict[str, Estimate] = {}
        self.fit = ipywidgets.Button(description="Fit", button_style="primary", layout={"width": "8em"})
        self.how_long = ipywidgets.Button(description="How long?", layout={"width": "7em"})
        self.how_long.tooltip = "Try the fit for a moment, and say how much time and memory all of it would take"
        self.fitting = ipywidgets.HBox([self.fit, self.how_long])
        self.fit.on_click(lambda _: self.guarded(self._fit)())
        self.how_long.on_click(lambda _: self.guarded(self._estimate)())

    # --- the fit that is chosen --------------------------------------------------------------------------------

    def _to_fit(self) -> tuple[Any, str | None]:
        """The explainer that the Fit button fits, and its layer, where a fit is of one layer of several."""
        return self.explainer, None

    def _own(self, other: Explainer) -> Explainer:
        """The explainer here that is of the same as another one."""
        del other
        own: Explainer = self.explainer
        return own

    def _take(self, other: Explainer) -> None:
        """Take another explainer in place of `_own`."""
        self.explainer = other

    def _fit(self) -> None:
        """Fit in the background; what is fitted is kept."""
        fits.begin(*self._to_fit())

    def is_fitting(self) -> bool:
        """Whether a fit of what is chosen is under way, wherever it was begun."""
        return fits.find(*self._to_fit()) is not None

    def follow_fit(self) -> None:
        """Show the progress of a fit of what is chosen, if one is under way, and what it gives."""
        fit = fits.find(*self._to_fit())
        if fit is None or fit is self._followed or self._closed:
            return
        self._followed = fit

        def follow(progress: Progress) -> object:
            try:
                return fit.follow(progress)
            finally:
                if self._followed is fit and not fit.ended:
                    self._followed = None

        self.run(follow, lambda _: self._fitted(), fit.name)

    def hear_of_fit(self, fit: Fit) -> None:
        """Follow a fit that has begun, if it is of what is chosen; show what has changed when one has ended."""
        if self._closed or fit.explainer.key != self.explainer.key:
            return
        own = self._own(fit.explainer)
        if own is not fit.explainer and not self._given and fits.stands_for(fit.explainer, own):
            self._take(fit.explainer)
        self.follow_fit()
        if not (fit.ended and fit is self._followed):  # whoever follows shows what was fitted, or what went wrong
            self.guarded(self._show_fits)()
        for watcher in tuple(self._watchers):
            watcher()

    def _show_fits(self) -> None:
        """Show what is fitted and what is being fitted, where something else is on display."""
        self._refresh()

    def _fitted(self) -> None:
        """Show what was fitted."""
        self._refresh()

    def cancel(self) -> None:
        """Stop the work that runs, also if it is a fit that another widget began; what is shown stays."""
        if self._followed is None or self._followed.ended:
            super().cancel()
        else:
            self._followed.cancel()

    # --- the buttons -------------------------------------------------------------------------------------------

    def _estimate(self) -> None:
        """Find out in the background what the fit would take."""
        explainer, layer = self._to_fit()

        def known(found: Estimate) -> None:
            self._estimates[self._estimate_key()] = found
            self._refresh()

        self.run(lambda progress: estimate(explainer, layer, progress=progress), known, "Trying the fit")

    def _estimate_key(self) -> str:
        explainer, layer = self._to_fit()
        return str(layer or getattr(explainer.settings, "layer", ""))

    def estimate_text(self) -> str:
        """What the fit would take, in brackets after a space; nothing before "How long?" was pressed."""
        known = self._estimates.get(self._estimate_key())
        return "" if known is None else f" ({known.sentence()})"

    def offer_fit(self, *, needed: bool, running: bool = False) -> None:
        """Show or hide the Fit button and "How long?"; while a fit runs, neither can be pressed."""
        self.fitting.layout.display = None if needed else "none"
        self.fit.disabled = self.how_long.disabled = running or not needed or self.is_fitting()

    def close(self) -> None:
        """Close every widget inside; a fit goes on, and its result can be found in the study."""
        self._closed = True
        fits.ignore(self)
        super().close()
        self.task.wait()
        close_all(self.fitting)  # methods that search have it in no row


def explainer_of(study: Study, key: str) -> Explainer:
    """The explainer of a method that is registered in a study or being fitted for it, or a new one."""
    known: Explainer | None = study.explainers.get(key)
    fitted = next((fit.explainer for fit in fits.running(study, key)), None)
    # The class itself says what else it needs; by default nothing but a study.
    return known or fitted or EXPLAINERS[key](study.owner)  # type: ignore[call-arg]

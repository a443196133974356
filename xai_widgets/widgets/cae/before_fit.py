"""What the ManifoldExplorer offers before a fit: to try whether the pictures suffice."""

from __future__ import annotations

import ipywidgets

from xai_widgets.methods.cae.sufficiency import Sufficiency, few, try_pictures
from xai_widgets.widgets.frame.explorer import Explorer


class BeforeFit(Explorer):
    """An explorer of a CAE that may have to be fitted first.

    Attributes
    ----------
    enough
        The button beside "Fit" and "How long?".
    """

    _said = ""

    def _offer_trial(self) -> None:
        """Put the button beside the others."""
        self.enough = ipywidgets.Button(description="Enough pictures?", layout={"width": "12em"})
        self.enough.tooltip = "Try a short fit, and say whether there are enough pictures for all of it"
        self.enough.on_click(lambda _: self.guarded(self._try_pictures)())
        self.fitting.children = (*self.fitting.children, self.enough)

    def offer_fit(self, *, needed: bool, running: bool = False) -> None:
        """Show or hide the buttons before a fit; while something runs, none can be pressed."""
        super().offer_fit(needed=needed, running=running)
        self.enough.disabled = self.fit.disabled

    def not_fitted(self) -> str:
        """That there is nothing yet, what a fit would take, and whether the pictures suffice, as far as asked for."""
        if self.is_fitting():
            return "The CAE is being fitted."
        said = self._said or few(self.explainer)
        return f"The CAE is not fitted yet: press “Fit”{self.estimate_text()}. {said}".rstrip()

    def _try_pictures(self) -> None:
        def known(found: Sufficiency) -> None:
            self._said = found.sentence()
            self._refresh()

        self.run(lambda progress: try_pictures(self.explainer, progress=progress), known, "Trying the pictures")

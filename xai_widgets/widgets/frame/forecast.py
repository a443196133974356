"""What the fits that a widget offers would take, worked out while nothing else runs."""

from __future__ import annotations

import logging
from collections.abc import Callable

from xai_widgets.errors import CancelledError
from xai_widgets.methods.common.estimate import Estimate, estimate
from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.progress import Progress
from xai_widgets.widgets.frame.task import BackgroundTask

log = logging.getLogger(__name__)


class Forecasts:
    """What fits would take: each is tried once, in the background, and remembered.

    Parameters
    ----------
    task
        The widget's; anything else that it is asked for comes first.
    """

    def __init__(self, task: BackgroundTask) -> None:
        self._task = task
        self._known: dict[str, Estimate | None] = {}

    def said(self, name: str) -> str:
        """What is known, in brackets after a space; nothing as long as nothing is known."""
        known = self._known.get(name)
        return f" ({known.sentence()})" if known else ""

    def ask(self, name: str, explainer: Explainer, on_known: Callable[[], None], layer: str | None = None) -> None:
        """Find out, unless that has been done.

        Parameters
        ----------
        name
            What `said` is asked for.
        explainer, layer
            As for `estimate`.
        on_known
            Called in the background once there is something to say.
        """
        if name in self._known:
            return

        def done(found: Estimate | None) -> None:
            self._known[name] = found
            on_known()

        self._task.submit_aside(name, lambda progress: _tried(explainer, layer, progress), done)


def _tried(explainer: Explainer, layer: str | None, progress: Progress) -> Estimate | None:
    """The estimate; None where the trial fails: nobody has asked for it, and the fit itself will say why."""
    try:
        return estimate(explainer, layer, progress=progress)
    except CancelledError:
        raise
    except Exception:
        log.info("what a fit would take is not known", exc_info=True)
        return None

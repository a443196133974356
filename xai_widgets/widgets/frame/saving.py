"""What was fitted in a widget is saved beside the work, if its study is kept in a folder."""

from __future__ import annotations

import threading
from collections.abc import Callable

from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.runs.keeping import keep, run_of


def save(explainer: Explainer, told: Callable[[Exception | None], object]) -> None:
    """Save an explainer in a thread that Python's exit waits for; `told` gets what went wrong, or None.

    Not the thread of the work, where the next request would supersede it.
    """
    if run_of(explainer.study) is None:
        return
    saver = threading.Thread(target=lambda: told(_saved(explainer)), name="xai-widgets-saver")
    try:
        saver.start()
    except RuntimeError:  # Python is exiting, and begins no thread any more
        saver.run()


def _saved(explainer: Explainer) -> Exception | None:
    try:
        keep(explainer)
    except Exception as error:  # noqa: BLE001 - shown to the user, who cannot see a log
        return error
    return None

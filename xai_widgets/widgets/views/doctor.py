"""One line that the browser writes: widgets arrive, in this program, and what is sent back arrives, too."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from xai_widgets.widgets.views.tools import source


class DoctorView(anywidget.AnyWidget):
    """Says in the browser that widgets arrive, and tells Python in which program."""

    _esm = source("doctor.js")
    _css = source("style.css")

    #: What shows the view, as the browser sees it; empty until it has said so.
    host = traitlets.Unicode("").tag(sync=True)
    #: What Python has heard, which the browser then says.
    heard = traitlets.Unicode("").tag(sync=True)

    @traitlets.observe("host")
    def _answer(self, change: Any) -> None:
        self.heard = change["new"]

"""The place for your own picture: a file is chosen in a dialog, or dropped there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anywidget
import traitlets

from xai_widgets.widgets.views.tools import source

MEGABYTE = 2**20
MOST = 8 * MEGABYTE
"""Bytes of a file: notebook servers close the connection at a message of ten megabytes."""


class AddPicture(anywidget.AnyWidget):
    """A button with a plus. What comes is checked by whoever hears of it; nothing is kept here."""

    _esm = source("add_picture.js")
    _css = source("style.css")

    #: Its name.
    label = traitlets.Unicode("Add your own picture (or drop a file here)").tag(sync=True)
    #: Bytes of the largest file that is sent.
    most = traitlets.Int(MOST).tag(sync=True)

    def on_file(self, callback: Callable[[str, bytes | None], object]) -> None:
        """Call back with name and content of each file; the content is None if it was too large to be sent."""

        def heard(_: object, told: Mapping[str, Any], buffers: Sequence[Any]) -> None:
            callback(str(told.get("name")), bytes(buffers[0]) if buffers else None)

        self.on_msg(heard)

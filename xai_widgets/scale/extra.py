"""The libraries of the extra ``scale``, which are imported when they are first needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from xai_widgets.errors import XaiWidgetsError

INSTALL = 'pip install "xai-widgets[scale]"'


def needed(name: str) -> Any:
    """A module of the extra ``scale``.

    Raises
    ------
    XaiWidgetsError
        If it is not installed; with the command that installs it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise XaiWidgetsError(f"{name.partition('.')[0]} is not installed ({error}); {INSTALL} installs it") from error

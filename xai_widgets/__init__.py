"""Jupyter widgets that show what an image classifier has learned.

``import xai_widgets as xw`` is quick: a name's module, and torch or a widget library with it, is loaded when the name
is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xai_widgets._version import __version__

if TYPE_CHECKING:
    from xai_widgets.data.bird_pictures import BirdPictures
    from xai_widgets.data.digits import digits
    from xai_widgets.data.folder import folder
    from xai_widgets.demos import demo
    from xai_widgets.methods.cladec import ClaDec
    from xai_widgets.study import Study
    from xai_widgets.widgets.cladec import ClaDecExplorer
    from xai_widgets.widgets.layer_picker import LayerPicker

_MODULE_OF = {
    "BirdPictures": "data.bird_pictures",
    "ClaDec": "methods.cladec",
    "ClaDecExplorer": "widgets.cladec",
    "LayerPicker": "widgets.layer_picker",
    "Study": "study",
    "demo": "demos",
    "digits": "data.digits",
    "folder": "data.folder",
}

__all__ = [
    "BirdPictures",
    "ClaDec",
    "ClaDecExplorer",
    "LayerPicker",
    "Study",
    "__version__",
    "demo",
    "digits",
    "folder",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'xai_widgets' has no attribute {name!r}")
    value = getattr(import_module(f"xai_widgets.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

"""Jupyter widgets that show what an image classifier has learned.

``import xai_widgets as xw`` is quick: a name's module, and torch or a widget library with it, is loaded when the name
is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xai_widgets._version import __version__

if TYPE_CHECKING:
    from xai_widgets.data.bird_pictures import BirdPictures as BirdPictures
    from xai_widgets.data.digits import digits as digits
    from xai_widgets.data.folder import folder as folder
    from xai_widgets.demos import demo as demo
    from xai_widgets.demos import digits_demo as digits_demo
    from xai_widgets.diagnosis.report import doctor as doctor
    from xai_widgets.methods.cae.cae import CAE as CAE
    from xai_widgets.methods.cladec.cladec import ClaDec as ClaDec
    from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion as GuidedFeatureInversion
    from xai_widgets.methods.srae.srae import SRAE as SRAE
    from xai_widgets.methods.summaries.masks import CrispMasks as CrispMasks
    from xai_widgets.methods.summaries.visual_summaries import VisualSummaries as VisualSummaries
    from xai_widgets.photos import photo_demo as photo_demo
    from xai_widgets.runs.keeping import keep as keep
    from xai_widgets.runs.keeping import keep_in as keep_in
    from xai_widgets.runs.keeping import open_run
    from xai_widgets.scale.explain_all import explain_all as explain_all
    from xai_widgets.scale.fiftyone import to_fiftyone as to_fiftyone
    from xai_widgets.scale.folder import Explanations as Explanations
    from xai_widgets.study import Study as Study
    from xai_widgets.widgets.browser.browser import Browser as Browser
    from xai_widgets.widgets.cae.explorer import ManifoldExplorer as ManifoldExplorer
    from xai_widgets.widgets.cladec.explorer import ClaDecExplorer as ClaDecExplorer
    from xai_widgets.widgets.frame.link import link as link
    from xai_widgets.widgets.inversion.explorer import InversionExplorer as InversionExplorer
    from xai_widgets.widgets.srae.explorer import ConceptExplorer as ConceptExplorer
    from xai_widgets.widgets.summaries.explorer import SummaryBrowser as SummaryBrowser
    from xai_widgets.widgets.views.layer_picker import LayerPicker as LayerPicker
    from xai_widgets.widgets.workbench.workbench import Workbench as Workbench

    open = open_run  # noqa: A001  (xw.open)

_MODULE_OF = {
    "CAE": "methods.cae.cae",
    "SRAE": "methods.srae.srae",
    "BirdPictures": "data.bird_pictures",
    "Browser": "widgets.browser.browser",
    "ClaDec": "methods.cladec.cladec",
    "ClaDecExplorer": "widgets.cladec.explorer",
    "ConceptExplorer": "widgets.srae.explorer",
    "CrispMasks": "methods.summaries.masks",
    "Explanations": "scale.folder",
    "GuidedFeatureInversion": "methods.inversion.inversion",
    "InversionExplorer": "widgets.inversion.explorer",
    "LayerPicker": "widgets.views.layer_picker",
    "ManifoldExplorer": "widgets.cae.explorer",
    "Study": "study",
    "SummaryBrowser": "widgets.summaries.explorer",
    "VisualSummaries": "methods.summaries.visual_summaries",
    "Workbench": "widgets.workbench.workbench",
    "demo": "demos",
    "digits": "data.digits",
    "digits_demo": "demos",
    "doctor": "diagnosis.report",
    "explain_all": "scale.explain_all",
    "folder": "data.folder",
    "keep": "runs.keeping",
    "keep_in": "runs.keeping",
    "link": "widgets.frame.link",
    "open": "runs.keeping:open_run",
    "photo_demo": "photos",
    "to_fiftyone": "scale.fiftyone",
}

__all__ = [*_MODULE_OF, "__version__"]  # noqa: PLE0604  (they are strings)


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'xai_widgets' has no attribute {name!r}")
    module, _, known_there_as = _MODULE_OF[name].partition(":")
    value = getattr(import_module(f"xai_widgets.{module}"), known_there_as or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

"""The explainers, by key; every list of the methods in this package is made from this one.

Reading the keys loads neither torch nor any method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xai_widgets.registry import Registry

if TYPE_CHECKING:
    from xai_widgets.methods.common.explainer import Explainer

EXPLAINERS: Registry[type[Explainer]] = Registry(
    "method",
    {
        "cladec": "xai_widgets.methods.cladec.cladec:ClaDec",
        "summaries": "xai_widgets.methods.summaries.visual_summaries:VisualSummaries",
        "srae": "xai_widgets.methods.srae.srae:SRAE",
        "inversion": "xai_widgets.methods.inversion.inversion:GuidedFeatureInversion",
        "cae": "xai_widgets.methods.cae.cae:CAE",
    },
)
"""Each is loaded when it is first used."""

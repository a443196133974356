"""The explainers, by key; every list of the methods in this package is made from this one."""

from __future__ import annotations

from xai_widgets.methods.common.explainer import Explainer
from xai_widgets.registry import Registry

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

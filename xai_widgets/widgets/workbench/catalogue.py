"""The views that the Workbench has a tab for, by the key of their method."""

from __future__ import annotations

from xai_widgets.registry import Registry
from xai_widgets.sizes import LARGE
from xai_widgets.study import Study
from xai_widgets.widgets.frame.explorer import Explorer

VIEWS: Registry[type[Explorer]] = Registry(
    "view",
    {
        "cladec": "xai_widgets.widgets.cladec.explorer:ClaDecExplorer",
        "summaries": "xai_widgets.widgets.summaries.explorer:SummaryBrowser",
        "srae": "xai_widgets.widgets.srae.explorer:ConceptExplorer",
        "inversion": "xai_widgets.widgets.inversion.explorer:InversionExplorer",
        "cae": "xai_widgets.widgets.cae.explorer:ManifoldExplorer",
    },
)
"""In the order of the tabs."""


def first_layer(study: Study) -> str:
    """The layer that most is known of: the one that ClaDec was fitted for first, or the block in the middle."""
    blocks = study.blocks() or study.layers()
    cladec = study.explainers.get("cladec")
    fitted = [] if cladec is None else [layer for layer in cladec.requested_layers if layer in cladec.layers]
    return next(iter(fitted), blocks[len(blocks) // 2].name)


def first_view(study: Study) -> str:
    """The view to begin with: the first tab, or the one that answers without a fit where a fit takes minutes."""
    unfitted = "cladec" not in study.explainers
    return "inversion" if unfitted and max(study.shape[1:]) >= LARGE else next(iter(VIEWS))

"""The layers that ConceptExplorer offers, and an SRAE for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xai_widgets.methods.srae.srae import SRAE
from xai_widgets.study import Study


def layers_of(study: Study, wanted: Sequence[str]) -> list[str]:
    """Names of the network's blocks but the logits, and the layers that are wanted, in the order of execution."""
    blocks = {block.name for block in study.blocks() if block.shape != (study.classes,)}
    return [layer.name for layer in study.layers() if layer.name in blocks or layer.name in wanted]


def kept(srae: SRAE, layer: str) -> SRAE | None:
    """What the study has of a layer, of the same kind as an SRAE of another one."""
    for one in srae.study.explainers.values():
        if isinstance(one, SRAE) and (one.settings.layer, one.settings.paper) == (layer, srae.settings.paper):
            return one
    return None


def another(srae: SRAE, layer: str) -> SRAE:
    """An SRAE like another one, of another layer, not fitted yet."""
    settings, recipe = srae.settings, srae.settings.recipe
    common: dict[str, Any] = {
        "target": settings.target, "classes": srae.classes or srae.asked, "features": settings.features,
        "pictures": settings.pictures, "epochs": recipe.epochs, "seed": recipe.seed,
    }  # fmt: skip
    if settings.paper:
        return SRAE.paper(
            srae.study, layer, along="images" if settings.weights.along == "images" else "features", **common
        )
    return SRAE(srae.study, layer, **common)

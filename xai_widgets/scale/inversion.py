"""Guided feature inversion of a data set: where the evidence for each predicted class is."""

from __future__ import annotations

from torch import Tensor

from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.scale.rows import Method, Rows, kept_and_removed


def rows(explainer: GuidedFeatureInversion, pictures: Tensor) -> Rows:
    """Masks of the predicted classes."""
    found = explainer.explain(pictures)
    sound = found.sound & ~found.degenerate
    return Rows(
        prediction=found.class_index,
        probability=found.before,
        target=found.class_index,
        trust=kept_and_removed(found.before, found.kept, found.removed, sound),
        numbers={
            "kept": found.kept,
            "removed": found.removed,
            "background": found.baseline_score,
            "error": found.error,
        },
        masks=found.masks,
        thumbnails=[found.outline(row) for row in range(len(found))],
    )


METHOD = Method(rows, ("kept", "removed", "background", "error"), trained=False)

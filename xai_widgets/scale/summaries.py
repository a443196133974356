"""Crisp masks of a data set: the smallest regions that the score of each predicted class rests on."""

from __future__ import annotations

from torch import Tensor

from xai_widgets.methods.masking.views import dimmed
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.scale.rows import Method, Rows, kept_and_removed


def rows(explainer: VisualSummaries, pictures: Tensor) -> Rows:
    """All masks of a picture together; what is kept is of the first one, what is removed of all."""
    found = explainer.explain(pictures)
    kept, removed, masks = found.kept[:, 0], found.removed[:, -1], found.masks.any(1).float()
    return Rows(
        prediction=found.class_index,
        probability=found.before,
        target=found.class_index,
        trust=kept_and_removed(found.before, kept, removed, found.sound & found.found[:, 0]),
        numbers={
            "kept": kept,
            "removed": removed,
            "background": found.baseline_score,
            "crispness": found.crispness[:, 0],
        },
        masks=masks,
        thumbnails=[dimmed(picture, mask) for picture, mask in zip(found.pictures, masks, strict=True)],
    )


METHOD = Method(rows, ("kept", "removed", "background", "crispness"), trained=False)

"""Crisp masks of a data set: the smallest regions that the score of each predicted class rests on."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from xai_widgets.methods.masking.views import dimmed
from xai_widgets.methods.summaries.places import places_in
from xai_widgets.methods.summaries.visual_summaries import VisualSummaries
from xai_widgets.scale.rows import Method, Rows, kept_and_removed


def rows(explainer: VisualSummaries, pictures: Tensor) -> Rows:
    """All masks of a picture together; what is kept is of the first one, what is removed of all."""
    found = explainer.explain(pictures)
    kept, removed, masks = found.kept[:, 0], found.removed[:, -1], found.masks.any(1).float()
    maps = explainer.study.codes(found.pictures, explainer.layer)
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
        code=_seen(maps, found.masks[:, 0].float()),
        places=[places_in(own, mask) for own, mask in zip(maps, found.masks.any(1).numpy(), strict=True)],
    )


def _seen(maps: Tensor, masks: Tensor) -> Tensor:
    """What the network sees in the first mask: the mean of the layer's maps over it, ``(N, D)``; 0 for empty masks.

    Unlike `descriptors.activation_maps` it depends on no other picture, so that batches can be compared.
    """
    weights = F.adaptive_avg_pool2d(masks[:, None], (maps.shape[2], maps.shape[3]))
    mean: Tensor = (maps * weights).sum((2, 3)) / weights.sum((2, 3)).clamp_min(1e-12)
    return mean


METHOD = Method(rows, ("kept", "removed", "background", "crispness"), trained=False, places=True)

"""ClaDec of a data set: what a layer still knows of each picture."""

from __future__ import annotations

import torch
from torch import Tensor

from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.scale.rows import Method, Rows
from xai_widgets.show.images import BITS_LIMIT


def rows(explainer: ClaDec, pictures: Tensor) -> Rows:
    """Reconstructions from the first layer; the masks are the information that it has lost."""
    found = explainer.explain(pictures)
    probability, prediction = found.predictions["original"].max(1)
    rebuilt = found.predictions["cladec"].gather(1, prediction[:, None])[:, 0]
    code = explainer.study.codes(found.original, found.layer)
    return Rows(
        prediction=prediction,
        probability=probability,
        target=prediction,
        trust=(rebuilt / probability.clamp_min(1e-12)).clamp(0, 1),
        numbers={
            "rebuilt": rebuilt,
            "squared_error": (found.cladec - found.original).square().mean((1, 2, 3)),
            "bits_kept": found.bits_kept.mean((1, 2)),
            "bits_lost": found.bits_lost.mean((1, 2)),
        },
        masks=(found.bits_lost / BITS_LIMIT).clamp(0, 1),
        thumbnails=list(torch.cat([found.original, found.cladec], 3)),
        code=code.flatten(2).mean(2) if code.dim() > 2 else code,
    )


METHOD = Method(rows, ("rebuilt", "squared_error", "bits_kept", "bits_lost"), trained=True)

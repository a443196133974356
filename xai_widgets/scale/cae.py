"""CAE of a data set: what would turn each picture into its second most probable class."""

from __future__ import annotations

import torch
from torch import Tensor

from xai_widgets.methods.cae.cae import CAE
from xai_widgets.scale.rows import Method, Rows


def rows(explainer: CAE, pictures: Tensor) -> Rows:
    """Counterfactuals, one after the other; the masks are where they change."""
    probability, prediction = explainer.study.predict(pictures).max(1)
    found = [explainer.explain(picture) for picture in pictures]
    real = torch.tensor([float(one.strip.on_data.float().mean()) for one in found])
    obtained = torch.tensor([one.obtained for one in found])
    flipped = torch.tensor([float(one.flipped) for one in found])
    return Rows(
        prediction=prediction,
        probability=probability,
        target=torch.tensor([one.target for one in found]),
        trust=obtained * real * flipped,
        numbers={
            "obtained": obtained,
            "flipped": flipped,
            "near_real": real,
            "falls": torch.tensor([float(one.strip.violation) for one in found]),
        },
        masks=torch.stack([one.saliency["difference"] for one in found]).float().clamp(0, 1),
        thumbnails=[torch.cat([one.original, one.picture], 2) for one in found],
        code=torch.stack([one.strip.z[0] for one in found]),
    )


METHOD = Method(rows, ("obtained", "flipped", "near_real", "falls"), trained=True)

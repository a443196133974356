"""What the Layer view computes beside the decoded pictures: which units matter, and what a code resembles."""

from __future__ import annotations

import torch
from torch import Tensor

from xai_widgets.methods.cladec.layer import FittedLayer
from xai_widgets.methods.common.codes import read_codes
from xai_widgets.study import Study


def effects_of_units(study: Study, fitted: FittedLayer, pictures: Tensor) -> Tensor:
    """How much the decoded pictures change when a unit is hidden: the mean squared difference of each ``(C,)``."""
    everything = fitted.mask(range(fitted.code[0]))
    with study.borrowed(), torch.no_grad():
        code = read_codes(study, pictures, [fitted.layer])[fitted.layer]
        whole, _ = fitted.from_code(code, everything)
        hidden = [fitted.from_code(code, units)[0] for units in everything - torch.eye(len(everything))]
    return torch.stack([(decoded - whole).square().mean() for decoded in hidden]).cpu()


def standard_codes(study: Study, fitted: FittedLayer, pictures: Tensor) -> Tensor:
    """Standardised codes of pictures, in which distances make sense, ``(N, D)``."""
    with study.borrowed(), torch.no_grad():
        batches = pictures.split(study.batch_size)
        code = torch.cat([read_codes(study, batch, [fitted.layer])[fitted.layer] for batch in batches])
        return fitted.standard(code, code.new_ones(code.shape[:2])).flatten(1).cpu()

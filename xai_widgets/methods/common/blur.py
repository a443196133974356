"""Blurred pictures."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def blur(pictures: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of pictures ``(N, C, H, W)`` with a kernel of six sigma, cut to fit, mirrored at the edges.

    It is torchvision's, whose import takes more than a second of the first view in a notebook.
    """
    widest = 2 * min(pictures.shape[-2:]) - 1  # mirroring reaches no further
    reach = max(min(2 * round(3 * sigma) + 1, widest), 3) // 2
    places = torch.linspace(-reach, reach, 2 * reach + 1, dtype=pictures.dtype, device=pictures.device)
    bell = torch.exp(-0.5 * (places / max(sigma, 0.3)).square())
    bell = bell / bell.sum()
    # Along rows and then along columns: in one pass, it would multiply by all of a square of weights.
    for kernel, edges in ((bell[None], (reach, reach, 0, 0)), (bell[:, None], (0, 0, reach, reach))):
        weights = kernel.expand(pictures.shape[1], 1, *kernel.shape)
        pictures = F.conv2d(F.pad(pictures, edges, mode="reflect"), weights, groups=pictures.shape[1])
    return pictures

r"""Where the classifier finds its evidence in each training picture, and the gate that follows from it.

The individual code must not know the class, but only *where the classifier looks*: everything else is to come back as
it was. Expected gradients (Erion et al., arXiv 1906.10670) of the predicted class p against those of donors y, which
are pictures of other predicted classes q,

.. math::

    e = \mathrm{E}_{y,\,t}\ \big[(x - y) \odot \nabla \big(f_p - f_q\big)\big(y + t\,(x - y)\big)\big],
    \qquad t \sim U(0, 1),

are summed over channels and over the cells of the individual code. Their positive part, averaged over 3x3 cells and
divided by its largest value, is a picture's evidence map a. The gate is :math:`g = \mathrm{clamp}((a - l) / l, 0, 1)`
with l = `FAINT`, and reaches one cell further.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.devices import sent
from xai_widgets.study import Study

DONORS = 6
"""Pictures of other predicted classes that each picture is compared with."""

FAINT = 0.3
"""Evidence, as a share of a picture's largest, up to which the gate is shut; at twice as much it is open."""


def expected_gradients(
    study: Study, pictures: Tensor, others: Tensor, classes: tuple[Tensor, Tensor], shares: Tensor
) -> Tensor:
    """One sample of e for each picture ``(N, C, H, W)``, summed over channels: ``(N, 1, H, W)``.

    `others` are the donors, `classes` the predicted classes p and q of both, and `shares` the t, each ``(N,)``. The
    caller borrows the classifier.
    """
    with torch.enable_grad():
        way = sent(shares, pictures.device)[:, None, None, None].to(pictures)
        between = torch.lerp(others, pictures, way).detach().requires_grad_()
        logits = study.forward(between)
        own, other = (logits.gather(1, sent(one, logits.device)[:, None]) for one in classes)
        margin = own - other
        (gradient,) = torch.autograd.grad(margin.sum(), between)
    return (gradient * (pictures - others)).sum(1, keepdim=True).detach()


def evidence_map(contributions: Tensor, grid: tuple[int, int]) -> Tensor:
    """The maps a ``(N, 1, h, w)`` in [0, 1] on a grid, of contributions ``(N, 1, H, W)``."""
    cells = F.adaptive_avg_pool2d(contributions, grid).clamp_min(0)
    smooth = F.avg_pool2d(cells, 3, stride=1, padding=1, count_include_pad=False)
    return smooth / smooth.amax((2, 3), keepdim=True).clamp_min(torch.finfo(smooth.dtype).tiny)


def gate(maps: Tensor) -> Tensor:
    """Gates g ``(N, 1, h, w)`` in [0, 1] of evidence maps."""
    return F.max_pool2d(((maps - FAINT) / FAINT).clamp(0, 1), 3, stride=1, padding=1)

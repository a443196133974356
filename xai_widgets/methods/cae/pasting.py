r"""How a decoded change gets into the picture: pasted where there is one, and nowhere else.

With the picture x, its reconstruction :math:`r = G(u, z)` and the moved picture :math:`m = G(u, z')`,

.. math::

    x' = x + M \odot (m - x), \qquad
    M = \mathrm{clamp}\Big(\frac{\mathrm{mean}_{3 \times 3} \max_c |m - r| - a}{b - a},\ 0,\ 1\Big)

with a = `UNSEEN` and b = `SEEN`, both times the level of the fit, one of `LEVELS`. Pictures that differ softly, such as
brain scans, change by little in many places, and the classifier needs that; so a fit takes the highest level at which
the classifier follows the pasted swaps of held-out pictures as it follows the decoded ones (see `health`).

Adding the difference, ``x + m - r``, would leave ghosts of what was there before:
where the reconstruction missed something, the sum still has it. At z' = z nothing is pasted, and x' is x.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

UNSEEN, SEEN = 0.06, 0.2
"""Up to the first change of a pixel, of 1, nothing is pasted; from the second on, the moved picture replaces it."""

LEVELS = (1.0, 0.7, 0.5, 0.35, 0.25)
"""Factors of both, of which a fit takes one."""


def paste_mask(rebuilt: Tensor, moved: Tensor, level: float = 1.0) -> Tensor:
    """The share ``(N, 1, H, W)`` in [0, 1] of each pixel that is replaced, for pictures ``(N, C, H, W)``."""
    largest = (moved - rebuilt).abs().amax(1, keepdim=True)
    change = F.avg_pool2d(largest, 3, stride=1, padding=1, count_include_pad=False)
    return ((change / level - UNSEEN) / (SEEN - UNSEEN)).clamp(0, 1)


def pasted(pictures: Tensor, rebuilt: Tensor, moved: Tensor, level: float = 1.0) -> Tensor:
    """The pictures with the moved ones pasted into them, all ``(N, C, H, W)`` in [0, 1]."""
    return pictures + paste_mask(rebuilt, moved, level) * (moved - pictures)

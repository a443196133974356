r"""The way of a picture along a route of codes, and what changes first on it.

A route leads from the picture's own code (share 0) to one of the target (share 1). All of the picture may change at
once: then :math:`x(s)` is the picture decoded at share s. Or a region R of it changes first, in a first leg that ends
at a = `FIRST_LEG`, and the rest afterwards,

.. math::

    x(s) = R \odot d\big(\min(1, s / a)\big) + (1 - R) \odot d\big(\max(0, (s - a) / (1 - a))\big)

with d(s) the picture decoded at a share. At s = 0 nothing has changed, and at s = 1 everything has.

What comes first may not be enough when it looks as the target usually does. Then R goes k times as far, which shows the
same change more strongly: its codes are :math:`c(s) + (k - 1)\,s\,(c(1) - c(0))` for the route's own c(s). It does not
come back in the second leg: in trials, the target's probability fell there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.decoding import BATCH, Decodes, Encoded, require_codes, show

FIRST_LEG = 0.6
"""Share of a route in which its first region changes."""


@dataclass(frozen=True, eq=False)
class Walk:
    """One picture on its way.

    Attributes
    ----------
    model
        Decodes codes, and asks the classifier.
    encoded
        The picture (N = 1).
    route
        Codes ``(M, d)``, the picture's own first. An `XaiWidgetsError` if they are not finite or begin elsewhere.
    first
        What changes first, ``(H, W)`` in [0, 1]; None if everything changes at once.
    reach
        How far that goes, as a multiple of the route.
    """

    model: Decodes
    encoded: Encoded
    route: Tensor
    first: Tensor | None = None
    reach: float = 1.0

    def __post_init__(self) -> None:
        require_codes(self.route, self.encoded.z.shape[1])
        if len(self.encoded) == 1 and not torch.allclose(self.route[0], self.encoded.z[0], atol=1e-4):
            gap = float((self.route[0] - self.encoded.z[0]).norm())
            raise XaiWidgetsError(f"the route must start at the picture's own code, and starts {gap:.3g} away from it")

    def codes(self, shares: Tensor) -> Tensor:
        """The codes ``(S, d)`` at shares of the route's length."""
        corners = self.route if len(self.route) > 1 else self.route.expand(2, -1)
        lengths = torch.cat([torch.zeros(1), (corners[1:] - corners[:-1]).norm(dim=1).cumsum(0)])
        before, part = first_reach(lengths, shares * lengths[-1])
        return torch.lerp(corners[before], corners[before + 1], part[:, None])

    def show(self, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures ``(S, C, H, W)`` at shares of the walk, and the classifier's probabilities ``(S, K)`` for them."""
        if self.first is None:
            return show(self.model, self.encoded, self.codes(shares))
        early = (shares / FIRST_LEG).clamp(max=1)
        late = ((shares - FIRST_LEG) / (1 - FIRST_LEG)).clamp(min=0)
        further = (self.reach - 1) * early[:, None] * (self.route[-1] - self.route[0])
        with torch.no_grad():
            inside, outside = self._decoded(self.codes(early) + further), self._decoded(self.codes(late))
            pictures = torch.lerp(outside, inside, self.first.expand_as(inside))
            return pictures, torch.cat([self.model.predict(batch) for batch in pictures.split(BATCH)])

    def goes_on_to(self, share: float) -> float:
        """How far one may go on from a share for a surer target: neither into the second leg nor in it."""
        return 1.0 if self.first is None else max(share, FIRST_LEG)

    def _decoded(self, codes: Tensor) -> Tensor:
        return torch.cat([self.model.decode(self.encoded, batch) for batch in codes.split(BATCH)])


def first_reach(rising: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """Where a sequence that never falls first reaches each level: the index before, and the part of the step after."""
    after = torch.searchsorted(rising, levels).clamp(1, len(rising) - 1)
    below, above = rising[after - 1], rising[after]
    part = (levels - below) / (above - below).clamp_min(torch.finfo(rising.dtype).tiny)
    return after - 1, part.clamp(0, 1)

"""Pictures that show what an x-feature stands for: where it is strongest, ordinary, and absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.srae.additive import Additive, alive
from xai_widgets.methods.srae.seen import Seen

Kind = Literal["top", "median", "zero"]
KINDS: tuple[Kind, ...] = ("top", "median", "zero")

MOST = 1000
"""At most so many of the pictures a fit saw are in its table."""


@dataclass(frozen=True, eq=False)
class Table:
    """What the x-features contribute to pictures of ``study.train``.

    Attributes
    ----------
    places
        Where in the set the T pictures are, ``(T,)``.
    contributions
        ``(K, T, L)``.
    scores
        ``(T, K)``.
    own
        Which pictures are of each class, bool ``(K, T)``.
    """

    places: Tensor
    contributions: Tensor
    scores: Tensor
    own: Tensor

    @classmethod
    def of(cls, seen: Seen, model: Additive, places: list[int]) -> Table:
        """The first pictures that a fit saw; `places` is where in their set all are."""
        rows = range(len(seen.classes))
        count = min(MOST, len(seen))
        contributions = torch.stack([seen.each(lambda z, k=k: model.contributions(z, k)) for k in rows])  # type: ignore[misc]
        own = torch.stack([seen.positives(k) for k in rows])
        return cls(torch.tensor(places[:count]), contributions[:, :count], seen.scores[:count], own[:, :count])

    def tensors(self) -> Mapping[str, Tensor]:
        """All of it, by name."""
        return vars(self)

    def alive(self, k: int) -> Tensor:
        """Which x-features of class k (a row) vary, bool ``(L,)``."""
        return alive(self.contributions[k], self.scores[:, k])

    def exemplars(self, k: int, feature: int, kind: Kind, count: int, *, own: bool) -> tuple[Tensor, Tensor]:
        """Where pictures are, and what the x-feature contributes to them; see `SRAE.exemplars`."""
        if kind not in KINDS:
            raise XaiWidgetsError(f"kind is {kind!r}, but must be one of {KINDS}")
        among = self.own[k].nonzero().flatten() if own else torch.arange(len(self.places))
        values = self.contributions[k, among, feature].float()
        wanted = {"top": values.abs(), "median": -(values - values.median()).abs(), "zero": -values.abs()}[kind]
        chosen = wanted.argsort(descending=True, stable=True)[:count]
        return self.places[among[chosen]], values[chosen]

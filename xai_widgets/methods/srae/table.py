"""Pictures that show what an x-feature stands for: where it is strongest, ordinary, and absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor

from xai_widgets import limits
from xai_widgets.limits import Choice
from xai_widgets.methods.srae.additive import Additive, alive
from xai_widgets.methods.srae.fit_data import FitData

Kind = Literal["top", "median", "zero"]
KINDS: tuple[Kind, ...] = ("top", "median", "zero")

MOST = 1000
"""At most so many of the pictures of a fit are in its table."""


@dataclass(frozen=True, eq=False)
class ContributionTable:
    """What the x-features contribute, ``(K, T, L)``, to T pictures of ``study.train``, whose `indices` it has.

    `scores` is ``(T, K)``; `own`, bool ``(K, T)``, says which pictures are of each class.
    """

    indices: Tensor
    contributions: Tensor
    scores: Tensor
    own: Tensor

    @classmethod
    def of(cls, data: FitData, model: Additive, indices: Sequence[int]) -> Self:
        """The first pictures of a fit, whose indices in their set are given; views of them come later, and are out."""
        rows = range(len(data.classes))
        count = min(MOST, len(indices))
        contributions = torch.stack([data.each(lambda z, k=k: model.contributions(z, k)) for k in rows])  # type: ignore[misc]
        own = torch.stack([data.positives(k) for k in rows])
        return cls(torch.tensor(indices[:count]), contributions[:, :count], data.scores[:count], own[:, :count])

    def tensors(self) -> dict[str, Tensor]:
        """All of it by the names in a saved file, where the indices are called "places"."""
        return {"places" if name == "indices" else name: value for name, value in vars(self).items()}

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor]) -> Self:
        """The table from `tensors`, in single precision."""
        single = {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
        return cls(indices=single.pop("places"), **single)

    def alive(self, k: int) -> Tensor:
        """Which x-features of class k (a row) vary, bool ``(L,)``."""
        return alive(self.contributions[k], self.scores[:, k])

    def exemplars(self, k: int, feature: int, kind: Kind, count: int, *, own: bool) -> tuple[Tensor, Tensor]:
        """Indices of pictures, and what the x-feature contributes to them; see `SRAE.exemplars`."""
        kind, own, count = Choice(KINDS)("kind", kind), limits.switch("own", own), limits.COUNT("count", count)
        among = self.own[k].nonzero().flatten() if own else torch.arange(len(self.indices))
        values = self.contributions[k, among, feature].float()
        fit = {"top": values.abs(), "median": -(values - values.median()).abs(), "zero": -values.abs()}[kind]
        chosen = fit.argsort(descending=True, stable=True)[:count]
        return self.indices[among[chosen]], values[chosen]

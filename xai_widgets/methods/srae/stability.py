"""Whether other seeds find the same x-features: matched by the correlation of their traces over pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def correlations(one: Tensor, other: Tensor) -> Tensor:
    """Correlation ``(L, M)`` of each trace of ``(N, L)`` with each of ``(N, M)``; 0 for one that does not vary."""
    a, b = (traces.double() - traces.double().mean(0) for traces in (one, other))
    lengths = a.norm(dim=0)[:, None] * b.norm(dim=0)
    found: Tensor = a.T @ b / lengths.clamp_min(1e-12)
    return found.float()


def matched(one: Tensor, other: Tensor) -> tuple[list[tuple[int, int]], Tensor]:
    """The one-to-one assignment of traces ``(N, L)`` and ``(N, M)`` with the highest sum of correlations, and those."""
    found = correlations(one, other)
    rows, columns = linear_sum_assignment(-found.numpy())
    pairs = list(zip(rows.tolist(), columns.tolist(), strict=True))
    return pairs, found[rows, columns]


def stability(traces: Sequence[Tensor]) -> float:
    """Mean correlation of matched x-features over all pairs of fits; NaN for a single one.

    Parameters
    ----------
    traces
        Contributions of the x-features that vary, ``(N, L)`` for each fit; L may differ, and what finds no partner
        does not count.
    """
    pairs = [matched(one, other)[1] for one, other in combinations(traces, 2) if one.shape[1] and other.shape[1]]
    return float(torch.cat(pairs).mean()) if pairs else float("nan")

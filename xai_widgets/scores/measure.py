"""The form in which every method's measures are reported: each number beside chance and its baselines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Literal


@dataclass(frozen=True)
class Measure:
    """One number.

    Attributes
    ----------
    value
        What was measured.
    better
        Which direction is better.
    chance
        What knowing nothing would give; None where that makes no sense.
    baselines
        The same measure of simpler methods, or of the inputs themselves.
    """

    value: float
    better: Literal["higher", "lower"]
    chance: float | None = None
    baselines: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Exam:
    """All measures of one method on one study."""

    method: str
    study: str
    seed: int
    seconds: float
    measures: Mapping[str, Measure]

    def to_json(self) -> str:
        """Strict JSON; a number that could not be computed is null."""
        return json.dumps(_strict(asdict(self)), indent=2, allow_nan=False)


def _strict(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    return {key: _strict(entry) for key, entry in value.items()} if isinstance(value, dict) else value

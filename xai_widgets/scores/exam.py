"""The form in which every method's measures are reported: each number beside chance and its baselines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any, Literal

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.study import Study


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


def run_exam(method: str, study: Study, *, seed: int = 0, progress: Progress) -> Exam:
    """Examine a fitted method of a demo study.

    Parameters
    ----------
    method
        A name in `METHODS`.
    study
        A study on `BirdPictures`, whose truth is known, with the method fitted in ``study.explainers``.
    seed
        Of the classifiers that are trained to judge.
    progress
        Told each step.
    """
    if method not in METHODS:
        raise XaiWidgetsError(f"there is no exam for {method!r}; choose one of {sorted(METHODS)}")
    began = time.perf_counter()
    measures = METHODS[method](study, seed, progress)
    return Exam(method, study.name, seed, round(time.perf_counter() - began, 1), measures)


def _cladec(study: Study, seed: int, progress: Progress) -> dict[str, Measure]:
    from xai_widgets.scores.cladec_exam import examine  # noqa: PLC0415  (only the method asked for is loaded)

    return examine(study, seed, progress)


METHODS: Mapping[str, Callable[[Study, int, Progress], dict[str, Measure]]] = {"cladec": _cladec}


def _strict(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    return {key: _strict(entry) for key, entry in value.items()} if isinstance(value, dict) else value

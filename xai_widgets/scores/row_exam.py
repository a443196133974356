"""One row of the exam of all methods: every measure of one way to explain, on one study."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from math import isnan
from typing import Any, Literal

import torch
from torch import Tensor

from xai_widgets.errors import CancelledError, XaiWidgetsError
from xai_widgets.scores.attribution import (
    FILLS,
    excess_mass,
    margin,
    max_sensitivity,
    mean_of,
    part_agreement,
    pointing,
    similarity,
)
from xai_widgets.scores.cue import hottest_place
from xai_widgets.scores.hiding import HIDING
from xai_widgets.scores.maps import Question
from xai_widgets.scores.material import Known, Material
from xai_widgets.scores.rows import Kind, kind_of
from xai_widgets.scores.twin import fit_twin
from xai_widgets.sizes import is_large
from xai_widgets.study import Study

Maker = Callable[[Question], Tensor]

MOVED, LARGE_MOVED = 16, 2
"""So many pictures are explained again for the stability, each several times; of large ones fewer."""

CASES = ("best", "median", "worst")

BETTER: Mapping[str, Literal["higher", "lower", "near 0"]] = {
    **{f"deletion_{fill}": "lower" for fill in FILLS},
    **{f"insertion_{fill}": "higher" for fill in FILLS},
    "parts": "higher",
    "parts_sum": "higher",
    "pointing": "higher",
    "excess_mass": "higher",
    "randomised": "near 0",
    "stability": "lower",
}
"""All measures, and which values are better."""


@dataclass(frozen=True)
class Case:
    """One picture of a row: which one it is, its value, and the picture and its map as addresses of images."""

    which: str
    value: float
    picture: str
    map: str


@dataclass(frozen=True)
class Row:
    """What was measured of one way to explain.

    Attributes
    ----------
    name, kind
        A key of `ROWS`, and whether it is one of the five methods.
    measures
        For each measure its mean over the pictures, and half of the mean's 95 % interval.
    seconds, passes
        For one explanation: time, and pictures that went through the classifier. The time differs from run to run.
    place
        See `Place`; with "cue", whether it holds the cue, and "others", the share found on the other pictures.
    cases
        The best, the median and the worst picture.
    note
        Why measures are missing; empty if none is.
    """

    name: str
    kind: Kind
    measures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    seconds: float = 0.0
    passes: float = 0.0
    place: Mapping[str, Any] = field(default_factory=dict)
    cases: tuple[Case, ...] = ()
    note: str = ""

    def value(self, measure: str) -> float | None:
        """The mean of a measure; None where there is none."""
        return self.measures.get(measure, {}).get("value")

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Row:
        """What `to_dict` made."""
        return cls(**{**values, "cases": tuple(Case(**case) for case in values["cases"])})


def examine_row(name: str, make: Maker, material: Material, twins: Sequence[Study]) -> Row:
    """All measures of a row; a row that cannot explain this classifier says why.

    `twins` have random weights; without any, this is not measured.
    """
    asked = material.asked
    try:
        maps, seconds, passes = _timed(make, asked)
    except CancelledError:
        raise
    except XaiWidgetsError as error:
        return Row(name, kind_of(name), note=str(error))
    values = (
        {name: area(asked, maps) for name, area in HIDING.items()}
        | _true(maps, material.known)
        | {"stability": _stability(make, asked)}
    )
    random, note = _with_random_weights(name, make, asked, twins, maps)
    return Row(
        name=name,
        kind=kind_of(name),
        measures={
            measure: _summary(each) for measure in BETTER if (each := (values | random).get(measure)) is not None
        },
        seconds=seconds,
        passes=passes,
        place=_place(name, make, material, maps),
        cases=_cases(material, maps, values),
        note=note,
    )


def _timed(make: Maker, asked: Question) -> tuple[Tensor, float, float]:
    """The maps, and for each of them seconds and pictures that went through the classifier."""
    with _counted(asked.study) as passes:
        began = time.perf_counter()
        maps = make(asked).float().cpu()
        seconds = time.perf_counter() - began
    return maps, round(seconds / len(maps), 4), sum(passes) / len(maps)


def _summary(values: Tensor) -> dict[str, float | None]:
    found = {"value": mean_of(values), "margin": margin(values)}
    return {name: None if isnan(value) else round(value, 6) for name, value in found.items()}


@contextmanager
def _counted(study: Study) -> Iterator[list[int]]:
    """Count the pictures that go through the classifier."""
    found: list[int] = []
    with study.borrowed():
        hook = study.network.register_forward_pre_hook(lambda _, given: found.append(len(given[0])))
        try:
            yield found
        finally:
            hook.remove()


# --- measures --------------------------------------------------------------------------------------------------------


def _true(maps: Tensor, known: Known | None) -> dict[str, Tensor]:
    if known is None:
        return {}
    return {
        "parts": part_agreement(maps, known.parts, known.falls, by_area=True),
        "parts_sum": part_agreement(maps, known.parts, known.falls, by_area=False),
        "pointing": pointing(maps, known.deciding),
        "excess_mass": excess_mass(maps, known.deciding),
    }


def _stability(make: Maker, asked: Question) -> Tensor:
    some = _first(asked, LARGE_MOVED if is_large(asked.pictures.shape) else MOVED)

    def explain(pictures: Tensor, draw: int) -> Tensor:
        return make(replace(some, pictures=pictures, seed=some.seed + draw)).float().cpu()

    def predict(pictures: Tensor) -> Tensor:
        return some.study.predict(pictures).argmax(1)

    return max_sensitivity(explain, predict, some.pictures, some.seed)


def _first(asked: Question, count: int) -> Question:
    parts = None if asked.parts is None else asked.parts[:count]
    return replace(asked, pictures=asked.pictures[:count], classes=asked.classes[:count], parts=parts)


def _with_random_weights(
    name: str, make: Maker, asked: Question, twins: Sequence[Study], maps: Tensor
) -> tuple[dict[str, Tensor], str]:
    """The likeness to the maps of twins, or why it cannot be measured."""
    found = []
    try:
        for number, twin in enumerate(twins, 1):
            fit_twin(asked.study, twin, name, asked.seed, asked.progress)
            found.append(similarity(maps, make(replace(asked, study=twin, seed=asked.seed + number)).float().cpu()))
    except CancelledError:
        raise
    except XaiWidgetsError as error:
        return {}, f"With random weights: {error}"
    return ({"randomised": torch.stack(found).nanmean(0)} if found else {}), ""


# --- the place, and the cases ----------------------------------------------------------------------------------------


def _place(name: str, make: Maker, material: Material, maps: Tensor) -> dict[str, Any]:
    """Where the unexplained evidence is; on the other pictures only for the five methods, which set the threshold."""
    if material.known is None or material.others_explained is None:
        return {}
    place = hottest_place(maps, material.known.explained)
    found = asdict(place) | {"cue": bool(material.known.cue.any()) and place.holds(material.known.cue)}
    if kind_of(name) == "method":
        found["others"] = hottest_place(make(material.others).float().cpu(), material.others_explained).share
    return found


def _cases(material: Material, maps: Tensor, values: Mapping[str, Tensor]) -> tuple[Case, ...]:
    """By the mass on the truth, or without one by what deletion leaves; no picture twice where there are few."""
    judged = values["excess_mass"] if "excess_mass" in values else -values["deletion_blur"]
    order = judged.nan_to_num(nan=-torch.inf).argsort(descending=True, stable=True).tolist()
    rows = dict(zip(CASES, (order[0], order[len(order) // 2], order[-1]), strict=True))
    if len(order) < len(CASES):
        rows = dict(zip(("best", "worst"), order, strict=False))
    pictures = material.asked.pictures
    return tuple(_case(which, float(judged[row]), pictures[row], maps[row]) for which, row in rows.items())


def _case(which: str, value: float, picture: Tensor, values: Tensor) -> Case:
    from xai_widgets.show.images import data_uri, diverging  # noqa: PLC0415  (matplotlib only when it is wanted)

    coloured = diverging(values, max(float(values.abs().max()), 1e-9))
    return Case(which, round(value, 4), data_uri(picture), data_uri(coloured))

"""The exams: every method measured on pictures whose truth is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.progress import Progress
from xai_widgets.scores.measure import Exam, Measure
from xai_widgets.scores.threads import one_thread
from xai_widgets.study import Study


def run_exam(method: str, study: Study, *, seed: int = 0, progress: Progress) -> Exam:
    """Examine a fitted method of a demo study, with one thread: the same numbers for any number of cores.

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
    with one_thread():
        measures = METHODS[method](study, seed, progress)
    return Exam(method, study.name, seed, round(time.perf_counter() - began, 1), measures)


def _cladec(study: Study, seed: int, progress: Progress) -> dict[str, Measure]:
    from xai_widgets.scores.cladec_exam import examine  # noqa: PLC0415  (only the method asked for is loaded)

    return examine(study, seed, progress)


def _cae(study: Study, seed: int, progress: Progress) -> dict[str, Measure]:
    from xai_widgets.scores.cae_exam import examine  # noqa: PLC0415

    return examine(study, seed, progress)


def _summaries(study: Study, seed: int, progress: Progress) -> dict[str, Measure]:
    from xai_widgets.scores.summaries_exam import examine  # noqa: PLC0415

    return examine(study, seed, progress)


def _srae(study: Study, seed: int, progress: Progress) -> dict[str, Measure]:
    from xai_widgets.scores.srae_exam import examine  # noqa: PLC0415

    return examine(study, seed, progress)


def _inversion(study: Study, seed: int, progress: Progress) -> dict[str, Measure]:
    from xai_widgets.scores.inversion_exam import examine  # noqa: PLC0415

    return examine(study, seed, progress)


METHODS: Mapping[str, Callable[[Study, int, Progress], dict[str, Measure]]] = {
    "cladec": _cladec,
    "cae": _cae,
    "inversion": _inversion,
    "srae": _srae,
    "summaries": _summaries,
}
"""The exam of each method."""

"""The exams: every method measured on pictures whose truth is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xai_widgets import limits
from xai_widgets.registry import Registry
from xai_widgets.scores.measure import Exam, Measure

if TYPE_CHECKING:
    from xai_widgets.progress import Progress
    from xai_widgets.study import Study

EXAMS: Registry[Callable[[Study, int, Progress], dict[str, Measure]]] = Registry(
    "exam",
    {
        "cladec": "xai_widgets.scores.cladec_exam:examine",
        "summaries": "xai_widgets.scores.summaries_exam:examine",
        "srae": "xai_widgets.scores.srae_exam:examine",
        "inversion": "xai_widgets.scores.inversion_exam:examine",
        "cae": "xai_widgets.scores.cae_exam:examine",
    },
)
"""The exam of each method."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch, numpy and scikit-learn compute with one thread; afterwards with as many as before.

    The order of the additions changes the last digits of a sum, which the training of a network amplifies.
    """
    import torch  # noqa: PLC0415  (the list of exams is read without it)
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    before = torch.get_num_threads()
    try:
        with threadpool_limits(1):
            torch.set_num_threads(1)
            yield
    finally:
        torch.set_num_threads(before)


def run_exam(method: str, study: Study, *, seed: int = 0, progress: Progress) -> Exam:
    """Examine a fitted method of a demo study, with one thread: the same numbers for any number of cores.

    Parameters
    ----------
    method
        A key of `EXAMS`.
    study
        A study on `BirdPictures`, whose truth is known, with the method fitted in ``study.explainers``.
    seed
        Of the classifiers that are trained to judge.
    progress
        Told each step.

    Raises
    ------
    XaiWidgetsError
        If there is no such exam.
    """
    examine, seed = EXAMS[method], limits.SEED("seed", seed)
    began = time.perf_counter()
    with one_thread():
        measures = examine(study, seed, progress)
    return Exam(method, study.name, seed, round(time.perf_counter() - began, 1), measures)

"""What is asked before a fit: whether there are enough photos for x-features, and which classes are explained."""

from __future__ import annotations

from collections.abc import Sequence

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.limits import Several
from xai_widgets.methods.srae.settings import Settings
from xai_widgets.names import Target
from xai_widgets.sizes import is_small
from xai_widgets.study import Study

LEAST_PHOTOS = 100
"""Fits on 16, 40, 80 and 194 photos, each with six views, explained 0.44, 0.67, 0.80 and 0.94 of what differs within a
class on others; ``benchmarks/photos/srae.py --sweep photos`` counts again."""


def shortage(study: Study, settings: Settings) -> str:
    """That there are too few photos to fit on, in a sentence with the number that is needed; empty if there is not."""
    count = min(settings.pictures, len(study.train))
    if count >= LEAST_PHOTOS or is_small(study.shape):
        return ""
    return (
        f"There are {count} photos to fit on, and x-features need at least {LEAST_PHOTOS}: with fewer, what "
        "they explain of the score within a class may be learnt by heart. Add photos of the same kind."
    )


def different_classes(study: Study, targets: Sequence[Target]) -> tuple[int, ...]:
    """The numbers of some classes; an `XaiWidgetsError` if there are none, or one is there twice."""
    classes = Several(lambda _, target: study.class_index(target))("targets", targets)
    if not 0 < len(set(classes)) == len(classes):
        raise XaiWidgetsError(f"targets must be different classes, at least one, but are {targets}")
    return classes

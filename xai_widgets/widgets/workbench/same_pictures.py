"""Two studies that look at the same pictures: where the second one has its own, at those."""

from __future__ import annotations

import copy

from xai_widgets.pictures import alike
from xai_widgets.study import Study


def on_the_same_pictures(study: Study, other: Study) -> Study:
    """The first of two studies, or a copy that looks at the unseen pictures of the second, where these are others.

    The copy shares classifier and explainers with the study. Pictures of another shape, or of other classes, cannot be
    answered by both: then each keeps its own.
    """
    if alike(study.test, other.test) or study.shape != other.shape or study.class_names != other.class_names:
        return study
    copied = copy.copy(study)
    copied.__dict__.pop("pool", None)
    copied.test, copied.guests, copied._lender = other.test, {}, study.owner
    return copied

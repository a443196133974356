"""Where the layers of two studies differ most: the picture that one loses and the other keeps."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from torch import Tensor

from xai_widgets.methods.cladec.cladec import ClaDec
from xai_widgets.progress import Progress
from xai_widgets.study import Study
from xai_widgets.widgets.frame.difference import Difference, Search, shared_pictures

MOST = 64
"""So many pictures are drawn from the layer."""


def of_drawings(
    studies: Sequence[Study], explainers: Sequence[ClaDec], layer: str, names: Sequence[str]
) -> tuple[Hashable, Search]:
    """How to find the picture for which the errors of what is drawn from a layer differ most."""
    ready = all(layer in explainer.layers for explainer in explainers)

    def search(progress: Progress) -> Difference | None:
        if not ready:
            return None
        most = min(shared_pictures(studies), MOST)
        pairs = zip(explainers, studies, strict=True)
        errors = [_errors(explainer, layer, study.pool.pictures[:most], progress) for explainer, study in pairs]
        row = int((errors[0] - errors[1]).abs().argmax())
        picture, one, two = studies[0].pool.indices[row], *(float(each[row]) for each in errors)
        return Difference(
            f"They differ most in picture {picture}: drawn from {layer}, it is off by {one:.0%} of the brightness in "
            f"{names[0]} and by {two:.0%} in {names[1]}.",
            picture,
        )

    return ("cladec", layer, ready), search


def _errors(explainer: ClaDec, layer: str, pictures: Tensor, progress: Progress) -> Tensor:
    """Mean absolute errors ``(N,)`` of what is drawn."""
    progress.check()
    found = explainer.explain(pictures, layer)
    errors: Tensor = (found.cladec - found.original).abs().mean((1, 2, 3))
    return errors

"""Where the layers of two studies differ most: the picture that one loses and the other keeps."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from xai_widgets.progress import Progress
from xai_widgets.widgets.frame.difference import Difference, Search, shared_pictures

if TYPE_CHECKING:
    from xai_widgets.widgets.cladec.explorer import ClaDecExplorer

MOST = 64
"""So many pictures are drawn from the layer."""


def of_drawings(both: Sequence[ClaDecExplorer], names: Sequence[str]) -> tuple[Hashable, Search]:
    """How to find the picture for which the errors of what is drawn from the chosen layer differ most."""
    layer, alpha, ready = both[0].layer, both[0].alpha.value, all(one.layer in one.explainer.layers for one in both)

    def search(progress: Progress) -> Difference | None:
        if not ready:
            return None
        errors = [_errors(one, layer, shared_pictures([app.study for app in both]), progress) for one in both]
        row = int((errors[0] - errors[1]).abs().argmax())
        picture, one, two = both[0].study.pool.indices[row], *(float(each[row]) for each in errors)
        return Difference(
            f"They differ most in picture {picture}: drawn from {layer}, it is off by {one:.0%} of the brightness in "
            f"{names[0]} and by {two:.0%} in {names[1]}.",
            picture,
        )

    return ("cladec", layer, alpha, ready), search


def _errors(app: ClaDecExplorer, layer: str, most: int, progress: Progress) -> Tensor:
    """Mean absolute errors ``(N,)`` of what is drawn."""
    progress.check()
    found = app.explainer.explain(app.study.pool.pictures[: min(most, MOST)], layer)
    errors: Tensor = (found.cladec - found.original).abs().mean((1, 2, 3))
    return errors

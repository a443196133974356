"""One picture as each layer has it, large, and whether to trust that."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from xai_widgets.methods.cladec.explanation import SPOKEN, ClaDecExplanation
from xai_widgets.scores.hiding import Marks
from xai_widgets.scores.maps import MAPS
from xai_widgets.widgets.views.drawing import exactly
from xai_widgets.widgets.views.stage import Frame, Large
from xai_widgets.widgets.views.verdict import Verdict, judge

KEPT = "what this layer keeps best"

AGREES = 0.9
"""A layer is in doubt if the classifier recognises fewer of its reconstructions."""


def frame_of(shown: ClaDecExplanation, row: int = 0) -> Frame:
    """A picture as a layer has it, large, beside the original and the auto-encoder's."""
    original = exactly(shown.original[row])
    headings = {"original": "Original", "cladec": f"Drawn from {shown.layer}", "reference": "Auto-encoder"}
    tiles = [
        _large(headings[name], exactly(pictures[row]), f"{SPOKEN[name]} at {shown.layer}", shown.said(name, row))
        | {"blink": "" if name == "original" else original}
        for name, pictures in shown.versions().items()
    ]
    return {"name": shown.layer, "tiles": tiles}


def unfitted(layer: str, picture: Tensor, title: str) -> Frame:
    """A picture whose layer is not fitted yet."""
    original = _large("Original", exactly(picture), title, title)
    return {"name": layer, "tiles": [original, _large(f"Drawn from {layer}", "", "not fitted yet", "not fitted yet")]}


def _large(heading: str, src: str, alt: str, caption: str) -> Large:
    return {"heading": heading, "src": src, "alt": f"{alt}: {caption}", "caption": caption}


def verdict(found: ClaDecExplanation) -> Verdict:
    """Whether to trust the pictures of a layer."""
    same = f"Reconstructions keep the predicted class in {found.report.agreement:.0%} of cases."
    return judge(found.problems, "" if found.report.agreement >= AGREES else same, same)


def marks(found: ClaDecExplanation, row: int) -> Marks:
    """What a layer knows of one picture, place by place."""
    one = slice(row, row + 1)
    return Marks(found.original[one], found.predictions["original"][one].argmax(1), MAPS["cladec"](found)[one], KEPT)


class LayerFrames:
    """The frames of one picture, of which those that were drawn before with the same settings are not drawn again.

    `explain` explains pictures of the pool, by their numbers, through a layer.
    """

    def __init__(self, explain: Callable[[str, Sequence[int]], ClaDecExplanation]) -> None:
        self._explain = explain
        self._drawn: dict[tuple[object, ...], Frame] = {}

    def clear(self) -> None:
        """Forget what was drawn: a layer was fitted anew."""
        self._drawn = {}

    def of(self, index: int, layers: Sequence[str], settings: Callable[[str], tuple[object, ...]]) -> list[Frame]:
        """A frame for each of the fitted `layers`; `settings` is all that its picture depends on."""
        keys = {layer: (layer, index, *settings(layer)) for layer in layers}
        self._drawn = {key: frame for key, frame in self._drawn.items() if key in keys.values()}
        for layer, key in keys.items():
            if key not in self._drawn:
                self._drawn[key] = frame_of(self._explain(layer, [index]))
        return [self._drawn[key] for key in keys.values()]

"""Which class is the target, how the classes are offered, and whether to trust the way there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.counterfactual import Counterfactual
from xai_widgets.methods.cae.scene import Choice
from xai_widgets.pictures import load
from xai_widgets.scores.hiding import Marks
from xai_widgets.scores.maps import MAPS
from xai_widgets.show.images import data_uri
from xai_widgets.study import Study
from xai_widgets.widgets.cae.controls import NOBODY, OVERVIEW, RUNNER_UP
from xai_widgets.widgets.views.cards import Card
from xai_widgets.widgets.views.drawing import thumbnail
from xai_widgets.widgets.views.verdict import Verdict, judge

MOST_CHIPS = 8
"""More classes than these are not offered at a glance; the likeliest ones are."""

CERTAIN = 0.9
"""A map with fewer expected answers is in doubt."""

CHANGED = "what changes most"

RISES = 0.05
"""The probability may fall so far on the way to the target without doubt."""


def with_target(cae: CAE, choice: Choice, study: Study | None = None, first: Study | None = None) -> Choice:
    """The choice with the second most probable class where that is chosen, or where the predicted one is.

    Of a class that the classifier predicts for no picture the CAE knows nothing: it is passed over. The picture is one
    of the CAE's study, or of a copy of it with other unseen pictures; the second of two studies goes along with the
    `first`, as far as it can.
    """
    study = study or cae.study
    picture = load(choice.pictures(study), [choice.picture])[0]
    own, leading = study.predict(picture)[0], (first if first and first.class_names == study.class_names else study)
    order = leading.predict(picture)[0].argsort(descending=True).tolist()
    predicted = {int(own.argmax()), order[0]}
    if choice.target != RUNNER_UP and choice.target not in predicted:
        return choice
    known = set(cae.code_classes.tolist()) - predicted
    return choice._replace(target=next((k for k in order if k in known), None))


def offered(probabilities: Tensor, target: int | None) -> list[int]:
    """The classes that a picture can be led to at a click, and `NOBODY`: few ones in their order, of many the first.

    `probabilities` ``(K,)`` are those of the picture; the `target` is among the classes.
    """
    likely: list[int] = probabilities.argsort(descending=True).tolist()[1:]
    few = sorted(likely) if len(likely) <= MOST_CHIPS else likely[:MOST_CHIPS]
    reached = [] if target is None or target in few else [target]
    return [*few, *reached, NOBODY]


class Exemplars:
    """A thumbnail for each class: the first picture that the CAE was fitted on and the classifier puts there."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names, self._drawn = tuple(names), dict[int, str]()

    def chip(self, cae: CAE, class_index: int) -> Card:
        """A class as a card to choose."""
        if class_index == NOBODY:
            return {"title": OVERVIEW, "tiles": [{"src": _MAP, "alt": "a map", "caption": ""}]}
        if class_index not in self._drawn:
            members = (cae.code_classes == class_index).nonzero().flatten().tolist()
            first = [int(cae.code_indices[member]) for member in members[:1]]
            self._drawn[class_index] = thumbnail(load(cae.study.train, first)[0][0]) if first else _MAP
        name = self._names[class_index]
        return {"title": name, "tiles": [{"src": self._drawn[class_index], "alt": f"lead it to {name}", "caption": ""}]}


def _dots() -> str:
    """Three dots, for the map of all classes, and for a class without a picture."""
    across, down = np.meshgrid(np.arange(40), np.arange(40))
    picture = np.full((40, 40), 235, np.uint8)
    for x, y in ((11, 14), (28, 11), (20, 29)):
        picture[(across - x) ** 2 + (down - y) ** 2 < 30] = 110
    return data_uri(picture)


_MAP = _dots()


def judged(found: Counterfactual) -> Verdict:
    """Whether to trust a way."""
    target, off = found.name(found.target), int((~found.strip.on_data).sum())
    if not found.flipped:
        return Verdict("distrust", f"The picture does not become {target}: it reaches {found.obtained:.0%}.")
    if found.strip.violation > RISES:
        doubt = f"The probability of {target} falls on {found.strip.violation:.0%} of the path."
    else:
        doubt = f"{off} of {len(found.strip.on_data)} frames are far from real pictures." if off else ""
    return judge(
        found.problems, doubt, f"It becomes {target} with {found.obtained:.0%}, and all frames lie on the data."
    )


def marks(found: Counterfactual) -> Marks:
    """Where the picture changes on the way to the target."""
    return Marks(found.original[None], torch.tensor([found.source]), MAPS["cae"](found), CHANGED)


def told(cae: CAE, choice: Choice, explanation: Counterfactual | None) -> tuple[str, Verdict, str]:
    """A sentence about a path or about the map of all classes, whether to trust it, and the numbers."""
    if explanation is None:
        sentence = "Drag the point: the picture changes, and the prediction follows. Choose a class to lead it to."
        return sentence, judged_overview(cae), cae.verdict()
    sentence = f"{explanation.sentence()}{choice.most_changed(cae.study, explanation)}"
    return sentence, judged(explanation), explanation.verdict()


def judged_overview(cae: CAE) -> Verdict:
    """Whether to trust the map of all classes."""
    health = cae.health
    right = round(health.validity * health.swaps)
    tests = f"Swapping class codes changed the prediction as expected in {right} of {health.swaps} tests."
    return judge(health.problems, "" if health.validity > CERTAIN else tests, tests)

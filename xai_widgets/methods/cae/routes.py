"""The ways from a picture's code to another class."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor

from xai_widgets import limits
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.limits import Choice, OrNone
from xai_widgets.methods.cae.decoding import Decodes, Encoded
from xai_widgets.methods.cae.density import graph_path
from xai_widgets.methods.cae.path import LIKELY, border, dial
from xai_widgets.methods.cae.plane import Plane
from xai_widgets.methods.cae.targets import closest
from xai_widgets.methods.cae.walk import Walk

Route = Literal["straight", "closest", "graph", "reference"]
ROUTES: tuple[Route, ...] = ("straight", "closest", "graph", "reference")

Confidence = float | Literal["border"] | None
"""How far a route goes: to this probability of the target, to that of the source, or to its end."""

DIAL_STEPS = 14
"""Halvings of the route when a confidence is requested: the prediction changes on a short part of it."""

PAPER_SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""The published guided path: how far along it its frames lie (kappa)."""

BEYOND = 0.999
"""Where the shortest way ends before it is cut by the classifier itself, which the map knows only roughly."""


class OnMap(Decodes, Protocol):
    """A model with a map of the codes of real pictures."""

    @property
    def codes(self) -> Tensor:
        """``(M, d)``."""

    @property
    def code_probabilities(self) -> Tensor:
        """The classifier's probabilities for their pictures, ``(M, K)``."""

    @property
    def centres(self) -> Tensor:
        """The most typical code of each class, ``(K, d)``; NaN where there is none."""

    def pair_chart(self, source: int, target: int) -> Plane:
        """The map of two classes."""


def route_to(model: OnMap, encoded: Encoded, source: int, target: int, route: Route, confidence: Confidence) -> Tensor:
    """The codes ``(M, d)`` that a picture's code is led along, its own first; for the routes see `CAE.explain`."""
    route, z = Choice(ROUTES)("route", route), encoded.z[0]
    centre, goal = _centre(model, target), requested(confidence)
    if route == "closest":
        aim = LIKELY if goal is None else max(goal, BEYOND)
        return torch.stack([z, closest(z, model.weight, model.bias, source, target, aim)])
    if route == "reference":
        return z + z.new_tensor(PAPER_SHARES)[:, None] * (_reference(model, z, target) - z)
    if route == "graph":
        return graph_path(model.codes, z, centre, model.weight, model.bias, source, target)
    # What the chart does not show of the picture stays, as it does when the point is dragged there.
    chart = model.pair_chart(source, target)
    return torch.cat([z[None], chart.lift(chart.project(centre[None]), z)])


def requested(confidence: Confidence) -> float | None:
    """The requested probability, None for the end of the route; an `XaiWidgetsError` for what is none."""
    if isinstance(confidence, str) and confidence != "border":
        raise XaiWidgetsError(f"confidence is {confidence!r}; give a number between 0 and 1, or 'border'")
    return 0.5 if isinstance(confidence, str) else OrNone(limits.INSIDE)("confidence", confidence)


def end_of(walk: Walk, source: int, target: int, confidence: Confidence) -> float:
    """The share of a walk where the classifier itself has a confidence; 1 for None."""
    goal = requested(confidence)
    if goal is None:
        return 1.0
    if isinstance(confidence, str):
        return border(walk, source, target, steps=DIAL_STEPS)[0]
    return dial(walk, target, goal, steps=DIAL_STEPS)[0]


def _centre(model: OnMap, target: int) -> Tensor:
    centre = model.centres[target]
    if not torch.isfinite(centre).all():
        raise XaiWidgetsError(
            f"the classifier predicts class {target} for no picture on the map, so the map does not know it; choose "
            "another target"
        )
    return centre


def _reference(model: OnMap, z: Tensor, target: int) -> Tensor:
    """The nearest code of a picture that classifier and map both surely call the target."""
    chance = torch.minimum(model.code_probabilities, model.head(model.codes))[:, target]
    sure = model.codes[chance >= min(LIKELY, float(chance.max()))]
    return sure[(sure - z).norm(dim=1).argmin()]

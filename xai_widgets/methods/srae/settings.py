"""How an SRAE is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.srae.view import VIEWS, View
from xai_widgets.recipe import Recipe

Target = Literal["logit", "margin"]
TARGETS: tuple[Target, ...] = ("logit", "margin")
"""What is rebuilt: a class's logit, or how far it is above the best other one."""

Along = Literal["maps", "features", "images"]


@dataclass(frozen=True)
class Weights:
    """How much each term of the loss counts; faithfulness counts 1.

    Attributes
    ----------
    positives
        The same on the pictures of the class alone, in units of their own variance: what a large variance between
        classes would otherwise hide.
    reconstruction
        Of the layer.
    q
        Residuals above 1 / q (variances of the layer, where it is standardised) are given up.
    pull
        Of the pull-away term.
    along
        Which traces are pulled apart: "maps", x-features over all places of all pictures, so that no place is told
        twice; "features", x-features over pictures; "images", pictures over x-features.
    dominance
        Of what the strongest x-feature has more than its due (`losses.dominance`).
    """

    positives: float = 0.4
    reconstruction: float = 0.4
    q: float = 10.0
    pull: float = 4.0
    along: Along = "maps"
    dominance: float = 1.0


@dataclass(frozen=True)
class Settings:
    """How an SRAE is fitted.

    Attributes
    ----------
    layer
        Dotted name.
    view
        "spatial": x-features of each place of a map or token grid, whose mean is read out. "pooled": of the mean over
        the places. "flat": of everything at once.
    target
        "logit", or "margin": the logit minus the best other one.
    features
        x-features per class, L.
    against
        How many of them start as evidence against the class.
    hidden
        Widths between the layer and the x-features.
    pictures
        At most this many training pictures are used, drawn by the seed.
    weights
        Of the terms of the loss.
    recipe
        How everything is trained.
    rounds
        How often, at most, the classes that failed are fitted anew, with changed weights.
    paper
        The published units, pre-training and rule for failing.
    """

    layer: str
    view: View
    target: Target
    features: int
    against: int
    hidden: tuple[int, ...]
    pictures: int
    weights: Weights
    recipe: Recipe
    rounds: int
    paper: bool = False

    def __post_init__(self) -> None:
        for name, least in {"features": 2, "pictures": 2, "rounds": 0}.items():
            if getattr(self, name) < least:
                raise XaiWidgetsError(f"{name} is {getattr(self, name)}, but must be at least {least}")
        for name, known in {"view": VIEWS, "target": TARGETS}.items():
            if getattr(self, name) not in known:
                raise XaiWidgetsError(f"{name} is {getattr(self, name)!r}, but must be one of {known}")

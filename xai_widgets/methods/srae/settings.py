"""How an SRAE is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xai_widgets import limits
from xai_widgets.limits import Choice, Of, Several, Whole, settle
from xai_widgets.methods.srae.positions import VIEWS, View
from xai_widgets.recipe import Recipe

Score = Literal["logit", "margin"]
SCORES: tuple[Score, ...] = ("logit", "margin")
"""What is rebuilt: a class's logit, or how far it is above the best other one."""

Basis = Literal["srae", "pca", "pls", "random"]
"""Whose x-features: the explanation network's, those of a linear method fitted on the same pictures, or random ones."""

RATE, PHOTO_RATE = 4e-3, 3e-4
"""Learning rates for small pictures and for photos, a few hundred of which are soon learnt by heart: after 128 steps on
194 of them, R squared within the class was 0.94 on others; after 256 steps at 0.001 it was 0.89."""

POSITIVES, PHOTO_POSITIVES = 0.4, 2.0
"""Weights of the class's own pictures. Few photos are of the class, and what differs among them is soon lost: with 0.4,
1 and 2, R squared within the class was 0.79, 0.90 and 0.95 on others (``benchmarks/photos/srae.py --sweep positives``).
"""

MOST_FEATURES, MOST_ROUNDS = 1000, 1000

HIDDEN = 32
"""Units between the layer and the x-features."""

Along = Literal["maps", "features", "images"]
ALONG: tuple[Along, ...] = ("maps", "features", "images")


@dataclass(frozen=True)
class Weights:
    """How much each term of the loss counts; faithfulness counts 1.

    Attributes
    ----------
    positives
        Faithfulness on the pictures of the class alone, in units of their own variance: a large variance between
        classes would otherwise hide it.
    reconstruction
        Of the layer.
    q
        Residuals above 1 / q (variances of the layer, where it is standardised) are given up.
    pull
        Of the pull-away term.
    along
        Which traces are pulled apart: "maps", x-features over all positions of all pictures, so that no position is
        counted twice; "features", x-features over pictures; "images", pictures over x-features.
    dominance
        Of the strongest x-feature's excess over its due (`losses.dominance`).
    """

    positives: float = POSITIVES
    reconstruction: float = 0.4
    q: float = 10.0
    pull: float = 4.0
    along: Along = "maps"
    dominance: float = 1.0

    def __post_init__(self) -> None:
        weights = ("positives", "reconstruction", "pull", "dominance")
        settle(self, q=limits.POSITIVE, along=Choice(ALONG), **dict.fromkeys(weights, limits.WEIGHT))


@dataclass(frozen=True)
class Settings:
    """How an SRAE is fitted.

    Attributes
    ----------
    layer
        Dotted name.
    view
        "spatial": x-features of each position of a map or token grid, whose mean is read out. "pooled": of the mean
        over the positions. "flat": of everything at once.
    score
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
    score: Score
    features: int
    against: int
    hidden: tuple[int, ...]
    pictures: int
    weights: Weights
    recipe: Recipe
    rounds: int
    paper: bool = False

    def __post_init__(self) -> None:
        settle(
            self,
            view=Choice(VIEWS),
            score=Choice(SCORES),
            features=Whole(2, MOST_FEATURES),
            against=Whole(0, MOST_FEATURES),
            hidden=Several(limits.WIDTH, least=1),
            pictures=Whole(2),
            weights=Of((Weights,)),
            recipe=Of((Recipe,)),
            rounds=Whole(0, MOST_ROUNDS),
            paper=limits.switch,
        )


def default_settings(
    layer: str, view: View, score: Score, features: int, pictures: int, epochs: int, seed: int, *, photos: bool = False
) -> Settings:
    """Our own settings, unlike the published ones; of photos or of small pictures."""
    rate, positives = (PHOTO_RATE, PHOTO_POSITIVES) if photos else (RATE, POSITIVES)
    recipe = Recipe(epochs=epochs, batch_size=128, lr=rate, seed=seed, clip=5.0, amp=False)
    features = Whole(2, MOST_FEATURES)("features", features)
    against = (features - 1) // 2
    return Settings(layer, view, score, features, against, (HIDDEN,), pictures, Weights(positives), recipe, rounds=2)

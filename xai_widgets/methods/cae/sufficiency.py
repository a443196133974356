"""Whether there are enough pictures for a CAE, before it is fitted: a short fit, and what it makes of held-out ones.

A decoder that has seen too few pictures knows them by heart: it redraws them better than pictures of the same kind that
it has not seen. By how much, shows after few steps already. And what the classifier follows after few steps, it follows
after many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor, log10

import torch

from xai_widgets.errors import XaiWidgetsError
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.health import LEAST_VALIDITY
from xai_widgets.pictures import PictureSet
from xai_widgets.progress import Progress

STEPS, TRIED = 300, 1000
"""A trial has so many steps, on at most so many pictures."""

COMPARED = 200
"""At most so many pictures of both kinds are redrawn."""

MOST_EXCESS = 0.2
"""By so much the error for held-out pictures may exceed that for the pictures of the trial, as a share of it."""

FALL = 0.8
"""A rule of thumb: the excess falls as this power of the number of pictures. On birds and clothes, between 100 and
1,000 pictures, powers of 0.7 to 1.3 were measured."""


SMALLEST = 140
"""Pictures of a class in the smallest fit that could be trusted: that of the digits demo."""


def few(cae: CAE) -> str:
    """A sentence that says so where there are fewer pictures than any fit had that could be trusted; empty otherwise.

    More of them need not be enough, least of all for photos: `try_pictures` tells.
    """
    pictures, classes = min(cae.settings.pictures, len(cae.study.train)), cae.study.classes
    if cae.settings.paper or pictures >= SMALLEST * classes:
        return ""
    return (
        f"{pictures:,} pictures for {classes:,} classes are few: the smallest fit that could be trusted had {SMALLEST} "
        "drawn digits of each class, and photos need more."
    )


@dataclass(frozen=True)
class Sufficiency:
    """What a trial says about the pictures of a study.

    Attributes
    ----------
    pictures
        How many pictures the fit would use.
    tried
        How many of them the trial was fitted on.
    swaps, followed
        Swaps of held-out pictures, and those in which the classifier sees the class that was asked for.
    excess
        By how much the squared error of redrawn held-out pictures exceeds that of the trial's own, as a share.
    """

    pictures: int
    tried: int
    swaps: int
    followed: int
    excess: float

    @property
    def enough(self) -> bool:
        """Whether the pictures suffice."""
        return self.followed >= LEAST_VALIDITY * self.swaps and (self.needed or 0) <= self.pictures

    @property
    def needed(self) -> int | None:
        """About how many pictures would bring the excess down; None where it is small, and they are no remedy."""
        if self.excess <= MOST_EXCESS:
            return None
        wanted: float = self.tried * (self.excess / MOST_EXCESS) ** (1 / FALL)
        unit: int = 10 ** floor(log10(wanted))
        return ceil(wanted / unit) * unit

    def sentence(self) -> str:
        """The answer, with the numbers it rests on."""
        too_few = "There are too few pictures" + ("" if self.needed else ", or they differ too much from each other")
        answer = "There are enough pictures" if self.enough else too_few
        more = f" About {self.needed:,} pictures would bring that down." if self.needed else ""
        return (
            f"{answer}: in a trial on {self.tried:,} of {self.pictures:,}, the classifier followed {self.followed} of "
            f"{self.swaps} changes of held-out pictures (at least {ceil(LEAST_VALIDITY * self.swaps)} are needed), and "
            f"held-out pictures were redrawn {max(self.excess, 0):.0%} worse than those of the trial (at most "
            f"{MOST_EXCESS:.0%}).{more}"
        )


def try_pictures(cae: CAE, *, progress: Progress | None = None) -> Sufficiency:
    """Fit a copy for a moment, and ask it about held-out pictures; the CAE is not changed.

    On a CPU this takes some 40 seconds at 64 pixels.

    Raises
    ------
    CancelledError
        If the progress was cancelled.
    XaiWidgetsError
        If the CAE is to be fitted as published, or the trial fails.
    """
    settings, study = cae.settings, cae.study
    if settings.paper:
        raise XaiWidgetsError(
            "a short trial tells nothing of the published CAE, which takes many steps; try CAE(study)"
        )
    tried = min(settings.pictures, len(study.train), TRIED)
    recipe = replace(settings.recipe, epochs=ceil(STEPS / ceil(tried / settings.recipe.batch_size)))
    short = CAE(study, settings=replace(settings, pictures=tried, recipe=recipe))
    short._fit(progress or Progress(), None, lambda _: None)
    seen, unseen = (_error(short, pictures, most) for pictures, most in ((study.train, tried), (study.test, COMPARED)))
    health = short.health
    followed = round(health.pasted_validity * health.swaps)
    return Sufficiency(
        min(settings.pictures, len(study.train)), tried, health.swaps, followed, unseen / max(seen, 1e-9) - 1
    )


def _error(cae: CAE, pictures: PictureSet, most: int) -> float:
    """Mean squared error of redrawn pictures, of at most `COMPARED` of the `most` that are drawn."""
    drawn, _ = cae.study.load(pictures, cae.study.draw(pictures, most, cae.settings.recipe.seed)[:COMPARED])
    return float(torch.square(cae.encode(drawn).reconstructions - drawn).mean())

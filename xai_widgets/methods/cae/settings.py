"""How a CAE is fitted."""

from __future__ import annotations

from dataclasses import dataclass

from xai_widgets import limits
from xai_widgets.limits import Of, Whole, settle
from xai_widgets.recipe import Recipe

PLANE_CLASSES = 3
"""With so many classes or fewer, a plane has room for all log-odds: an affine head needs one dimension less."""


@dataclass(frozen=True)
class Settings:
    """How a CAE is fitted.

    Attributes
    ----------
    dimensions
        Of the class code: 2, and the code is the map; or more, and the map is a plane in it.
    channels
        Of the individual code. Few, so that it has no room for the class as well. 0 for the published one, whose
        number follows from its width.
    width
        Channels of the decoder at the picture's side.
    pictures
        At most this many training pictures are used, drawn by the seed.
    recipe
        How everything is trained.
    paper
        The published architecture and losses.
    """

    dimensions: int
    channels: int
    width: int
    pictures: int
    recipe: Recipe
    paper: bool = False

    def __post_init__(self) -> None:
        settle(self, paper=limits.switch)
        settle(
            self,
            dimensions=Whole(2, limits.WIDTH.most),
            channels=Whole(0 if self.paper else 1, limits.WIDTH.most),
            width=limits.WIDTH,
            pictures=Whole(2),
            recipe=Of((Recipe,)),
        )

"""How a CAE is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from xai_widgets import limits
from xai_widgets.limits import Of, Whole, settle
from xai_widgets.methods.cae.networks import default_width
from xai_widgets.recipe import Recipe
from xai_widgets.study import Study

BATCH = 32

EPOCHS, LEAST_STEPS = 32, 1000
"""By default, pictures are seen so often, and few ones more often: the decoder needs so many steps."""

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


def settings_for(
    study: Study, dimensions: int | None, channels: int, width: int | None, pictures: int, epochs: int | None, seed: int
) -> Settings:
    """The default settings for a study, as far as they are not given."""
    if dimensions is None:
        dimensions = 2 if study.classes <= PLANE_CLASSES else 8
    if epochs is None:
        epochs = _default_epochs(min(Whole(2)("pictures", pictures), len(study.train)))
    recipe = Recipe(epochs=epochs, batch_size=BATCH, lr=1e-2, seed=seed, betas=(0.5, 0.99), clip=5.0, warm_up=0.1)
    return Settings(dimensions, channels, default_width(study.shape) if width is None else width, pictures, recipe)


def _default_epochs(pictures: int) -> int:
    return max(EPOCHS, ceil(LEAST_STEPS / ceil(pictures / BATCH)))

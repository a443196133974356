"""What is settled before a fit: which layers, how they are trained, and whether the pictures suffice."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from xai_widgets.errors import LayerError
from xai_widgets.limits import Of, Several
from xai_widgets.methods.cladec.coarse import small_recipe, starts_coarse
from xai_widgets.methods.cladec.decoder import Shape
from xai_widgets.methods.cladec.fit import LayerFit
from xai_widgets.methods.cladec.large import photos_needed
from xai_widgets.methods.cladec.large_fit import LargeFit
from xai_widgets.methods.cladec.layer import Settings
from xai_widgets.methods.common.explainer import TRIAL_EPOCHS
from xai_widgets.recipe import Recipe
from xai_widgets.sizes import is_large
from xai_widgets.study import Study

PERCEPTUAL = 1.0
"""For large pictures; `python benchmarks/photos/cladec.py --sweep perceptual` tries others."""

MOST, MOST_LARGE = 2500, 1500
"""Pictures to fit on, where nothing else is asked for: each of the large ones gives hundreds of crops."""

MEASURED_LARGE = 160
"""Unseen large pictures that a layer's report rests on; they are 100 MB."""

TRIED = 48
"""Crops of an epoch of a trial."""


def default_recipe(study: Study, epochs: int, seed: int) -> Recipe:
    """How a decoder is trained: in steps of 32 pictures, or of 12 crops of large ones."""
    if is_large(study.shape):
        return Recipe(epochs=epochs, batch_size=12, lr=5e-3, seed=seed)
    return Recipe(epochs=epochs, batch_size=32, lr=1.5e-2, seed=seed)


def default_settings(
    study: Study, reference: Literal["scratch", "warm"] | None, recipe: Recipe, width: int, pictures: int | None
) -> Settings:
    """Settings with a reference that is trained for a third more epochs, on at most `pictures`."""
    longer = replace(recipe, epochs=max(recipe.epochs * 4 // 3, 1))
    large = is_large(study.shape)
    most = (MOST_LARGE if large else MOST) if pictures is None else pictures
    return Settings(reference, recipe, longer, width, most, perceptual=PERCEPTUAL if large else 0.0)


def measured(study: Study, most: int) -> int:
    """How many unseen pictures a report rests on, of at most so many."""
    return min(most, MEASURED_LARGE) if is_large(study.shape) else most


def kind_of_fit(study: Study, settings: Settings) -> type[LayerFit]:
    """By crops for large pictures; the published recipe knows none."""
    return LargeFit if by_crops(study, settings) else LayerFit


def by_crops(study: Study, settings: Settings) -> bool:
    """Whether a fit is by crops of large pictures."""
    return is_large(study.shape) and not settings.paper


def enough_photos(study: Study, layer: str, most: int) -> str:
    """Whether there are enough photos for a layer, in a sentence; empty where pictures are not large."""
    if not is_large(study.shape):
        return ""
    there, needed = _photos_there(study, most), needed_photos(study, layer)
    clause = f"a decoder of {layer} needs about {needed:,} photos, and there are {there:,}"
    if there >= needed:
        return f"There are enough photos: {clause}."
    return f"There are too few photos: {clause}. What it draws will be blurred for want of photos, not by the layer."


def needed_photos(study: Study, layer: str) -> int:
    """About how many large pictures a decoder of a layer needs."""
    return photos_needed(_code(study, layer))


def _code(study: Study, layer: str) -> Shape:
    """The shape of a layer's code."""
    found = study.layer(layer)
    return (math.prod(found.shape) // math.prod(found.places or (1,)), *(found.places or ()))


def warn_of_few(study: Study, layers: Sequence[str], most: int) -> None:
    """Say, before anything is fitted, for which layers there are too few photos."""
    for layer in layers if is_large(study.shape) else ():
        if _photos_there(study, most) < needed_photos(study, layer):
            warnings.warn(enough_photos(study, layer, most), stacklevel=4)


def _photos_there(study: Study, most: int) -> int:
    return min(len(study.train), most)


def import_what_a_fit_needs() -> None:
    """Import what a fit imports late, once and for a second: a trial would take it for work that grows."""
    importlib.import_module("sklearn.kernel_ridge")


def trial_growth(study: Study, layer: str, settings: Settings, seen: float) -> tuple[Settings, list[float]]:
    """Settings of a short fit, and how many times more steps each training of the real one takes.

    `seen` is how many times more pictures the real fit has; with large ones an epoch has as many steps all the same.
    """
    few = min(settings.crops, TRIED) if by_crops(study, settings) else settings.crops
    more = settings.crops / few if by_crops(study, settings) else seen
    recipes = [settings.recipe, settings.reference_recipe]
    short = [replace(recipe, epochs=TRIAL_EPOCHS) for recipe in recipes]
    trained = [own.epochs / TRIAL_EPOCHS * more for own in recipes[: 1 + (settings.reference is not None)]]
    code = _code(study, layer)
    if by_crops(study, settings) and starts_coarse(code, study.shape):
        small = [small_recipe(own, code).epochs for own in (recipes[0], short[0])]
        trained = [small[0] / small[1] * more, *trained]
    return replace(settings, recipe=short[0], reference_recipe=short[1], crops=few), trained


def default_layer(study: Study) -> str:
    """The block in the middle of the network."""
    blocks = study.blocks() or study.layers()
    return blocks[len(blocks) // 2].name


def known_layers(study: Study, layer: str | Sequence[str]) -> tuple[str, ...]:
    """Names of layers that exist, each once."""
    names = Several(Of((str,)))("layer", [layer] if isinstance(layer, str) else layer)
    if not names:
        raise LayerError("no layer is given; study.layers() lists those there are")
    return tuple(study.layer(name).name for name in dict.fromkeys(names))

"""What InversionExplorer shows of a choice: the search as a film, and how little of its mask is enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from xai_widgets.methods.inversion.explanation import InversionExplanation
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.methods.inversion.variations import ENOUGH
from xai_widgets.methods.masking.views import blend
from xai_widgets.pool import Pool
from xai_widgets.progress import Progress
from xai_widgets.study import Study

FILM = 20
"""At most so many steps of a search are shown, and its end."""

SHARES = tuple(range(100, 0, -10))
"""How much of the mask's mass is kept, in percent."""

PREDICTED, NOTHING, RUNNER_UP = -1, -1, -2
"""In place of a class: the predicted one; no second class; the most probable one besides the first."""

TOGETHER = "all together"
"""In place of a layer: all those that the search was made with."""


class Choice(NamedTuple):
    """What is chosen: a picture's number in the pool, two classes (see `PREDICTED`), and a layer."""

    picture: int
    first: int
    second: int
    layer: str


class Stop(NamedTuple):
    """One mask that can be shown: that of a step of the search, or the strongest percents of the final one."""

    step: int
    share: int = 100


def film_of(steps: int) -> tuple[Stop, ...]:
    """The steps of a search that are shown, and its end."""
    return (*(Stop(step) for step in range(0, steps, -(-steps // FILM))), Stop(steps))


def stops_of(steps: int) -> tuple[Stop, ...]:
    """All masks that can be shown."""
    return (*film_of(steps), *(Stop(steps, share) for share in SHARES[1:]))


class Blends:
    """What the classifier says of what masks keep and remove; it is asked for each when that is first wanted.

    Of a large picture each takes a twentieth of a second, and few steps of a search are ever looked at.

    Parameters
    ----------
    study
        It holds the classifier.
    explanation
        With the pictures and backgrounds of T classes.
    masks
        S masks for each of these, ``(S, T, H, W)``.
    """

    def __init__(self, study: Study, explanation: InversionExplanation, masks: Tensor) -> None:
        self._study, self._masks = study, masks
        self._both = explanation.pictures, explanation.backgrounds
        self._known: dict[tuple[int, bool], Tensor] = {}

    def of(self, stop: int) -> Tensor:
        """Probabilities ``(T, 2, K)`` of what the masks of a stop keep and remove."""
        self.ask([stop])
        return torch.stack([self._known[stop, removed] for removed in (False, True)], 1)

    def kept(self, stop: int) -> Tensor:
        """Probabilities ``(T, K)`` of what the masks of a stop keep."""
        self._ask([(stop, False)])
        return self._known[stop, False]

    def ask(self, stops: Sequence[int]) -> None:
        """Ask the classifier about those of the stops that are not known yet, a batch at a time."""
        self._ask([(stop, removed) for stop in stops for removed in (False, True)])

    def _ask(self, asked: Sequence[tuple[int, bool]]) -> None:
        unknown = [one for one in asked if one not in self._known]
        at_once = max(1, self._study.batch_size // self._masks.shape[1])
        for start in range(0, len(unknown), at_once):
            part = unknown[start : start + at_once]
            masks = torch.stack([1 - self._masks[stop] if removed else self._masks[stop] for stop, removed in part])
            self._known.update(zip(part, self._asked(masks), strict=True))

    def _asked(self, masks: Tensor) -> Tensor:
        """Probabilities ``(M, T, K)`` of what masks ``(M, T, H, W)`` keep."""
        answers = self._study.predict(blend(*self._both, masks[:, :, None]).flatten(0, 1))
        return answers.view(*masks.shape[:2], -1)


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that is shown of a choice: one picture, and T classes."""

    choice: Choice
    index: int  # in study.test, or among one's own pictures
    explanation: InversionExplanation  # the masks of the T classes, each for the same picture
    stops: tuple[Stop, ...]  # the S masks that can be shown of each class
    masks: Tensor  # these masks (S, T, H, W)
    blends: Blends  # what the classifier says of what each mask keeps and removes
    ends: Tensor  # probabilities (T, 2, K) of the picture and of its background
    parts: tuple[Mapping[str, float], ...]  # the share of each mask's mass on each part, if these are known

    @property
    def classes(self) -> list[int]:
        """The classes that are explained."""
        classes: list[int] = self.explanation.class_index.tolist()
        return classes

    def name(self, row: int) -> str:
        """The name of one of them."""
        return self.explanation.class_names[self.classes[row]]

    def at(self, stop: int) -> InversionExplanation:
        """The explanation with the masks of a stop."""
        return replace(self.explanation, masks=self.masks[stop])

    def probabilities(self, stop: int, row: int) -> tuple[float, float]:
        """Probabilities of a class for what its mask keeps and removes at a stop."""
        kept, removed = self.blends.of(stop)[row, :, self.classes[row]].tolist()
        return kept, removed

    def smallest(self, row: int) -> int | None:
        """The stop with the smallest part of the final mask that keeps the class (see `ENOUGH`), if any part does."""
        goal = ENOUGH * float(self.explanation.before[row])
        final = [stop for stop, at in enumerate(self.stops) if at.step == self.stops[-1].step]
        k = self.classes[row]
        return next((stop for stop in reversed(final) if float(self.blends.kept(stop)[row, k]) >= goal), None)


def of_layer(inversion: GuidedFeatureInversion, layer: str) -> GuidedFeatureInversion:
    """The same search with masks made of one layer, or of all those that it was made with."""
    if layer == _own_layer(inversion):
        return inversion
    options = {"background": inversion.background, "settings": inversion.settings, "seed": inversion.seed}
    return GuidedFeatureInversion(inversion.study, layer, inversion.deep_layer, **options)


def make_scene(
    inversion: GuidedFeatureInversion,
    pool: Pool,
    choice: Choice,
    progress: Progress,
    on_mask: Callable[[Tensor], object] | None = None,
) -> Scene:
    """Search for the masks, and ask the classifier about all of them; `on_mask` sees the masks of the search."""
    study, index = inversion.study, pool.indices[choice.picture]
    with study.borrowed():  # once for all the questions
        explanation = _explained(inversion, pool, choice, progress, on_mask)
        masks = _masks(explanation)
        progress.check()
        ends = _pairs(study, explanation.pictures, explanation.backgrounds)
        stops, blends = stops_of(len(explanation.frames)), Blends(study, explanation, masks)
        scene = Scene(choice, index, explanation, stops, masks, blends, ends, _parts(pool, index, explanation))
        for row in range(len(scene.classes)):
            scene.smallest(row)  # asks only as far as it has to
    return scene


def _masks(explanation: InversionExplanation) -> Tensor:
    """All masks that can be shown ``(S, T, H, W)``: those of the film, the final ones, and their strongest parts."""
    shown = [stop.step for stop in film_of(len(explanation.frames))[:-1]]
    cropped = [strongest(explanation.masks, share / 100) for share in SHARES[1:]]
    return torch.cat([explanation.frames[shown].float() / 255, torch.stack([explanation.masks, *cropped])])


def _explained(
    inversion: GuidedFeatureInversion,
    pool: Pool,
    choice: Choice,
    progress: Progress,
    on_mask: Callable[[Tensor], object] | None,
) -> InversionExplanation:
    """What `GuidedFeatureInversion.find` found, if it is for this picture and this class alone, or a new search."""
    picture = pool.picture(choice.picture)
    classes = torch.tensor(_classes(inversion.study, picture, choice))
    batch = picture.expand(len(classes), *picture.shape)
    known = inversion.found.get(pool.indices[choice.picture]) if choice.layer == _own_layer(inversion) else None
    if known is not None and torch.equal(known.pictures, batch) and torch.equal(known.class_index, classes):
        return known
    return of_layer(inversion, choice.layer).explain(batch, classes, film=True, on_mask=on_mask, progress=progress)


def _classes(study: Study, picture: Tensor, choice: Choice) -> list[int]:
    """The chosen classes, each once."""
    chances = cache(lambda: study.predict(picture)[0])  # the classifier is asked only where the answer decides
    first = int(chances().argmax()) if choice.first == PREDICTED else choice.first
    second = {NOTHING: first}.get(choice.second, choice.second)
    if second == RUNNER_UP:
        second = next(k for k in chances().argsort(descending=True).tolist() if k != first)
    return list(dict.fromkeys((first, second)))


def strongest(masks: Tensor, share: float) -> Tensor:
    """Masks ``(T, H, W)`` with 0 in all but their strongest pixels, which hold a share of each mask's mass."""
    ordered = masks.flatten(1).sort(1, descending=True).values
    held = ordered.cumsum(1) / ordered.sum(1, keepdim=True).clamp_min(1e-12)
    last = (held <= share + 1e-6).sum(1).sub(1).clamp_min(0)
    return masks * (masks >= ordered.gather(1, last[:, None])[..., None])


def _pairs(study: Study, first: Tensor, second: Tensor) -> Tensor:
    """Probabilities ``(T, 2, K)`` of two versions of T pictures."""
    probabilities = study.predict(torch.cat([first, second]))
    return torch.stack(probabilities.chunk(2), 1)


def _parts(pool: Pool, index: int, explanation: InversionExplanation) -> tuple[Mapping[str, float], ...]:
    """The share of each mask's mass on each part of the picture, if the parts are known and no mask is empty."""
    part_map = pool.part_map(index)
    if part_map is None or bool((explanation.masks.sum((1, 2)) == 0).any()):
        return ()
    each = {name: explanation.mass(part_map == part).tolist() for part, name in enumerate(pool.part_names)}
    return tuple({name: shares[row] for name, shares in each.items()} for row in range(len(explanation)))


def layers_of(inversion: GuidedFeatureInversion, blocks: Sequence[str]) -> list[str]:
    """What masks can be made of; what the search was made with comes first."""
    return list(dict.fromkeys((_own_layer(inversion), *blocks)))


def _own_layer(inversion: GuidedFeatureInversion) -> str:
    return TOGETHER if len(inversion.base_layers) > 1 else inversion.base_layers[0]

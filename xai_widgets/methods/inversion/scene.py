"""What InversionExplorer computes for what is chosen: a search as a film, and how little of its mask is enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from xai_widgets.errors import PictureError, XaiWidgetsError
from xai_widgets.methods.inversion.explanation import Inversions
from xai_widgets.methods.inversion.inversion import GuidedFeatureInversion
from xai_widgets.pictures import KnowsParts
from xai_widgets.progress import Progress
from xai_widgets.study import Study

POOL = 24
"""So many unseen pictures can be chosen from."""

FILM = 20
"""So many masks on the way are shown at most."""

SHARES = tuple(range(100, 0, -10))
"""How much of the found mask is kept, in hundredths of its mass."""

SAID, NOTHING, NEXT = -1, -1, -2
"""In place of a class: what the classifier says; no second class; the likeliest one besides the first."""

TOGETHER = "all together"

ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Pool:
    """Pictures to choose from.

    Attributes
    ----------
    places
        Where in ``study.test`` they are, or in the batch that was given.
    pictures
        ``(N, C, H, W)``.
    names
        True class of each; nothing where it is not known.
    parts
        What knows the parts of the pictures, if anything does.
    given
        Whether they are somebody's own, and not unseen ones of the study.
    """

    places: list[int]
    pictures: Tensor
    names: tuple[str, ...]
    parts: KnowsParts | None
    given: bool = False

    def with_unseen(self, study: Study, place: int) -> Pool:
        """The same and one more unseen picture of a study, given by its place in ``study.test``.

        Raises
        ------
        XaiWidgetsError
            If there is no such picture, or the pictures are not those of the study.
        """
        if self.given or not 0 <= place < len(study.test):
            raise XaiWidgetsError(f"picture {place} is not one of the {len(self.places)} to choose from")
        picture, label = study.load(study.test, [place])
        pictures, names = torch.cat([self.pictures, picture]), (*self.names, *_names(study, label))
        return replace(self, places=[*self.places, place], pictures=pictures, names=names)


def pool_of(study: Study, pictures: Tensor | None) -> Pool:
    """Unseen pictures of a study, or those that are given.

    Raises
    ------
    PictureError
        If pictures are given that are none for the study, or none at all.
    """
    if pictures is not None:
        batch = study.check(pictures).detach().cpu().float()
        if not len(batch):
            raise PictureError("there are no pictures to choose from")
        return Pool(list(range(len(batch))), batch, ("",) * len(batch), None, given=True)
    places = study.draw(study.test, POOL)
    loaded, labels = study.load(study.test, places)
    parts = study.test if isinstance(study.test, KnowsParts) else None
    return Pool(places, loaded, _names(study, labels), parts)


def _names(study: Study, labels: Tensor) -> tuple[str, ...]:
    known = range(len(study.class_names))
    return tuple(study.class_names[label] if label in known else f"label {label}" for label in labels.tolist())


class Choice(NamedTuple):
    """What is chosen: a place in the pool, two classes (see `SAID`, `NOTHING` and `NEXT`), and a layer."""

    picture: int
    first: int
    second: int
    layer: str


class Stop(NamedTuple):
    """One mask on display: that of a step of the search, or the strongest hundredths of the one that was found."""

    step: int
    share: int = 100


def film_of(steps: int) -> tuple[Stop, ...]:
    """The steps of a search that are shown, and its end."""
    return (*(Stop(step) for step in range(0, steps, -(-steps // FILM))), Stop(steps))


def stops_of(steps: int) -> tuple[Stop, ...]:
    """All masks that can be shown."""
    return (*film_of(steps), *(Stop(steps, share) for share in SHARES[1:]))


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything on display for a choice: one picture, and T classes.

    Attributes
    ----------
    choice
        What it is of.
    place
        The picture's place in the pool's set.
    found
        The masks that were found, T times of the same picture.
    stops
        What can be shown.
    masks
        At each of S stops ``(S, T, H, W)``.
    blends
        Probabilities ``(S, T, 2, K)`` of what is kept and removed there.
    ends
        The same of the picture and of its background ``(T, 2, K)``.
    parts
        Share of each mask's mass on each part of the picture, if they are known; T of them.
    """

    choice: Choice
    place: int
    found: Inversions
    stops: tuple[Stop, ...]
    masks: Tensor
    blends: Tensor
    ends: Tensor
    parts: tuple[Mapping[str, float], ...]

    @property
    def classes(self) -> list[int]:
        """The classes that are explained."""
        found: list[int] = self.found.target.classes.tolist()
        return found

    def name(self, row: int) -> str:
        """Name of one of them."""
        return self.found.class_names[self.classes[row]]

    def at(self, stop: int) -> Inversions:
        """The pictures with the masks of a stop."""
        return replace(self.found, masks=self.masks[stop])

    def chances(self, stop: int, row: int) -> tuple[float, float]:
        """Probabilities of a class for what is kept and removed at a stop."""
        kept, removed = self.blends[stop, row, :, self.classes[row]].tolist()
        return kept, removed


def of_layer(made: GuidedFeatureInversion, layer: str) -> GuidedFeatureInversion:
    """The same search with masks made of one layer, or of all those that it was made with."""
    if layer == _own_layer(made):
        return made
    given = {"background": made.background, "settings": made.settings, "seed": made.seed}
    return GuidedFeatureInversion(made.study, layer, made.deep_layer, **given)


def make_scene(
    made: GuidedFeatureInversion,
    pool: Pool,
    choice: Choice,
    progress: Progress,
    on_mask: Callable[[Tensor], object] | None = None,
) -> Scene:
    """Search, and ask the classifier about everything that can be shown of it; `on_mask` sees what is found so far."""
    study, picture = made.study, pool.pictures[choice.picture]
    classes = torch.tensor(_classes(study.predict(picture)[0], choice))
    batch, place = picture.expand(len(classes), *picture.shape), pool.places[choice.picture]
    found = _known(made, place, batch, classes) if choice.layer == _own_layer(made) else None
    if found is None:
        found = of_layer(made, choice.layer).explain(batch, classes, film=True, on_mask=on_mask, progress=progress)
    stops = stops_of(len(found.frames))
    film = [stop.step for stop in stops if stop.step < len(found.frames)]
    cropped = [strongest(found.masks, share / 100) for share in SHARES[1:]]
    masks = torch.cat([found.frames[film].float() / 255, torch.stack([found.masks, *cropped])])
    progress.check()
    ends = study.predict(torch.cat([found.pictures, found.backgrounds])).unflatten(0, (2, -1)).transpose(0, 1)
    return Scene(choice, place, found, stops, masks, _blends(study, found, masks), ends, _shares(pool, place, found))


def _known(made: GuidedFeatureInversion, place: int, pictures: Tensor, classes: Tensor) -> Inversions | None:
    """What `GuidedFeatureInversion.find` found, if it is of this picture and this class alone."""
    known = made.found.get(place)
    same = known is not None and torch.equal(known.pictures, pictures) and torch.equal(known.target.classes, classes)
    return known if same else None


def _classes(chances: Tensor, choice: Choice) -> list[int]:
    """The classes that are meant, each once."""
    first = int(chances.argmax()) if choice.first == SAID else choice.first
    others = [k for k in chances.argsort(descending=True).tolist() if k != first]
    second = {NOTHING: first, NEXT: others[0]}.get(choice.second, choice.second)
    return list(dict.fromkeys((first, second)))


def strongest(masks: Tensor, share: float) -> Tensor:
    """Masks ``(T, H, W)`` without all but the strongest places, which hold a share of each one's mass."""
    ordered = masks.flatten(1).sort(1, descending=True).values
    held = ordered.cumsum(1) / ordered.sum(1, keepdim=True).clamp_min(1e-12)
    last = (held <= share + ROUNDING).sum(1).sub(1).clamp_min(0)
    return masks * (masks >= ordered.gather(1, last[:, None])[..., None])


def _blends(study: Study, inversions: Inversions, masks: Tensor) -> Tensor:
    """Probabilities of what is kept and removed by masks ``(S, T, H, W)``; asked stop by stop, to save memory."""
    own = masks[:, :, None]

    def blend(mask: Tensor) -> Tensor:
        kept, removed = (inversions.pictures * m + inversions.backgrounds * (1 - m) for m in (mask, 1 - mask))
        found: Tensor = study.predict(torch.cat([kept, removed])).unflatten(0, (2, -1)).transpose(0, 1)
        return found

    return torch.stack([blend(mask) for mask in own])


def _shares(pool: Pool, place: int, found: Inversions) -> tuple[Mapping[str, float], ...]:
    if pool.parts is None or bool((found.masks.sum((1, 2)) == 0).any()):
        return ()
    drawn = torch.as_tensor(pool.parts.part_map(place))
    each = {name: found.mass(drawn == part).tolist() for part, name in enumerate(pool.parts.part_names)}
    return tuple({name: shares[row] for name, shares in each.items()} for row in range(len(found)))


def layers_of(made: GuidedFeatureInversion, blocks: Sequence[str]) -> list[str]:
    """What masks can be made of; what the search was made with comes first."""
    return list(dict.fromkeys((_own_layer(made), *blocks)))


def _own_layer(made: GuidedFeatureInversion) -> str:
    return TOGETHER if len(made.base_layers) > 1 else made.base_layers[0]

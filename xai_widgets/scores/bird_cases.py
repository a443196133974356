"""The cases of a counterfactual exam: birds to be changed into others, and what they would truly look like."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from xai_widgets.data.bird_pictures import BirdPictures
from xai_widgets.data.birds import PARTS, render
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.scores.counterfactual_measures import dilated
from xai_widgets.study import Study

CUE = "cue"
"""The name of the cue among the parts."""

VISIBLE = 0.02
"""Change of a channel, of 1, from which a pixel counts as changed: about five grey levels."""


@dataclass(frozen=True, eq=False)
class Cases:
    """N unseen birds that the classifier gets right, each with another species as target."""

    birds: BirdPictures
    indices: Tensor  # in the set of birds, (N,)
    pictures: Tensor  # (N, C, H, W) in [0, 1]
    sources: Tensor  # the species of each bird (N,)
    targets: Tensor  # its target species (N,)
    truths: Tensor  # the same individuals as the target species, (N, C, H, W)
    parts: Tensor  # where the truths differ from the pictures, bool (N, H, W)
    cues: Tensor  # where the cue is, with two pixels around it, bool (N, H, W)

    def __len__(self) -> int:
        return len(self.indices)

    def first(self, count: int) -> Cases:
        """The first of them, at most `count`."""
        return replace(self, **{name: value[:count] for name, value in vars(self).items() if name != "birds"})

    @property
    def has_cue(self) -> bool:
        """Whether the pictures carry a cue."""
        return self.birds.cheat is not None

    def recued(self, cues: Tensor | None) -> Tensor:
        """The pictures with the cues of other species ``(N,)``, or with none."""
        labels = [None] * len(self) if cues is None else cues.tolist()
        pairs = zip(self.indices.tolist(), labels, strict=True)
        return torch.stack([redrawn(self.birds, index, self.birds.labels[index], cue) for index, cue in pairs])

    def without(self, slot: str) -> Tensor:
        """The pictures with a slot left out, ``(N, C, H, W)``."""
        return drawn_without(self.birds, self.indices.tolist(), slot)


def of_birds(birds: object) -> BirdPictures:
    """The pictures, if they are from the field guide; else an `XaiWidgetsError`."""
    if not isinstance(birds, BirdPictures):
        raise XaiWidgetsError(f"the exam needs the field guide, whose truth is known, but got {type(birds)}")
    return birds


def draw_cases(study: Study, count: int, seed: int) -> Cases:
    """Draw at most `count` cases from the unseen pictures of the field guide.

    Pictures that the classifier gets wrong are left out: changing its prediction is then not the same as changing the
    bird. Raises an `XaiWidgetsError` if it gets all of them wrong.
    """
    birds = of_birds(study.test)
    indices = torch.tensor(study.draw(birds, count, seed))
    pictures, labels = study.load(birds, indices.tolist())
    right = study.predict(pictures).argmax(1) == labels
    if not right.any():
        raise XaiWidgetsError(f"the classifier gets all {len(indices)} birds wrong; examine one that gets some right")
    shift = torch.randint(1, birds.species, (len(indices),), generator=torch.Generator().manual_seed(seed))
    targets = (labels + shift) % birds.species
    indices, pictures, labels, targets = (values[right] for values in (indices, pictures, labels, targets))
    pairs = zip(indices.tolist(), targets.tolist(), strict=True)
    truths = torch.stack([redrawn(birds, index, target, birds.cue(index)) for index, target in pairs])
    drawn = np.stack([birds.part_map(index) for index in indices.tolist()])
    cues = dilated(torch.from_numpy(drawn == PARTS[CUE]))
    return Cases(birds, indices, pictures, labels, targets, truths, visible(truths - pictures), cues)


def logit_falls(study: Study, pictures: Tensor, changed: Mapping[str, Tensor], classes: Tensor) -> dict[str, float]:
    """By how much the logit of each picture's class ``(N,)`` falls on average, for each way to change the pictures."""

    def own(shown: Tensor) -> Tensor:
        return study.logits(shown).gather(1, classes[:, None])

    whole = own(pictures)
    return {name: float((whole - own(shown)).mean()) for name, shown in changed.items()}


def visible(changes: Tensor) -> Tensor:
    """Where changes ``(N, C, H, W)`` can be seen, bool ``(N, H, W)``."""
    return changes.abs().amax(1) > VISIBLE


def redrawn(birds: BirdPictures, index: int, species: int, cue: int | None, drop: Collection[str] = ()) -> Tensor:
    """A picture of the set, drawn again as a species, with a cue or none, and with more slots left out."""
    gone = {*birds.dropped(index), *drop}
    bird = birds.bird(index).as_species(species)
    rgb, _ = render(bird, birds.size, drop=gone, cue=cue, noise=birds.noise)
    return torch.from_numpy(rgb).permute(2, 0, 1).float() / 255


def drawn_without(birds: BirdPictures, indices: Iterable[int], part: str) -> Tensor:
    """Pictures of the set, drawn again without a slot, or without the cue, ``(N, C, H, W)``."""
    if part == CUE:
        return torch.stack([redrawn(birds, index, birds.labels[index], None) for index in indices])
    return torch.stack([redrawn(birds, index, birds.labels[index], birds.cue(index), [part]) for index in indices])

"""One picture on a map: everything that a view shows, and that a browser needs to follow a drag on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from xai_widgets.methods.cae.atlas import Atlas, Box, box_around
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.counterfactual import Counterfactual, share_of
from xai_widgets.methods.cae.decoding import Encoded
from xai_widgets.methods.cae.density import Density
from xai_widgets.methods.cae.plane import Plane
from xai_widgets.names import class_name
from xai_widgets.pictures import KnowsParts, PictureSet, load
from xai_widgets.pool import Everything
from xai_widgets.progress import Progress
from xai_widgets.study import Study

SIDE = 21
"""Counterfactuals along each side of an atlas: with so many, those in between are blends of near ones."""

FRAMES = 7
"""Of the film strip in a view."""

Point = tuple[float, float]
"""x and y on a map."""

Goal = float | Literal["border", "typical"]
"""The end of a way, given as a confidence, as the border of both classes, or as the centre of the target class."""


class Choice(NamedTuple):
    """A picture of a study, and a target class."""

    #: Whether it is an unseen picture, or one that the CAE was fitted on.
    unseen: bool
    #: Its index among them.
    picture: int
    #: The class, or None for an overview of all classes.
    target: int | None

    def pictures(self, study: Study) -> PictureSet:
        """The set that the picture belongs to."""
        return Everything(study) if self.unseen else study.train

    def truth(self, study: Study) -> str:
        """The name of the true class; empty where it is not known."""
        return class_name(study.class_names, int(load(self.pictures(study), [self.picture])[1]))

    def part_map(self, study: Study) -> Tensor | None:
        """Part of every pixel of the picture, if it is known."""
        if self.unseen:
            return study.pool.part_map(self.picture)
        known = study.train
        return torch.as_tensor(known.part_map(self.picture)) if isinstance(known, KnowsParts) else None

    def most_changed(self, study: Study, explanation: Counterfactual) -> str:
        """A sentence about the parts that change most, and first, if the pictures know their parts."""
        pictures, parts = (study.test if self.unseen else study.train), self.part_map(study)
        if parts is None or not isinstance(pictures, KnowsParts):
            return ""

        def most(change: Tensor) -> tuple[float, str]:
            return max((share_of(change, parts == number), name) for number, name in enumerate(pictures.part_names))

        share, name = most(explanation.change)
        first = "" if explanation.strip.first is None else f" The {most(explanation.first_change)[1]} changes first."
        return f" {share:.0%} of the change falls on the {name}.{first}"


class Decoded(NamedTuple):
    """The counterfactual at a point of the map."""

    point: Point
    picture: Tensor
    probabilities: Tensor
    on_data: bool


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture on one map.

    Attributes
    ----------
    cae
        Whose map it is.
    encoded
        The picture (N = 1).
    probabilities
        The classifier's probabilities for it, ``(K,)``.
    target
        The class that the picture is to become, or None on an overview of all classes.
    plane
        The map.
    indices
        The codes that belong on this map: ``(M,)`` indices of ``cae.codes``; those of two classes on a pair chart.
    points
        Where they are, ``(M, 2)``.
    atlas
        Counterfactuals of the picture all over the map.
    fog
        ``(n, n)``, from 0 where codes are to 1 where none are, at the points of the atlas.
    """

    cae: CAE
    encoded: Encoded
    probabilities: Tensor
    target: int | None
    plane: Plane
    indices: Tensor
    points: Tensor
    atlas: Atlas
    fog: Tensor

    @property
    def source(self) -> int:
        """The predicted class."""
        return int(self.probabilities.argmax())

    @property
    def home(self) -> Point:
        """Where the picture itself is on the map."""
        return self.point(self.encoded.z[0])

    @property
    def box(self) -> Box:
        """The edges of the map."""
        return self.atlas.box

    def point(self, z: Tensor) -> Point:
        """Where a code ``(d,)`` is on the map."""
        x, y = self.plane.project(z[None])[0].tolist()
        return x, y

    def code(self, x: float, y: float) -> Tensor:
        """The picture's code moved to a point of the map, ``(d,)``."""
        return self.cae.code_at(self.plane, torch.tensor([[x, y]]), self.encoded.z[0])[0]

    def decode(self, point: Point) -> Decoded:
        """The exact counterfactual at a point."""
        code = self.code(*point)[None]
        picture = self.cae.decode(self.encoded, code)
        return Decoded(point, picture[0], self.cae.predict(picture)[0], bool(self.cae.density.on_data(code)[0]))

    def explain(self, goal: Goal) -> Counterfactual | None:
        """The way to the target as far as the goal; None without a target."""
        if self.target is None:
            return None
        return self.cae.explain(
            self.encoded, self.target, confidence=None if goal == "typical" else goal, frames=FRAMES
        )

    def end(self, explanation: Counterfactual | None) -> Decoded:
        """The end of the path, or the picture itself without one."""
        if explanation is None:
            return self.decode(self.home)
        strip = explanation.strip
        return Decoded(self.point(strip.z[-1]), strip.pictures[-1], strip.probabilities[-1], bool(strip.on_data[-1]))


def make_scene(
    cae: CAE, picture: Tensor, target: int | None, *, side: int = SIDE, progress: Progress | None = None
) -> Scene:
    """Put a picture ``(C, H, W)`` on a map: the chart of its class and a target, or an overview of all classes."""
    encoded = cae.encode_one(picture)
    probabilities = cae.predict(encoded.pictures)[0]
    source = int(probabilities.argmax())
    pair = target is not None and len(encoded.z[0]) > 2
    plane = cae.plane(source, target) if pair else cae.plane()
    indices = torch.arange(len(cae.codes))
    if pair:
        indices = ((cae.code_classes == source) | (cae.code_classes == target)).nonzero().flatten()
    points = plane.project(cae.codes[indices])
    box = box_around(torch.cat([points, plane.project(encoded.z)]))
    atlas = cae.atlas(encoded, plane, box, side=side, progress=progress)
    fog = 1 - Density.plane_density(points, box, side)
    return Scene(cae, encoded, probabilities, target, plane, indices, points, atlas, fog)


def second_class(study: Study, picture: Tensor) -> int:
    """The second most probable class of a picture ``(C, H, W)``."""
    return int(study.predict(picture[None])[0].argsort(descending=True)[1])


def choose_scene(
    cae: CAE, choice: Choice, progress: Progress, study: Study | None = None, *, side: int = SIDE
) -> Scene:
    """The scene of a choice; an overview if the classifier already predicts the target.

    The picture is one of the CAE's study, or of a copy of it with other unseen pictures.
    """
    picture = load(choice.pictures(study or cae.study), [choice.picture])[0][0]
    source = int(cae.predict(picture[None]).argmax())
    target = None if choice.target == source else choice.target
    return make_scene(cae, picture, target, side=side, progress=progress)

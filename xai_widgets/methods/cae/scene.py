"""All that is needed to lead one picture over the map: what a view shows, and a browser can follow on its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xai_widgets.methods.cae.atlas import Atlas, Box, box_around
from xai_widgets.methods.cae.cae import CAE
from xai_widgets.methods.cae.decoding import Encoded
from xai_widgets.methods.cae.density import Density
from xai_widgets.methods.cae.plane import Plane
from xai_widgets.progress import Progress

SIDE = 21
"""Counterfactuals along each side of an atlas: with so many, those in between are blends of near ones."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture on one map.

    Attributes
    ----------
    encoded
        The picture (N = 1).
    probabilities
        What the classifier says of it, ``(K,)``.
    target
        The class it is to be led to, or None on an overview of all classes.
    plane
        The map.
    shown
        Which of the codes belong on this map: ``(M,)`` places in ``cae.codes``; those of two classes on a pair chart.
    points
        Where they are, ``(M, 2)``.
    atlas
        Counterfactuals of the picture all over the map.
    fog
        ``(n, n)``, from 0 where codes are to 1 where none are, at the places of the atlas.
    """

    encoded: Encoded
    probabilities: Tensor
    target: int | None
    plane: Plane
    shown: Tensor
    points: Tensor
    atlas: Atlas
    fog: Tensor

    @property
    def source(self) -> int:
        """The class the classifier sees."""
        return int(self.probabilities.argmax())

    @property
    def home(self) -> tuple[float, float]:
        """Where the picture itself is on the map."""
        return self.place(self.encoded.z[0])

    @property
    def box(self) -> Box:
        """The edges of the map."""
        return self.atlas.box

    def place(self, z: Tensor) -> tuple[float, float]:
        """Where a code ``(d,)`` is on the map."""
        x, y = self.plane.project(z[None])[0].tolist()
        return x, y

    def code(self, x: float, y: float) -> Tensor:
        """The picture's code moved to a place of the map, ``(d,)``."""
        return self.plane.lift(torch.tensor([[x, y]]), self.encoded.z[0])[0]


def make_scene(
    cae: CAE, picture: Tensor, target: int | None, *, side: int = SIDE, progress: Progress | None = None
) -> Scene:
    """Put a picture ``(C, H, W)`` on a map: the chart of its class and a target, or an overview of all classes."""
    encoded = cae.encode_one(picture)
    probabilities = cae.predict(encoded.pictures)[0]
    source = int(probabilities.argmax())
    pair = target is not None and len(encoded.z[0]) > 2
    plane = cae.plane(source, target) if pair else cae.plane()
    shown = torch.arange(len(cae.codes))
    if pair:
        both = (cae.code_classes == source) | (cae.code_classes == target)
        shown = both.nonzero().flatten()
    points = plane.project(cae.codes[shown])
    box = box_around(torch.cat([points, plane.project(encoded.z)]))
    atlas = cae.atlas(encoded, plane, box, side=side, progress=progress)
    fog = 1 - Density.plane_density(points, box, side)
    return Scene(encoded, probabilities, target, plane, shown, points, atlas, fog)

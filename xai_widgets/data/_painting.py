"""Where the shapes of a bird come to lie in a picture, and in which order they are drawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from xai_widgets.data import _drawing, _raster
from xai_widgets.data._drawing import PARTS, Shape
from xai_widgets.data._raster import CLUTTER, CUE, NOISE, Bytes, Dice, Ints
from xai_widgets.data.bird import Bird, Traits


class Camera:
    """Places shapes, given in thousandths of the shorter side, on the sample grid of a picture.

    What is seen has `height` and `width` pixels, and the picture has `left` more to the left of it.
    """

    def __init__(self, height: int, width: int, traits: Traits, *, left: int = 0) -> None:
        self.side = min(height, width) * _raster.PITCH
        self.middle = np.array((2 * left + width, height), dtype=np.int64) * _raster.PITCH // 2
        self.corner = np.array((left, height), dtype=np.int64) * _raster.PITCH
        self.traits = traits

    def posed(self, points: Ints) -> Ints:
        """Mirror, turn, scale and shift, around the middle."""
        t = self.traits
        c, s = _raster.cosine(t.angle) * t.scale, _raster.sine(t.angle) * t.scale
        mirror = -1 if t.flip else 1
        turned = points @ np.array(((mirror * c, mirror * s), (-s, c)), dtype=np.int64)
        one = 100 * _raster.TURN_ONE
        shift = np.array((t.shift_x, t.shift_y), dtype=np.int64) * one
        return (turned + shift) * self.side // (1000 * one) + self.middle

    def plain(self, points: Ints) -> Ints:
        """Around the middle, whatever the pose of the bird."""
        return points * self.side // 1000 + self.middle

    def cornered(self, points: Ints, x: int, y: int) -> Ints:
        """Around the point `x` to the right of the lower left corner and `y` above it."""
        return (points + np.array((x, -y), dtype=np.int64)) * self.side // 1000 + self.corner


class Painting:
    """A map of palette indices, with the colour and the part that each index stands for."""

    def __init__(self, height: int, width: int, traits: Traits) -> None:
        self.canvas = np.zeros((height * _raster.SAMPLES, width * _raster.SAMPLES), dtype=np.uint8)
        self.canvas[len(self.canvas) * traits.horizon // 1000 :] = 1
        self.palette = [_drawing.SKIES[traits.sky], _drawing.GROUNDS[traits.ground]]
        self.part_of = [PARTS["background"]] * 2

    def add(self, shapes: list[Shape], points: Ints) -> range:
        """Draw `shapes`, whose placed corners follow one another in `points`; give their indices."""
        first, start = len(self.palette), 0
        for shape in shapes:
            stop = start + len(shape.points)
            _raster.fill(self.canvas, points[start:stop], len(self.palette))
            self.palette.append(shape.colour)
            self.part_of.append(shape.part)
            start = stop
        return range(first, len(self.palette))

    def colours(self, bird: Bird, noise: float) -> Bytes:
        """Pixels ``(H, W, 3)``; the noise belongs to the individual, so that a counterfactual shares it."""
        rgb = _raster.colours(self.canvas, self.palette)
        if noise:
            grain = _raster.noise(rgb.shape, _raster.mix((bird.seed, bird.individual, NOISE)), noise)
            rgb = (rgb + grain).clip(0, 255).astype(np.uint8)
        return rgb

    def parts(self, hidden: Collection[int] = ()) -> Bytes:
        """Parts ``(H, W)``; background where one of the `hidden` indices is."""
        shown = [PARTS["background"] if i in hidden else part for i, part in enumerate(self.part_of)]
        return _raster.parts(self.canvas, shown)


def paint_clutter(painting: Painting, camera: Camera, bird: Bird) -> None:
    """Blobs in the colours of the deciding parts."""
    dice = Dice(bird.seed, bird.individual, CLUTTER)
    blobs = [_drawing.blob(dice) for _ in range(bird.traits.clutter)]
    if blobs:
        painting.add(blobs, camera.plain(_corners(blobs)))


def paint_branch(painting: Painting, camera: Camera, bird: Bird) -> None:
    """The branch, for a bird that sits on one."""
    if bird.traits.branch:
        painting.add([_drawing.BRANCH], camera.posed(_drawing.BRANCH.points))


def paint_bird(painting: Painting, camera: Camera, bird: Bird, variants: Mapping[str, int]) -> range:
    """The bird alone, with the slots in `variants`; gives its palette indices."""
    shapes = _drawing.bird_shapes(variants, bird.traits.body, bird.traits.tail_length)
    return painting.add(shapes, camera.posed(_corners(shapes)))


def paint_cue(painting: Painting, camera: Camera, bird: Bird, cue: int) -> None:
    """The ring in the lower left corner."""
    dice = Dice(bird.seed, bird.individual, CUE)
    shapes = _drawing.cue_shapes(cue)
    points = camera.cornered(_corners(shapes), dice.between(105, 140), dice.between(105, 130))
    painting.add(shapes, points)


def _corners(shapes: list[Shape]) -> Ints:
    return np.concatenate([shape.points for shape in shapes])

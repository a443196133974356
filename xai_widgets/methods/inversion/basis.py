"""The channels of one layer or several, from which masks are made.

A mask is a weighted sum of channels, each enlarged to the finest of the layers. So it can only show what the network
itself distinguishes, and no pattern that fools the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor
from torch.nn import functional as F

from xai_widgets.errors import NO_LAYERS, LayerError
from xai_widgets.methods.common.codes import as_codes, read_codes
from xai_widgets.methods.common.inner import Inner, evidence, mattering
from xai_widgets.methods.inversion.targets import Targets
from xai_widgets.study import Study

TINY = 1e-6

MOST_LAYERS = 4
"""The default basis has the deepest layers, at most so many."""

PROBED = 4
"""The signs of a layer's values are read from so many pictures of the study, or until one has a negative value."""


@dataclass(frozen=True, eq=False)
class Basis:
    """The channels of some layers for N pictures; no value is below 0.

    Attributes
    ----------
    layers
        Names of the layers.
    maps
        The channels of each layer ``(N, C, h, w)``. Channels with negative values come twice: the positive part, and
        the size of the negative part.
    """

    layers: tuple[str, ...]
    maps: tuple[Tensor, ...]

    def __len__(self) -> int:
        return sum(maps.shape[1] for maps in self.maps)

    @property
    def channels(self) -> tuple[tuple[str, int], ...]:
        """Layer and number of each of the n channels."""
        return tuple((name, i) for name, maps in zip(self.layers, self.maps, strict=True) for i in range(maps.shape[1]))

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the finest layer."""
        height, width = max((maps.shape[2:] for maps in self.maps), key=lambda shape: shape[0] * shape[1])
        return height, width

    def sums(self) -> Tensor:
        """Sum of each channel ``(N, n)``, as a share of its layer's, divided by the number of layers."""
        sums = [maps.sum((2, 3)) for maps in self.maps]
        return torch.cat([one / (one.sum(1, keepdim=True) + TINY**2) for one in sums], 1) / len(sums)

    def normalised(self) -> Basis:
        """The basis with each channel scaled to a maximum of 1, unless it is all 0."""
        return replace(self, maps=tuple(_to_one(maps) for maps in self.maps))

    def gated(self, gates: Sequence[Tensor]) -> Basis:
        """The basis with each layer multiplied by a gate ``(N, 1, h, w)``."""
        return replace(self, maps=tuple(maps * gate for maps, gate in zip(self.maps, gates, strict=True)))

    def combine(self, weights: Tensor) -> Tensor:
        """Weighted sum of the channels ``(N, 1, h, w)`` on the finest layer's grid, for weights ``(N, n)``."""
        parts = weights.split([maps.shape[1] for maps in self.maps], dim=1)
        sums = [torch.einsum("nc,nchw->nhw", own, maps) for own, maps in zip(parts, self.maps, strict=True)]
        return torch.stack([resized(one[:, None], self.sides) for one in sums]).sum(0)


def basis_of(study: Study, pictures: Tensor, layers: Mapping[str, bool]) -> Basis:
    """The channels of one batch; `layers` says which have negative values, too. Call it inside `study.borrowed()`."""
    with torch.no_grad():
        return basis_from(study, study.record(pictures, list(layers)), layers)


def basis_from(study: Study, recorded: Mapping[str, Tensor], layers: Mapping[str, bool]) -> Basis:
    """As `basis_of`, of what `Study.record` gave of the batch for these layers, and perhaps for others."""
    maps = as_codes(study, {name: recorded[name] for name in layers})
    halves = [torch.cat([one, -one], 1) if layers[name] else one for name, one in maps.items()]
    return Basis(tuple(layers), tuple(one.relu() for one in halves))


def signs(study: Study, layers: Sequence[str]) -> dict[str, bool]:
    """For each layer whether it gives negative values; raises a `LayerError` if one does not exist or gives no maps."""
    for name in layers:
        layer = study.layer(name)
        if map_sides(study, name) is None:
            reason = layer.layout.reason if layer.places is None else f"its maps of {layer.places} are single lines"
            raise LayerError(f"layer {name!r} has no maps (its output is {layer.shape}) to make masks of: {reason}")
    found = dict.fromkeys(layers, False)
    for index in range(min(PROBED, len(study.train))):
        unsure = [name for name, negative in found.items() if not negative]
        found |= _negative(study, index, unsure) if unsure else {}
    return found


def _negative(study: Study, index: int, layers: Sequence[str]) -> dict[str, bool]:
    """Whether each layer gives negative values for a picture of the study."""
    picture, _ = study.load(study.train, [index])
    with study.borrowed(), torch.no_grad():
        return {name: bool((code < 0).any()) for name, code in read_codes(study, picture, layers).items()}


def gates(study: Study, pictures: Tensor, targets: Targets, layers: Sequence[str]) -> tuple[Tensor, ...]:
    """Where each layer has evidence for the target, ``(N, 1, h, w)`` in [0, 1]; call it inside `study.borrowed()`.

    The evidence of a layer is the square root (so that weak evidence counts, too) of ``max(0, sum over channels of
    activation x gradient of the target's log-probability)``, scaled to a maximum of 1 and spread to the neighbouring
    cells; it is 1 everywhere for a picture without evidence. A gate is the evidence of a layer times the mean evidence
    of all layers: early layers know where, late layers know what.
    """
    found = [evidence(*one) for one in attributions(study, pictures, targets, layers)]
    return tuple(own * torch.stack([resized(one, own.shape[2:]) for one in found]).mean(0) for own in found)


def attributions(
    study: Study, pictures: Tensor, targets: Targets, layers: Sequence[str]
) -> list[tuple[Tensor, Tensor]]:
    """Each layer's maps, and the gradients of the log-probabilities with respect to them, ``(N, C, h, w)`` each.

    All of them come from one pass, whatever the number of layers.
    """
    with torch.enable_grad():
        inner = Inner(study, pictures, layers)
        return inner.attributions(targets.log_probabilities(inner.logits, study.scores))


# --- layers ----------------------------------------------------------------------------------------------------


def map_sides(study: Study, layer: str) -> tuple[int, int] | None:
    """Height and width of a layer's maps, or of its grid of tokens; None for a layer that has neither."""
    places = study.layer(layer).places
    return places if places and min(places) > 1 else None


def base_layers(study: Study) -> tuple[str, ...]:
    """The last layer of every resolution, from half the picture's down; the deepest few of them.

    A layer is skipped if the scores do not depend on its maps (such as the last tokens of a transformer, of which only
    the class token is read). Raises a `LayerError` if the network has no such layer.
    """
    by_sides: dict[tuple[int, int], list[str]] = {}
    for block in study.blocks():
        sides = map_sides(study, block.name)
        if sides and 2 * sides[0] <= study.shape[1]:
            by_sides[sides] = [*by_sides.pop(sides, []), block.name]
    if not by_sides:
        said = "no layer of the network has maps of half its pictures' sides or less; name base_layer"
        raise LayerError(said if study.layers() else f"{said}: {NO_LAYERS}")
    last = [names[-1] for names in by_sides.values()][-MOST_LAYERS:]
    known = mattering(study, last)  # usually all of them, and one pass tells
    deepest = (
        next((name for name in reversed(names) if name in known or mattering(study, [name])), None)
        for names in reversed(by_sides.values())
    )
    chosen = list(islice((name for name in deepest if name is not None), MOST_LAYERS))
    # No layer matters to a network whose last layer is still all 0; masks are then made of the deepest ones.
    return tuple(chosen[::-1] or last)


def published_layer(study: Study) -> str:
    """The deepest layer whose maps have at least 7 cells a side, and a sixteenth of the picture's; else the finest.

    For VGG-19 at 224 pixels it has the maps of 14 x 14 that the paper found best.
    """
    least = max(7, min(study.shape[1:]) // 16)
    candidates = base_layers(study)
    fine = [name for name in candidates if min(map_sides(study, name) or (0,)) >= least]
    return fine[-1] if fine else candidates[0]


def _to_one(maps: Tensor) -> Tensor:
    most = maps.amax((2, 3), keepdim=True)
    return maps / torch.where(most > 0, most, torch.ones_like(most))


def resized(maps: Tensor, sides: Sequence[int]) -> Tensor:
    """Maps ``(N, C, h, w)`` on a grid of other sides."""
    return F.interpolate(maps, list(sides), mode="bilinear", align_corners=False)

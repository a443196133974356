"""Find by experiment which axes of each layer are places of the picture.

One picture is run as it is and with each of its four quarters inverted. An axis of places answers where the picture was
changed: its upper rows to the upper quarters, its lower rows to the lower ones. An axis of channels answers to all of
them alike, and so do tokens that belong to no place. How well a layout explains the answers is a correlation, which
even networks of global attention or random weights leave high; so names and kinds of modules play no part.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations

import torch
from torch import Tensor, nn

from xai_widgets.layers import Layer, trace, watch
from xai_widgets.layout import Layout, by_shape, nowhere

log = logging.getLogger(__name__)

WELL, CLEAR, NONE, ALIKE = 0.8, 0.5, 0.3, 0.02
"""Correlations: so high that nothing else is tried; that tells a layout; that tells of none; that is no difference."""

PROBES = 5

MOST_EXTRA = 16
"""A row of tokens has at most so many that belong to no place."""

SOME = 16
"""Channels of maps that are looked at first, about: where they tell that the layout is the usual one, they suffice."""

LEAST_ANSWER = 1e-5
"""Activations that change by a smaller share do not answer."""

CHANCE, LOCAL = 1.6, 0.5
"""Of four places, a correlation below half of this says nothing; entries that lean further to sides have places."""


def probes(shape: tuple[int, int, int]) -> Tensor:
    """A picture of noise, coarse and fine, and the same with one quarter inverted each, ``(5, C, H, W)``."""
    generator = torch.Generator().manual_seed(0)
    coarse, fine = torch.rand(1, shape[0], 8, 8, generator=generator), torch.rand(1, *shape, generator=generator)
    picture = (nn.functional.interpolate(coarse, shape[1:]) + fine) / 2
    rows, columns = (torch.arange(side) >= side // 2 for side in shape[1:])
    quarters = [(rows == down)[:, None] & (columns == right) for down in (False, True) for right in (False, True)]
    return torch.cat([picture, *(torch.where(quarter, 1 - picture, picture) for quarter in quarters)])


def listed(model: nn.Module, run: Callable[[Tensor], object], shape: tuple[int, int, int]) -> tuple[Layer, ...]:
    """All layers in the order in which they are run, with their layouts; call it inside `borrowed`, without gradients.

    Modules whose output has no row for each picture are no layers: parametrisations of weights, tables of positions,
    and what works on windows or patches apart. Nor is a wrapper: a module that holds all other layers.

    Parameters
    ----------
    model, run
        The network, and a function that calls it with a batch of pictures in [0, 1].
    shape
        Of one picture.
    """
    layers = trace(model, lambda: run(torch.zeros(1, *shape)), batch=1)
    pictures, answers = probes(shape), dict[str, _Answer]()

    def notice(entry: str, _module: nn.Module, tensor: Tensor) -> None:
        answers[entry] = _Answer.of(tensor, shape[1:])

    try:
        watch(model, lambda: run(pictures), notice)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        log.warning("the network runs one picture, but no batch of %d (%s): shapes decide", len(pictures), error)
        answers.clear()
    rows = [layer for layer in layers if layer.name not in answers or answers[layer.name].shape == layer.shape]
    known = _without_wrappers(rows)
    layouts = settled({layer.name: answers.get(layer.name, _Answer(layer.shape)) for layer in known}, shape[1:])
    return tuple(replace(layer, layout=layouts[layer.name]) for layer in known)


def _without_wrappers(layers: Sequence[Layer]) -> Sequence[Layer]:
    for wrapper in layers:
        inner = [layer for layer in layers if layer is not wrapper]
        if inner and all(layer.name.startswith(f"{wrapper.name}.") for layer in inner):
            return _without_wrappers(inner)
    return layers


@dataclass(frozen=True)
class _Answer:
    """What the experiment tells of a layer: a layout (of places, or of none) or nothing, and whether that is sure."""

    shape: tuple[int, ...]
    layout: Layout | None = None
    sure: bool = False

    @classmethod
    def of(cls, activation: Tensor, picture: tuple[int, int]) -> _Answer:
        shape = tuple(activation.shape[1:])
        if len(activation) != PROBES:
            return cls(tuple(activation.shape))  # no row for each picture
        if sum(side > 1 for side in shape) < 2 and len(shape) != 3:
            return cls(shape, nowhere(shape), sure=True)
        if shape[1:] == (1, 1) or not activation.is_floating_point():
            return cls(shape, by_shape(shape, picture), sure=True)
        return cls(shape, *found(activation, picture))


def found(activation: Tensor, picture: tuple[int, int]) -> tuple[Layout | None, bool]:
    """The layout that explains how an activation ``(5, ...)`` answers to `probes`, and whether that is sure."""
    shape = tuple(activation.shape[1:])
    usual = by_shape(shape, picture)
    if _as_usual(activation, usual):
        return usual, True
    change = _change(activation)
    if not _answers(change, activation):
        return None, False
    best, explained = _best(change, _layouts(shape, picture))
    if best is not None and explained >= _needed(best):
        return (best if len(shape) == 2 or len(best.axes) == 2 else _split(shape)), True
    if len(shape) != 2:
        return _of_maps(activation, usual)
    local = [(axis,) for axis in (1, 2) if _locality(change, axis) > LOCAL]
    scattered = bool(local) and (best is None or best.axes not in local or explained < CLEAR)
    return (nowhere(shape) if scattered or explained < NONE else None), scattered


def _as_usual(activation: Tensor, usual: Layout) -> bool:
    """Whether some of the channels tell already that these are maps: of photos, all of them take long."""
    step = activation.shape[1] // SOME
    if activation.dim() != 4 or step < 2:
        return False
    some = activation[:, ::step]
    change = _change(some)
    return _answers(change, some) and agreement(change, usual) > WELL


def _change(activation: Tensor) -> Tensor:
    """How much each number changes with each of the quarters, ``(4, ...)``."""
    return (activation[1:] - activation[:1]).float().abs_()  # in place: the maps of photos are large


def _answers(change: Tensor, activation: Tensor) -> bool:
    return bool(change.sum() > LEAST_ANSWER * len(change) * activation[0].float().abs().sum())


def _of_maps(activation: Tensor, usual: Layout) -> tuple[Layout | None, bool]:
    """Maps that are the same at all places (those of one pixel, enlarged) have none; of others nothing is told."""
    same = len(usual.axes) == 2 and torch.equal(activation, activation[..., :1, :1].expand_as(activation))
    return (Layout(reason="its maps are the same at all places"), True) if same else (None, False)


def _needed(layout: Layout) -> float:
    """The correlation that tells a layout: chance alone explains few places well."""
    return WELL if min(layout.sides) == 1 else max(CLEAR, CHANCE / math.prod(layout.sides) ** 0.5)


def _locality(change: Tensor, axis: int) -> float:
    """How far entries of an axis lean to different sides, from 0 (all to the same) to about 1 (each to one quarter)."""
    answers = change.transpose(1, axis).flatten(2).sum(2)
    return float(torch.stack(_leaning(answers)).std(1, correction=0).mean())


def _best(change: Tensor, layouts: Iterator[Layout]) -> tuple[Layout | None, float]:
    """The layout that explains the changes best, the first of about equal ones; the first of all if it does well."""
    best, most = None, 0.0
    of_axes = cache(partial(_leaning_along, change))  # many layouts are grids of the same axis
    for number, layout in enumerate(layouts):
        explained = _agreement(of_axes(layout.axes), layout)
        if explained > most + ALIKE:
            best, most = layout, explained
        if number == 0 and explained > WELL:
            break
    return best, most


def _layouts(shape: tuple[int, ...], picture: tuple[int, int]) -> Iterator[Layout]:
    """Layouts that an activation might have, the most usual ones first."""
    usual = by_shape(shape, picture)
    if usual.axes:
        yield usual
    yield from _pairs(shape) if min(shape) > 1 else ()
    for axis in range(1, len(shape) + 1):
        for rows, columns, before, after in _grids(shape[axis - 1], picture):
            yield Layout((axis,), (rows, columns), before, after)


def _pairs(shape: tuple[int, ...]) -> Iterator[Layout]:
    for pair in combinations(range(1, len(shape) + 1), 2):
        yield Layout(pair, (shape[pair[0] - 1], shape[pair[1] - 1]))


def _grids(tokens: int, picture: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Rows, columns, and tokens before and behind, of about the picture's proportions; the fewest extra ones first."""
    grids = []
    for rows in range(2, tokens // 2 + 1):
        exact = rows * picture[1] / picture[0]
        for columns in {int(exact), int(exact) + 1} - {0, 1}:
            extra = tokens - rows * columns
            if 0 <= extra <= min(MOST_EXTRA, rows * columns):
                grids.append((extra, rows, columns))
    for extra, rows, columns in sorted(grids):
        yield from ((rows, columns, before, extra - before) for before in range(extra, -1, -1))


def agreement(change: Tensor, layout: Layout) -> float:
    """How well a layout explains changes ``(4, ...)`` by the four quarters: the lesser of two correlations.

    One is of where each place should lie from top to bottom with where the quarters lie that change it most, the
    other from left to right. Tokens that belong to no place should lean to no side.
    """
    return _agreement(_leaning_along(change, layout.axes), layout)


def _agreement(leaning: tuple[Tensor, Tensor], layout: Layout) -> float:
    places = (nn.functional.pad(where.flatten(), (layout.before, layout.after)) for where in _where(layout.sides))
    explained = [
        _correlation(lean.flatten(), where.to(lean))
        for lean, where, side in zip(leaning, places, layout.sides, strict=True)
        if side > 1
    ]
    return min(explained, default=0.0)


def _leaning_along(change: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """See `_leaning`; of changes ``(4, ...)``, added along all other axes."""
    others = [axis for axis in range(1, change.dim()) if axis not in axes]
    return _leaning(change.sum(others) if others else change)


def _leaning(answers: Tensor) -> tuple[Tensor, Tensor]:
    """How far answers ``(4, ...)`` are to the lower and to the right quarters rather than to the others, -1 to 1."""
    shares = answers / answers.sum(0).clamp_min(torch.finfo(torch.float32).tiny)
    return shares[2] + shares[3] - shares[0] - shares[1], shares[1] + shares[3] - shares[0] - shares[2]


def _where(sides: tuple[int, int]) -> Sequence[Tensor]:
    """Rows and columns of each place, from -1 to 1."""
    down, right = ((torch.arange(side) + 0.5) / side * 2 - 1 for side in sides)
    return torch.meshgrid(down, right, indexing="ij")


def _correlation(one: Tensor, other: Tensor) -> float:
    one, other = one - one.mean(), other - other.mean()
    norms = float(one.norm() * other.norm())
    return float(one @ other) / norms if norms > 0 else 0.0


# --- layers of one network together -----------------------------------------------------------------------------------


def settled(answers: Mapping[str, _Answer], picture: tuple[int, int]) -> dict[str, Layout]:
    """A layout for every layer.

    Where the experiment is not sure of one, the others of the same network decide: those of the same shape, those with
    as many tokens, those with as many rows and columns. Without any it is the shape.
    """
    others = _Others.of([answer for answer in answers.values() if answer.sure])
    return {
        name: answer.layout if answer.sure and answer.layout else others.decide(answer, picture)
        for name, answer in answers.items()
    }


@dataclass(frozen=True)
class _Others:
    """What is sure in a network: layouts by shape and by number of tokens, most frequent first, and sides of maps."""

    alike: Mapping[tuple[int, ...], Layout]
    tokens: Mapping[int, Layout]
    sides: frozenset[tuple[int, int]]

    @classmethod
    def of(cls, sure: Sequence[_Answer]) -> _Others:
        votes = Counter((answer.shape, answer.layout) for answer in sure if answer.layout is not None)
        ranked = [pair for pair, _ in reversed(votes.most_common())]  # the most frequent one is the last, and stays
        tokens = {shape[0]: layout for shape, layout in ranked if layout.axes == (1,)}
        return cls(dict(ranked), tokens, frozenset(layout.sides for _, layout in ranked if len(layout.axes) == 2))

    def decide(self, answer: _Answer, picture: tuple[int, int]) -> Layout:
        shape, usual = answer.shape, by_shape(answer.shape, picture)
        if shape in self.alike:
            return self.alike[shape]
        if len(shape) == 2:
            return self.tokens.get(shape[0]) or answer.layout or usual
        if any(side in self.tokens for side in shape[1:]):
            return _split(shape)
        known = [layout for layout in _pairs(shape) if layout.sides in self.sides and layout != usual]
        return known[0] if len(known) == 1 and usual.sides not in self.sides else usual


def _split(shape: tuple[int, ...]) -> Layout:
    return Layout(reason=f"its output {shape} splits tokens into parts, such as the heads of an attention")

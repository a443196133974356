"""The linear parts of networks for large pictures, solved in closed form: training begins where they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xai_widgets.methods.cladec.large import LargeDecoder, PatchEncoder
from xai_widgets.methods.cladec.layer import FittedLayer
from xai_widgets.methods.cladec.linear import moments, solution
from xai_widgets.methods.common.codes import CachedPass

PHOTOS, PLACES = 200, 24_000
"""Photos that they are solved on, and places of them in all."""

PENALTY = 1e-2
"""Of weights, where a unit's variance is 1."""

Codes = Callable[[Tensor], Tensor]
"""Codes of pictures at some indices."""


@torch.no_grad()
def solve(fitted: FittedLayer, seen: CachedPass, among: int) -> None:
    """Solve the linear parts of a layer's networks on some of the first `among` pictures of a pass."""
    everything = torch.ones(1, fitted.code[0], device=fitted.code_mean.device)
    _solve_decoder(fitted.decoder, lambda some: fitted.standard(seen.code(fitted.layer, some), everything), seen, among)
    encoder = fitted.encoder
    if isinstance(encoder, PatchEncoder):
        _solve_encoder(encoder, seen, among)
        _solve_decoder(fitted.reference_decoder, lambda some: encoder(seen.picture(some)), seen, among)


def _solve_decoder(decoder: nn.Module | None, codes: Codes, seen: CachedPass, among: int) -> None:
    """The tiles of each place from the numbers around it, as a difference from the mean colour."""
    if not isinstance(decoder, LargeDecoder) or decoder.linear is None:
        return
    reach, fine = decoder.linear.kernel_size[0], decoder.fine

    def pairs(some: Tensor) -> tuple[Tensor, Tensor]:
        code, pictures = codes(some), seen.picture(some)
        size = [side * fine for side in code.shape[2:]]
        tiles = F.pixel_unshuffle(F.interpolate(pictures, size, mode="area") - middle, fine)
        around = F.unfold(code, reach, padding=reach // 2)
        return _with_one(around.transpose(1, 2)), tiles.flatten(2).transpose(1, 2)

    middle = seen.picture(slice(0, min(among, PHOTOS))).mean((0, 2, 3))[:, None, None]
    weights = solution(*moments(_thinned(pairs, decoder.grid, among)), PENALTY)
    decoder.linear.weight.copy_(weights[:-1].T.reshape(decoder.linear.weight.shape))
    if decoder.linear.bias is not None:
        decoder.linear.bias.copy_(weights[-1])


def _solve_encoder(encoder: PatchEncoder, seen: CachedPass, among: int) -> None:
    """The main components of tiles, each with variance 1."""
    if (linear := encoder.linear) is None:
        return

    def pairs(some: Tensor) -> tuple[Tensor, Tensor]:
        pictures = encoder.small(encoder.fitting(seen.picture(some)))
        tiles = _with_one(F.unfold(pictures, encoder.tile, stride=encoder.tile).transpose(1, 2))
        return tiles, tiles

    products, _ = moments(_thinned(pairs, encoder.grid, among))
    middle = products[-1, :-1]
    values, vectors = torch.linalg.eigh(products[:-1, :-1] - middle[:, None] * middle)
    count = min(len(linear.weight), len(values))
    main = (vectors * values.clamp_min(0).add(1e-6).rsqrt()).flip(1)[:, :count].T
    linear.weight[:count] = main.reshape(count, *linear.weight.shape[1:])
    if linear.bias is not None:
        linear.bias[:count] = -main @ middle


def _thinned(
    pairs: Callable[[Tensor], tuple[Tensor, Tensor]], grid: tuple[int, ...], among: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows of some photos, evenly fewer of each where it has many places."""
    photos = min(among, PHOTOS)
    every = ceil(photos * grid[0] * grid[1] / PLACES)
    for batch in torch.arange(photos).split(10):
        seen, wanted = pairs(batch)
        yield seen.flatten(0, 1)[::every], wanted.flatten(0, 1)[::every]


def _with_one(rows: Tensor) -> Tensor:
    return torch.cat([rows, rows.new_ones(*rows.shape[:2], 1)], 2)
